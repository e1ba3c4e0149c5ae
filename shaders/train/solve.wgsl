// How a basis moves towards the one with the least squared error for codes that are given (`float::BasisFit`). With coefficients b
// of the codes, numbers x and their levels y, the change d of the basis solves (sum b b' + hold) d = sum b (x - y): the
// equations of the new basis less those of the old one, which keeps small changes exact in 32 bits.
//
// The sums of a quantizer are [pairs of bits (i, j) with j <= i, bits].

var<private> matrix: array<f32, SQUARE>;
var<private> right: array<f32, BITS>;

fn put_sum(s: u32, sum: f32, hold: f32) {
    if s >= PAIRS {
        right[s - PAIRS] = sum;
        return;
    }
    var i = 0u;
    var before = 0u;
    for (var row = 1u; row < BITS; row++) {
        if s >= row * (row + 1u) / 2u {
            i = row;
            before = row * (row + 1u) / 2u;
        }
    }
    let j = s - before;
    matrix[i * BITS + j] = sum + select(0.0, hold, i == j);
    matrix[j * BITS + i] = matrix[i * BITS + j];
}

// Solves the equations in `right`, by elimination. Whether they have a single solution.
fn solve() -> bool {
    for (var i = 0u; i < BITS; i++) {
        let pivot = matrix[i * BITS + i];
        if !(pivot > 0.0) {
            return false;
        }
        for (var row = i + 1u; row < BITS; row++) {
            let factor = matrix[row * BITS + i] / pivot;
            for (var column = i; column < BITS; column++) {
                matrix[row * BITS + column] -= factor * matrix[i * BITS + column];
            }
            right[row] -= factor * right[i];
        }
    }
    for (var back = 0u; back < BITS; back++) {
        let i = BITS - 1u - back;
        for (var column = i + 1u; column < BITS; column++) {
            right[i] -= matrix[i * BITS + column] * right[column];
        }
        right[i] /= matrix[i * BITS + i];
    }
    var finite = true;
    for (var i = 0u; i < BITS; i++) {
        finite = finite && abs(right[i]) < 3e38;
    }
    return finite;
}

// Moves the basis at `at` by a share of the change.
fn move_basis(at: u32, rate: f32) {
    if rate > 0.0 && solve() {
        for (var j = 0u; j < BITS; j++) {
            bases[at + j] += rate * right[j];
        }
    }
}
