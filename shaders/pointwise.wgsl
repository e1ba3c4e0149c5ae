// Gain, bias and shift per channel in 64 bits, then an optional addition and ReLU.
// Reference: src/backend/reference/pointwise.rs.
//
// Layouts: input [image, pixel, IN_C]; residual [image, pixel, RESIDUAL_C]; values [image, pixel, OUT_C]. Channels that
// the input or the residual lacks are 0. The table holds a vector (gain, low and high word of the bias, shift) per
// channel.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let c = index % OUT_C;
    let pixel = index / OUT_C;
    let x = select(0, input[select(0u, pixel * IN_C + c, c < IN_C)], c < IN_C);
    let row = table[c];
    let sum = wide_sum(wide_product(x, row.x), vec2(u32(row.y), u32(row.z)));
    var v = wide_saturate(wide_shift(sum, u32(row.w)));
    if HAS_RESIDUAL {
        let addend = select(0, residual[select(0u, pixel * RESIDUAL_C + c, c < RESIDUAL_C)], c < RESIDUAL_C);
        v = add_values(v, addend);
    }
    values[index] = select(v, max(v, 0), RELU);
}
