// Softmax and cross entropy of each picture: its loss and whether it is right, worth [picture, 2], and the gradient of the mean
// over the batch. See src/train/steps/loss.rs. The loss is that of logits less the largest, whose exponentials do not overflow.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let picture = invocation(id, lane);
    if picture >= params.images {
        return;
    }
    let first = picture * ROW;
    let label = labels[picture];
    var most = logits[first];
    var most_advised = advice[first];
    var best = 0u;
    for (var c = 1u; c < CLASSES; c++) {
        let logit = logits[first + c];
        best = select(best, c, logit > most);
        most = select(most, logit, logit > most);
        most_advised = max(most_advised, advice[first + c]);
    }
    var sum = 0.0;
    var advised = 0.0;
    for (var c = 0u; c < CLASSES; c++) {
        sum += exp(logits[first + c] - most);
        advised += exp(advice[first + c] - most_advised);
    }
    let smoothing = knobs[SMOOTHING];
    let share = knobs[TEACHER_SHARE];
    let log_sum = log(sum);
    var loss = 0.0;
    for (var c = 0u; c < CLASSES; c++) {
        let hard = select(0.0, 1.0 - smoothing, c == label) + smoothing / f32(CLASSES);
        let soft = exp(advice[first + c] - most_advised) / advised;
        let wanted = (1.0 - share) * hard + share * soft;
        let above = logits[first + c] - most;
        loss += wanted * (log_sum - above);
        gradient[first + c] = (exp(above) / sum - wanted) / f32(params.images);
    }
    for (var c = CLASSES; c < ROW; c++) {
        gradient[first + c] = 0.0;
    }
    worth[2u * picture] = loss;
    worth[2u * picture + 1u] = select(0.0, 1.0, best == label);
}
