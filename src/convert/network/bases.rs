//! The order in which training code stores bases.

/// The conventions of some code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bases {
    /// `[bits, out]` of weights, `[bits, 1]` of activations.
    BitsFirst,
    /// `[out, bits]` of weights, `[bits]` or `[1, bits]` of activations.
    BitsLast,
    /// `[bits]` of either: one basis for all output channels.
    Shared,
}

impl Bases {
    /// Output channels of weights whose bases have this shape.
    pub(crate) fn outputs(self, shape: &[usize]) -> Option<usize> {
        match self {
            Bases::BitsFirst => shape.last().copied(),
            Bases::BitsLast => shape.first().copied(),
            Bases::Shared => None,
        }
    }

    /// Bits of weights or activations whose bases have this shape.
    pub(crate) fn bits(self, shape: &[usize]) -> Option<usize> {
        match self {
            Bases::BitsFirst | Bases::Shared => shape.first().copied(),
            Bases::BitsLast => shape.last().copied(),
        }
    }

    /// Shape of the bases of `outputs` channels.
    pub(crate) fn weight_shape(self, bits: usize, outputs: usize) -> Vec<usize> {
        match self {
            Bases::BitsFirst => vec![bits, outputs],
            Bases::BitsLast => vec![outputs, bits],
            Bases::Shared => vec![bits],
        }
    }

    /// Bases of `outputs` channels as `[bits, outputs]`.
    pub(crate) fn bits_first(self, data: Vec<f32>, outputs: usize) -> Vec<f32> {
        match self {
            Bases::BitsFirst => data,
            Bases::BitsLast => {
                let bits = data.len() / outputs.max(1);
                (0..bits).flat_map(|bit| data.iter().skip(bit).step_by(bits)).copied().collect()
            }
            Bases::Shared => data.into_iter().flat_map(|element| std::iter::repeat_n(element, outputs)).collect(),
        }
    }

    /// Shapes in which the basis of an activation quantizer may be saved, the usual one first.
    pub(crate) fn activation_shapes(self, bits: usize) -> Vec<Vec<usize>> {
        match self {
            Bases::BitsFirst => vec![vec![bits, 1]],
            Bases::BitsLast => vec![vec![bits], vec![1, bits]],
            Bases::Shared => vec![vec![bits]],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_means_the_same_bases() {
        let bits_first = vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
        assert_eq!(Bases::BitsFirst.bits_first(bits_first.clone(), 3), bits_first);
        assert_eq!(Bases::BitsLast.bits_first(vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0], 3), bits_first);
        assert_eq!(Bases::Shared.bits_first(vec![1.0, 2.0], 3), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        for (bases, shape) in [(Bases::BitsFirst, vec![2, 3]), (Bases::BitsLast, vec![3, 2]), (Bases::Shared, vec![2])]
        {
            assert_eq!((bases.weight_shape(2, 3), bases.bits(&shape)), (shape, Some(2)), "{bases:?}");
        }
    }
}
