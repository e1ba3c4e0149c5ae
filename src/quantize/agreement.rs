//! How far the logits of the quantized network are from those in float.

use super::network::{Pair, Tensors};
use super::tape::Tape;
use crate::error::{Error, Result};
use crate::float::{self, best};
use crate::graph::{Fact, Graph, Params};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Both networks on the calibration pictures, without their mirror images. No labels are needed for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// Pictures that were compared.
    pub pictures: usize,
    /// Pictures to which both networks give the same class.
    pub same_class: usize,
    /// Squared difference of the logits, as a share of their variance; `None` if they do not vary, as with one picture.
    pub difference: Option<f64>,
}

impl Agreement {
    /// Compares the logits of pictures, one row each.
    fn new(float: &[Vec<f32>], low: &[Vec<f32>]) -> Self {
        let numbers = || float.iter().flatten().zip(low.iter().flatten());
        let squares: f64 = numbers().map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        let spread = spread(float);
        Agreement {
            pictures: float.len(),
            same_class: float.iter().zip(low).filter(|(a, b)| best(a) == best(b)).count(),
            difference: (spread > 0.0).then(|| squares / spread),
        }
    }

    /// The agreement of what both networks give for the first `pictures`.
    pub(super) fn of(last: &Pair, pictures: usize) -> Result<Self> {
        let rows = |tape: &Tape| -> Result<Vec<Vec<f32>>> {
            Ok(tape.read(0, pictures)?.chunks_exact(tape.length).map(<[f32]>::to_vec).collect())
        };
        Ok(Agreement::new(&rows(&last.float)?, &rows(&last.low)?))
    }
}

/// What the network with `params`, as they are stored, gives for `pictures`, whose tensors `input` holds.
pub(super) fn logits(
    (graph, facts, params): (&Graph, &[Fact], &Params),
    input: &Arc<Tape>,
    pictures: usize,
    name: &str,
) -> Result<Arc<Tape>> {
    let mut tensors = Tensors::new(graph, facts, input.clone(), pictures);
    let mut last = input.clone();
    for id in 1..facts.len() {
        let layer = float::layer(graph, facts, id, params).map_err(|p| Error::bad_model(Path::new(name), p))?;
        last = tensors.run(id, &layer, |pair| &pair.low)?;
        tensors.put(id, Pair { float: last.clone(), low: last.clone() });
    }
    Ok(last)
}

/// The sum of squared differences of numbers from their means over all rows.
pub(super) fn spread(rows: &[Vec<f32>]) -> f64 {
    let column = |at: usize| rows.iter().map(move |row| f64::from(row[at]));
    let of = |at: usize| {
        let mean = column(at).sum::<f64>() / rows.len() as f64;
        column(at).map(|x| (x - mean).powi(2)).sum::<f64>()
    };
    (0..rows.first().map_or(0, Vec::len)).map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_compared_and_differences_are_shares() {
        let float = [vec![1.0, 3.0], vec![3.0, 1.0], vec![2.0, 2.0]];
        let low = [vec![1.0, 2.0], vec![1.0, 3.0], vec![2.0, 2.0]];
        // Squares 0 + 1, 4 + 4 and 0 + 0, of twice (1 + 1 + 0).
        assert_eq!(Agreement::new(&float, &low), Agreement { pictures: 3, same_class: 2, difference: Some(9.0 / 4.0) });
        assert_eq!(Agreement::new(&float[..1], &low[..1]), Agreement { pictures: 1, same_class: 1, difference: None });
        assert_eq!(best(&[1.0, 2.0, 2.0]), 1);
    }
}
