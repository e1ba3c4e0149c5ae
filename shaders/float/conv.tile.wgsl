// Convolution in f32: the variant in register tiles, for inputs in whole quads of channels.
//
// Layouts: input [image, IN_H, IN_W, IN_ROW] of vectors of four channels, of which IN_QUADS from IN_AT on are read;
// weights [turn, KH, IN_QUADS, TAPS_X, IN_LANES, QUADS_AT_ONCE] of vectors whose lanes are the four output channels of
// a quad.
//
// Each invocation computes TILE neighbouring pixels of one row for QUADS_AT_ONCE quads of output channels. A step
// covers one quad of input channels in one row of the window; its columns are loaded once for all taps of the row. The
// invocations of a workgroup differ only in their pixels, and read the same weights.

var<private> rows: array<vec4<i32>, ROWS>;

fn row_of(quad: u32, row: u32) -> vec4<i32> {
    return rows[row];
}

var<private> image_row: u32;
var<private> first_y: u32;
var<private> first_x: u32;

// The input under the tile; pixels outside the input are 0.
fn load_columns(ky: u32, quad: u32) -> array<vec4<f32>, COLUMNS> {
    let iy = first_y + ky * DILATION_Y;
    let row_at = ((image_row + iy) * IN_W + first_x) * IN_ROW + IN_AT + quad;
    var columns = array<vec4<f32>, COLUMNS>();
    for (var c = 0u; c < COLUMNS; c++) { // unrolled
        let inside = iy < IN_H && first_x + c < IN_W;
        columns[c] = select(vec4(0.0), input[select(0u, row_at + c * IN_ROW, inside)], inside);
    }
    return columns;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let x0 = index % TILES * TILE;
    let y = index / TILES % OUT_H;
    let image = index / PER_IMAGE;
    image_row = image * IN_H;
    first_y = y * STRIDE_Y - BEFORE_Y;
    first_x = x0 * STRIDE_X - BEFORE_X;

    var sums = array<array<vec4<f32>, QUADS_AT_ONCE>, TILE>();
    var weights_at = id.z * KH * IN_QUADS * STEP_WEIGHTS;
    for (var ky = 0u; ky < KH; ky++) {
        for (var quad = 0u; quad < IN_QUADS; quad++) {
            let columns = load_columns(ky, quad);
            var taps = array<vec4<f32>, STEP_WEIGHTS>();
            for (var k = 0u; k < STEP_WEIGHTS; k++) { // unrolled
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
            }
            for (var q = 0u; q < QUADS_AT_ONCE; q++) { // unrolled
                for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                    for (var k = 0u; k < IN_LANES; k++) { // unrolled
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
                        for (var t = 0u; t < TILE; t++) { // unrolled
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
                        }
                    }
                }
            }
            weights_at += STEP_WEIGHTS;
        }
    }

    let pixel = (image * OUT_H + y) * OUT_W + x0;
    for (var q = 0u; q < QUADS_AT_ONCE; q++) { // unrolled
        let quad = FIRST_QUAD + id.z * QUADS_AT_ONCE + q;
        for (var r = 0u; r < ROWS; r++) { // unrolled
            rows[r] = table[quad * ROWS + r];
        }
        for (var t = 0u; t < TILE; t++) { // unrolled
            if (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || quad < OUT_QUADS) {
                finish(quad, pixel + t, sums[t][q]);
            }
        }
    }
}
