// The epilogue of a float step: a batch norm, the addition of another tensor, ReLU, and a second output with a batch
// norm and ReLU of its own. The kernel defines row_of(quad, row), which returns four channels of a row of the table.

fn row(quad: u32, index: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(row_of(quad, index));
}

// Finishes channels 4 quad to 4 quad + 3 of `pixel` (its index in the batch).
fn finish(quad: u32, pixel: u32, sum: vec4<f32>) {
    var v = sum;
    if HAS_SCALE {
        v *= row(quad, SCALE);
    }
    v += row(quad, 0u);
    if HAS_RESIDUAL {
        v += residual[pixel * RESIDUAL_ROW + RESIDUAL_AT + quad];
    }
    if RELU {
        v = max(v, vec4(0.0));
    }
    if HAS_OUTPUT {
        output[pixel * OUTPUT_ROW + OUTPUT_AT + quad] = v;
    }
    if HAS_SECOND {
        v = fma(v, row(quad, SECOND_SCALE), row(quad, SECOND_SHIFT));
        if SECOND_RELU {
            v = max(v, vec4(0.0));
        }
        second[pixel * SECOND_ROW + SECOND_AT + quad] = v;
    }
}
