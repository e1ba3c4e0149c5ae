const VALUE_MAX: i32 = 1073741823i;
const SPAN: u32 = 16u;
const PARTS: u32 = 1u;
const X_LIMBS: u32 = 4u;
const W_LIMBS: u32 = 3u;
const DIAGONALS: u32 = 6u;
const WORKGROUP_SIZE: u32 = 16u;
const FOLD: u32 = 65535u;
struct Params { images: u32, zero: u32, pad_0: u32, pad_1: u32, }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> shape: array<vec4<u32>, 1>;
var<private> PER_IMAGE: u32;
var<private> OUT_C: u32;
var<private> TERMS: u32;
var<private> STEPS: u32;
fn load_shape() {
    PER_IMAGE = shape[0][0];
    OUT_C = shape[0][1];
    TERMS = shape[0][2];
    STEPS = shape[0][3];
}
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> sums: array<i32>;
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
}
var<workgroup> shares: array<i32, WORKGROUP_SIZE * DIAGONALS>;
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let image = id.y * FOLD + id.x;
    if image >= params.images {
        return;
    }
    let part = lane / SPAN;
    let member = lane % SPAN;
    var diagonals = array<i32, DIAGONALS>();
    for (var step = part; step < STEPS; step += PARTS) {
        let weights_at = (id.z * STEPS + step) * W_LIMBS * SPAN + member;
{
const k = 0u;
            let term = min(step * 4u + k, TERMS - 1u);
{
const p = 0u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 1u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 2u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 3u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
}
{
const k = 1u;
            let term = min(step * 4u + k, TERMS - 1u);
{
const p = 0u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 1u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 2u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 3u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
}
{
const k = 2u;
            let term = min(step * 4u + k, TERMS - 1u);
{
const p = 0u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 1u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 2u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 3u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
}
{
const k = 3u;
            let term = min(step * 4u + k, TERMS - 1u);
{
const p = 0u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 1u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 2u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
{
const p = 3u;
                let x = input[(image * TERMS + term) * X_LIMBS + p];
{
const q = 0u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 1u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
{
const q = 2u;
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
}
}
}
    }
{
const d = 0u;
        shares[d * WORKGROUP_SIZE + lane] = diagonals[d];
}
{
const d = 1u;
        shares[d * WORKGROUP_SIZE + lane] = diagonals[d];
}
{
const d = 2u;
        shares[d * WORKGROUP_SIZE + lane] = diagonals[d];
}
{
const d = 3u;
        shares[d * WORKGROUP_SIZE + lane] = diagonals[d];
}
{
const d = 4u;
        shares[d * WORKGROUP_SIZE + lane] = diagonals[d];
}
{
const d = 5u;
        shares[d * WORKGROUP_SIZE + lane] = diagonals[d];
}
    workgroupBarrier();
    let channel = id.z * SPAN + member;
    if (part > 0u) | (channel >= OUT_C) {
        return;
    }
{
const d = 0u;
        var sum = 0;
{
const other = 0u;
            sum += shares[d * WORKGROUP_SIZE + other * SPAN + member];
}
        sums[(image * OUT_C + channel) * DIAGONALS + d] = sum;
}
{
const d = 1u;
        var sum = 0;
{
const other = 0u;
            sum += shares[d * WORKGROUP_SIZE + other * SPAN + member];
}
        sums[(image * OUT_C + channel) * DIAGONALS + d] = sum;
}
{
const d = 2u;
        var sum = 0;
{
const other = 0u;
            sum += shares[d * WORKGROUP_SIZE + other * SPAN + member];
}
        sums[(image * OUT_C + channel) * DIAGONALS + d] = sum;
}
{
const d = 3u;
        var sum = 0;
{
const other = 0u;
            sum += shares[d * WORKGROUP_SIZE + other * SPAN + member];
}
        sums[(image * OUT_C + channel) * DIAGONALS + d] = sum;
}
{
const d = 4u;
        var sum = 0;
{
const other = 0u;
            sum += shares[d * WORKGROUP_SIZE + other * SPAN + member];
}
        sums[(image * OUT_C + channel) * DIAGONALS + d] = sum;
}
{
const d = 5u;
        var sum = 0;
{
const other = 0u;
            sum += shares[d * WORKGROUP_SIZE + other * SPAN + member];
}
        sums[(image * OUT_C + channel) * DIAGONALS + d] = sum;
}
}
