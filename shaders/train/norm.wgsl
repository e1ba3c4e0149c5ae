// The batch norm of a layer as an affine function of each channel: affine [factor, summand, mean, inverse deviation][QUADS]. In
// training it is that of the batch, whose moments (moments.wgsl) a workgroup per quad combines, and the averages move; else that
// of the averages. See src/train/steps/normal.rs.
//
// The moments of two sets of n and m numbers, with means differing by d, combine to mean + d m / (n + m) and the sum of both
// squares + d d n m / (n + m) (Chan, Golub and LeVeque 1979).

struct Moments {
    count: f32,
    mean: vec4<f32>,
    squares: vec4<f32>,
}

var<workgroup> shared_moments: array<Moments, WORKGROUP_SIZE>;

fn combined(a: Moments, b: Moments) -> Moments {
    let count = a.count + b.count;
    if b.count == 0.0 {
        return a;
    }
    let apart = b.mean - a.mean;
    let share = b.count / count;
    return Moments(count, a.mean + apart * share, a.squares + b.squares + apart * apart * (a.count * share));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let quad = invocation(id, lane) / WORKGROUP_SIZE;
    let all = params.images * PIXELS;
    if TRAINING {
        let each = (all + PARTS - 1u) / PARTS;
        let own_parts = (PARTS + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
        var own = Moments(0.0, vec4(0.0), vec4(0.0));
        for (var part = lane * own_parts; part < min(PARTS, (lane + 1u) * own_parts); part++) {
            let count = min((part + 1u) * each, all) - min(part * each, all);
            let at = 2u * (part * QUADS + min(quad, QUADS - 1u));
            own = combined(own, Moments(f32(count), parts[at], parts[at + 1u]));
        }
        shared_moments[lane] = own;
        workgroupBarrier();
        for (var apart = WORKGROUP_SIZE / 2u; apart > 0u; apart /= 2u) {
            if lane < apart {
                shared_moments[lane] = combined(shared_moments[lane], shared_moments[lane + apart]);
            }
            workgroupBarrier();
        }
    }
    let c = 4u * quad + lane;
    if lane >= 4u || c >= CHANNELS {
        return;
    }
    var mean = statistics[MEAN_AT + c];
    var variance = statistics[VARIANCE_AT + c];
    if TRAINING {
        let count = f32(all);
        let now = shared_moments[0];
        let old = vec2(mean, variance);
        mean = now.mean[lane];
        variance = now.squares[lane] / count;
        // The average is of the variance of all pictures, of which the batch is a sample.
        let unbiased = now.squares[lane] / max(count - 1.0, 1.0);
        statistics[MEAN_AT + c] = KEPT * old.x + (1.0 - KEPT) * mean;
        statistics[VARIANCE_AT + c] = KEPT * old.y + (1.0 - KEPT) * unbiased;
    }
    let inverse = 1.0 / sqrt(variance + bitcast<f32>(EPSILON));
    let factor = values[GAMMA_AT + c] * inverse;
    affine[c] = factor;
    affine[4u * QUADS + c] = values[BETA_AT + c] - factor * mean;
    affine[8u * QUADS + c] = mean;
    affine[12u * QUADS + c] = inverse;
}

// How much of the averages a batch leaves.
const KEPT: f32 = 0.9;
