// The rows of pixels under a strip: TILE neighbouring output pixels of a convolution of a picture, in which a pixel is one
// word of four signed bytes and a row consists of vectors of four pixels.

// The pixels of row `iy` from column first_x on, where SKIPPED further ones lie before it. Those outside the input are 0.
fn load_columns(place: Place, iy: u32) -> array<u32, COLUMN_ROOM> {
    let first_vector = place.x0 * STRIDE_X / 4u - VECTORS_BEFORE;
    let row_at = (place.image * IN_H + iy) * (IN_W / 4u);
    var columns = array<u32, COLUMN_ROOM>();
    for (var v = 0u; v < VECTORS; v++) { // unrolled
        let inside = first_vector + v < IN_W / 4u;
        let four = select(vec4(0u), input[select(0u, row_at + first_vector + v, inside)], inside);
        for (var k = 0u; k < 4u; k++) { // unrolled
            columns[4u * v + k] = four[k];
        }
    }
    return columns;
}

// The first LOADED words of an output channel's weights for row `ky` of the window, and what lies beside them.
fn load_weights(place: Place, ky: u32) -> array<u32, LOADED> {
    let at = (place.span * KH + ky) * ROW_LOADS * SPAN + place.member;
    var loaded = array<u32, LOADED>();
    for (var v = 0u; v < WEIGHT_LOADS; v++) { // unrolled
        let four = weights[at + v * SPAN];
        for (var k = 0u; k < 4u; k++) { // unrolled
            loaded[4u * v + k] = four[k];
        }
    }
    return loaded;
}
