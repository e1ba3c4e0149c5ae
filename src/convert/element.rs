//! Element types of PyTorch and safetensors tensors, and how the floats among them become float32.

/// Type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// IEEE half precision.
    F16,
    /// The upper half of an [`Element::F32`].
    BF16,
    F32,
    F64,
    /// A type that is listed and not read: its name and the bytes of one element.
    Other(&'static str, usize),
}

impl Element {
    /// PyTorch's name of the type, such as "float32".
    pub(crate) fn name(self) -> &'static str {
        match self {
            Element::F16 => "float16",
            Element::BF16 => "bfloat16",
            Element::F32 => "float32",
            Element::F64 => "float64",
            Element::Other(name, _) => name,
        }
    }

    /// Bytes of one element.
    pub(crate) fn size(self) -> usize {
        match self {
            Element::F16 | Element::BF16 => 2,
            Element::F32 => 4,
            Element::F64 => 8,
            Element::Other(_, size) => size,
        }
    }

    /// Whether [`Element::decode`] reads this type.
    pub(crate) fn is_float(self) -> bool {
        !matches!(self, Element::Other(..))
    }

    /// Appends little-endian floats as float32: half precision exactly, double precision rounded to nearest even, and
    /// to infinity beyond the range. Elements of other types give nothing.
    pub(crate) fn decode(self, raw: &[u8], out: &mut Vec<f32>) {
        match self {
            Element::F16 => out.extend(raw.as_chunks().0.iter().map(|b| half_to_f32(u16::from_le_bytes(*b)))),
            Element::BF16 => {
                let wide = |b: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
                out.extend(raw.as_chunks().0.iter().map(wide));
            }
            Element::F32 => out.extend(raw.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
            // Rust's conversion rounds to nearest, ties to even.
            Element::F64 => out.extend(raw.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32)),
            Element::Other(..) => {}
        }
    }
}

/// Every half-precision number is one in single precision (IEEE 754: 5 bits of exponent with bias 15, and 10 of fraction).
fn half_to_f32(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let rest = u32::from(half & 0x7fff) << 13;
    if rest >= 0x1f << 23 {
        // Infinity or NaN: the largest exponent stays the largest.
        return f32::from_bits(sign | 0x7f80_0000 | rest);
    }
    // The exponents' biases differ by 112. A multiplication also sets subnormal numbers right.
    f32::from_bits(sign | rest) * f32::from_bits((127 + 112) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(element: Element, raw: &[u8]) -> Vec<f32> {
        let mut out = Vec::new();
        element.decode(raw, &mut out);
        out
    }

    #[test]
    fn every_half_has_its_value() {
        for half in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(half >> 10 & 0x1f), f64::from(half & 0x3ff));
            let expected = match exponent {
                0 => fraction * 2f64.powi(-24),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
            };
            let expected = if half >> 15 == 1 { -expected } else { expected };
            let found = f64::from(decode(Element::F16, &half.to_le_bytes())[0]);
            assert!(
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                "{half:#06x}: {found}"
            );
        }
    }

    #[test]
    fn other_floats() {
        assert_eq!(decode(Element::BF16, &[0x80, 0x3f, 0xc0, 0xc0]), [1.0, -6.0]);
        assert_eq!(decode(Element::F32, &1.25f32.to_le_bytes()), [1.25]);
        // Halfway between two floats: to the even one, below and above.
        let ulp = 2f64.powi(-23);
        for (double, expected) in [(1.0 + ulp / 2.0, 1.0), (1.0 + ulp * 1.5, 1.0 + 2.0 * ulp), (1e300, f64::INFINITY)] {
            assert_eq!(f64::from(decode(Element::F64, &double.to_le_bytes())[0]), expected);
        }
        assert!(decode(Element::Other("int64", 8), &[0; 8]).is_empty());
    }
}
