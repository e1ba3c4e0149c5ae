// Diagonal sums of limb products: D_d is worth 256^d. Reference: src/fixed.rs.

struct Words {
    hi: vec4<i32>,
    lo: vec4<i32>,
}

// Combines the diagonals: digits below DROP are dropped, the next two are the low word, the rest is the high word.
fn combined(diagonals: array<vec4<i32>, DIAGONALS>) -> Words {
    var carry = vec4(0);
    var hi = vec4(0);
    var lo = vec4(0);
    for (var d = 0u; d < DIGITS; d++) { // unrolled
        var sum = carry;
        if d < DIAGONALS {
            sum += diagonals[min(d, DIAGONALS - 1u)];
        }
        if d < DROP + 2u {
            carry = sum >> vec4(8u);
            if d >= DROP {
                lo |= (sum & vec4(255)) << vec4(8u * min(max(d, DROP) - DROP, 1u));
            }
        } else {
            carry = vec4(0);
            hi += sum << vec4(8u * (max(d, DROP + 2u) - DROP - 2u));
        }
    }
    return Words(hi + carry, lo);
}

fn store_sums(image: u32, quad: u32, d: u32, sum: vec4<i32>) {
    for (var k = 0u; k < 4u; k++) { // unrolled
        let c = quad * 4u + k;
        if c < OUT_C {
            sums[(image * OUT_C + c) * DIAGONALS + d] = sum[k];
        }
    }
}
