// Diagonal sums of limb products, of a quad or of one channel (ranks.wgsl): D_d is worth 256^d. Reference: src/fixed.rs.

struct Words {
    hi: Ints,
    lo: Ints,
}

// Combines the diagonals: digits below DROP are dropped, the next two are the low word, the rest is the high word.
fn combined(diagonals: array<Ints, DIAGONALS>) -> Words {
    var carry = Ints(0);
    var hi = Ints(0);
    var lo = Ints(0);
    for (var d = 0u; d < DIGITS; d++) { // unrolled
        var sum = carry;
        if d < DIAGONALS {
            sum += diagonals[min(d, DIAGONALS - 1u)];
        }
        if d < DROP + 2u {
            carry = sum >> Uints(8u);
            if d >= DROP {
                lo |= (sum & Ints(255)) << Uints(8u * min(max(d, DROP) - DROP, 1u));
            }
        } else {
            carry = Ints(0);
            hi += sum << Uints(8u * (max(d, DROP + 2u) - DROP - 2u));
        }
    }
    return Words(hi + carry, lo);
}
