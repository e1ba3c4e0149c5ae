//! The widths in which layers are tried.

use crate::quantize::bits::LayerBits;

/// Widths below the widest one. A seventh bit saves little against eight.
const TRIED: [usize; 6] = [1, 2, 3, 4, 5, 6];

/// Widths up to `limit`, narrowest first; float alone if that is the limit.
pub(super) fn tried(limit: Option<usize>) -> Vec<Option<usize>> {
    let narrower = TRIED.iter().filter(|&&bits| limit.is_some_and(|limit| bits < limit));
    narrower.map(|&bits| Some(bits)).chain([limit]).collect()
}

/// Pairs of widths of a layer that may have `limit` at most. Activations stay as wide as they may be unless they are `varied`.
pub(super) fn pairs(limit: LayerBits, varied: bool) -> Vec<LayerBits> {
    let activations = if varied { tried(limit.activations) } else { vec![limit.activations] };
    let with = |weights: Option<usize>| activations.iter().map(move |&activations| LayerBits { weights, activations });
    tried(limit.weights).into_iter().flat_map(with).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_always_tried() {
        assert_eq!(tried(None), [None]);
        assert_eq!(tried(Some(1)), [Some(1)]);
        assert_eq!(tried(Some(7)), [1, 2, 3, 4, 5, 6, 7].map(Some));
        assert_eq!(tried(Some(8)), [1, 2, 3, 4, 5, 6, 8].map(Some));
        let limit = LayerBits { weights: Some(2), activations: Some(3) };
        let texts = |varied| pairs(limit, varied).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(true), ["1/1", "1/2", "1/3", "2/1", "2/2", "2/3"]);
        assert_eq!(texts(false), ["1/3", "2/3"]);
    }
}
