// Moves all parameters by their gradients, with Nesterov's momentum: see src/train/sgd.rs. The first DECAYED decay. If the loss is
// no number, they stay, so that the layer can be found where it went wrong.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= PER_IMAGE || !(abs(total[0]) < 3e38) {
        return;
    }
    let value = values[index];
    let momentum = knobs[MOMENTUM];
    let gradient = gradients[index] + select(0.0, knobs[DECAY], index < DECAYED) * value;
    let average = momentum * averages[index] + gradient;
    averages[index] = average;
    values[index] = value - knobs[RATE] * (gradient + momentum * average);
}
