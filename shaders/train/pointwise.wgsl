// What happens to each number by itself: a batch norm, a ReLU and a quantizer, each of which may be absent. See
// src/train/steps/pointwise.rs. In training, the sums from which the quantizer's basis learns (solve.wgsl) are made as well:
// sums [SUMS, part, quad].

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= PER_IMAGE {
        return;
    }
    let own = own_of(index);
    let constants = affine_of(own.quad);
    var exists = vec4(false);
    for (var k = 0u; k < 4u; k++) { // unrolled
        exists[k] = 4u * own.quad + k < CHANNELS;
    }
    var sums = array<f32, SUMS>();
    for (var pixel = own.first; pixel < own.end; pixel++) {
        let at = pixel * QUADS + own.quad;
        var y = fma(input[at], constants.factor, constants.summand);
        if RELU {
            y = max(y, vec4(0.0));
        }
        if BITS > 0u {
            var level = vec4(levels[0]);
            var code = vec4(u32(levels[2u * LEVELS]));
            if FEW {
                for (var r = 1u; r < LEVELS; r++) {
                    let threshold = vec4(levels[LEVELS + r - 1u]);
                    let above = select(y > threshold, y >= threshold, vec4(TIES_ABOVE));
                    level = select(level, vec4(levels[r]), above);
                    code = select(code, vec4(u32(levels[2u * LEVELS + r])), above);
                }
            } else {
                for (var k = 0u; k < 4u; k++) { // unrolled
                    var rank = 0u;
                    for (var jump = LEVELS / 2u; jump > 0u; jump /= 2u) {
                        let threshold = levels[LEVELS + rank + jump - 1u];
                        rank += select(0u, jump, select(y[k] > threshold, y[k] >= threshold, TIES_ABOVE));
                    }
                    level[k] = levels[rank];
                    code[k] = u32(levels[2u * LEVELS + rank]);
                }
            }
            if LEARNS {
                let error = select(vec4(0.0), y - level, exists);
                for (var i = 0u; i < BITS; i++) { // unrolled
                    let row = select(vec4(0.0), coefficients(code, i), exists);
                    sums[PAIRS + i] += dot(row, error);
                    for (var j = 0u; j < BITS; j++) { // unrolled
                        if j <= i {
                            sums[i * (i + 1u) / 2u + j] += dot(row, coefficients(code, j));
                        }
                    }
                }
            }
            y = level;
        }
        output[at] = select(vec4(0.0), y, exists);
    }
    if LEARNS {
        for (var s = 0u; s < SUMS; s++) { // unrolled
            parts[s * PER_IMAGE + index] = sums[s];
        }
    }
}

fn coefficients(code: vec4<u32>, bit: u32) -> vec4<f32> {
    return select(vec4(OFF), vec4(1.0), ((code >> vec4(bit)) & vec4(1u)) == vec4(1u));
}
