// The gradient of a convolution's weights: for each weight the sum, over all output pixels, of the gradient there times the input
// that the weight multiplies. The rows of the batch are divided into PARTS, whose sums conv.gradient.sum.wgsl adds in order.
//
// Layouts: input [image, IN_H, IN_W, IN_QUADS] and gradient [image, OUT_H, OUT_W, OUT_QUADS] of vectors of four channels;
// parts [part, turn, SUMS, COUNT] of vectors of four output channels. SUMS has [tap, input lane, quad of the turn], COUNT
// [run of taps, KH, IN_QUADS].
//
// Each invocation computes TAPS neighbouring taps of one row of the window, for one quad of input channels and AT_ONCE quads of
// output channels. It takes TILE neighbouring pixels at a time, whose columns are loaded once for all taps. Neighbouring
// invocations read neighbouring inputs and the same gradients; LAYERED says that each workgroup has one part and turn only.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= PER_IMAGE {
        return;
    }
    let own = index % COUNT;
    var layer = index / COUNT;
    if LAYERED {
        layer = id.z;
    }
    let turn = layer % TURNS;
    let quad = own % IN_QUADS;
    let ky = own / IN_QUADS % KH;
    let first_tap = own / (IN_QUADS * KH) * TAPS;
    let all = params.images * OUT_H;
    let each = (all + PARTS - 1u) / PARTS;
    let first = min(layer / TURNS * each, all);
    let end = min(first + each, all);
    var sums = array<vec4<f32>, SUMS>();
    for (var row = first; row < end; row++) {
        let iy = source(row % OUT_H, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        let row_at = (row / OUT_H * IN_H + iy) * IN_W;
        for (var x0 = 0u; x0 < OUT_W; x0 += TILE) {
            let first_x = source(x0, STRIDE_X, first_tap * DILATION_X, BEFORE_X);
            var columns = array<vec4<f32>, COLUMNS>();
            for (var c = 0u; c < COLUMNS; c++) { // unrolled
                let inside = iy < IN_H && first_x + c < IN_W;
                let at = (row_at + first_x + c) * IN_QUADS + quad;
                columns[c] = select(vec4(0.0), input[select(0u, at, inside)], inside);
            }
            let gradient_at = (row * OUT_W + x0) * OUT_QUADS + turn * AT_ONCE;
            for (var q = 0u; q < AT_ONCE; q++) { // unrolled
                var slopes = array<vec4<f32>, TILE>();
                for (var t = 0u; t < TILE; t++) { // unrolled
                    let inside = (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || turn * AT_ONCE + q < OUT_QUADS);
                    let at = gradient_at + t * OUT_QUADS + q;
                    slopes[t] = select(vec4(0.0), gradient[select(0u, at, inside)], inside);
                }
                for (var kx = 0u; kx < TAPS; kx++) { // unrolled
                    for (var k = 0u; k < LANES; k++) { // unrolled
                        for (var t = 0u; t < TILE; t++) { // unrolled
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            let at = (kx * LANES + k) * AT_ONCE + q;
                            sums[at] = fma(vec4(x), slopes[t], sums[at]);
                        }
                    }
                }
            }
        }
    }
    for (var s = 0u; s < SUMS; s++) { // unrolled
        parts[(layer * SUMS + s) * COUNT + own] = sums[s];
    }
}
