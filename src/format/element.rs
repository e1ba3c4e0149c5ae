//! Types of array elements, whatever the file format, and how the floats among them become float32.

/// Type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of numbers say what they are")]
pub enum ElementType {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    /// IEEE half precision.
    F16,
    /// The upper half of an [`ElementType::F32`].
    BF16,
    F32,
    F64,
    Complex64,
    Complex128,
    /// A type that only one format has: its name and the bytes of one element.
    Other(&'static str, usize),
}

impl ElementType {
    /// NumPy's and PyTorch's name of the type, and the bytes of one element.
    fn facts(self) -> (&'static str, usize) {
        match self {
            ElementType::Bool => ("bool", 1),
            ElementType::U8 => ("uint8", 1),
            ElementType::I8 => ("int8", 1),
            ElementType::U16 => ("uint16", 2),
            ElementType::I16 => ("int16", 2),
            ElementType::U32 => ("uint32", 4),
            ElementType::I32 => ("int32", 4),
            ElementType::U64 => ("uint64", 8),
            ElementType::I64 => ("int64", 8),
            ElementType::F16 => ("float16", 2),
            ElementType::BF16 => ("bfloat16", 2),
            ElementType::F32 => ("float32", 4),
            ElementType::F64 => ("float64", 8),
            ElementType::Complex64 => ("complex64", 8),
            ElementType::Complex128 => ("complex128", 16),
            ElementType::Other(name, size) => (name, size),
        }
    }

    /// Name of the type, such as "float32".
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        self.facts().1
    }

    /// Whether [`ElementType::decode`] reads this type.
    pub fn is_float(self) -> bool {
        matches!(self, ElementType::F16 | ElementType::BF16 | ElementType::F32 | ElementType::F64)
    }

    /// Appends little-endian floats as float32: half precision exactly, double precision rounded to nearest even, and
    /// to infinity beyond the range. Elements of other types give nothing.
    pub fn decode(self, raw: &[u8], out: &mut Vec<f32>) {
        match self {
            ElementType::F16 => out.extend(raw.as_chunks().0.iter().map(|b| half_to_f32(u16::from_le_bytes(*b)))),
            ElementType::BF16 => {
                let wide = |b: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
                out.extend(raw.as_chunks().0.iter().map(wide));
            }
            ElementType::F32 => out.extend(raw.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
            // Rust's conversion rounds to nearest, ties to even.
            ElementType::F64 => out.extend(raw.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32)),
            _ => {}
        }
    }
}

/// Exact: single precision has every half-precision number (IEEE 754: 5 bits of exponent with bias 15, 10 of
/// fraction).
fn half_to_f32(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let rest = u32::from(half & 0x7fff) << 13;
    if rest >= 0x1f << 23 {
        // Infinity or NaN: the exponent is all ones in both formats.
        return f32::from_bits(sign | 0x7f80_0000 | rest);
    }
    // The exponent biases differ by 112. Multiplying also normalizes subnormal numbers.
    f32::from_bits(sign | rest) * f32::from_bits((127 + 112) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(element: ElementType, raw: &[u8]) -> Vec<f32> {
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
            let found = f64::from(decode(ElementType::F16, &half.to_le_bytes())[0]);
            assert!(
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                "{half:#06x}: {found}"
            );
        }
    }

    #[test]
    fn other_floats() {
        assert_eq!(decode(ElementType::BF16, &[0x80, 0x3f, 0xc0, 0xc0]), [1.0, -6.0]);
        assert_eq!(decode(ElementType::F32, &1.25f32.to_le_bytes()), [1.25]);
        // Halfway between two floats: to the even one, below and above.
        let ulp = 2f64.powi(-23);
        for (double, expected) in [(1.0 + ulp / 2.0, 1.0), (1.0 + ulp * 1.5, 1.0 + 2.0 * ulp), (1e300, f64::INFINITY)] {
            assert_eq!(f64::from(decode(ElementType::F64, &double.to_le_bytes())[0]), expected);
        }
        assert!(decode(ElementType::I64, &[0; 8]).is_empty());
    }
}
