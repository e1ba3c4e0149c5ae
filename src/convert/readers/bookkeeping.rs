//! Numbers that tools of training keep among a network's variables: counts of operations, of steps, of averaged models.
//! They belong to no layer, and inference needs none of them.

use super::evidence::Evidence;

/// Last parts of their names.
const NAMES: [&str; 14] = [
    // thop, and other counters of operations.
    "total_ops",
    "total_params",
    "total_flops",
    "total_macs",
    // torch.optim.swa_utils.AveragedModel, and other averages.
    "n_averaged",
    "num_updates",
    "ema_num_updates",
    "ema_updates",
    "initted",
    // Counts of the training loop.
    "global_step",
    "num_steps",
    "steps_done",
    "best_acc",
    "epoch",
];

/// Whether a variable of `numbers` elements is one of them; `evidence` then counts it.
pub(super) fn note(name: &str, numbers: usize, evidence: &mut Evidence) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let is = numbers == 1 && NAMES.contains(&last);
    if is {
        *evidence.bookkeeping.entry(last.to_owned()).or_insert(0) += 1;
    }
    is
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_belong_to_no_layer_and_arrays_do() {
        let mut evidence = Evidence::default();
        let variables = [("conv1.total_ops", 1), ("total_ops", 1), ("n_averaged", 1), ("total_ops", 8), ("fc.bias", 1)];
        let left: Vec<_> = variables.iter().filter(|(name, n)| !note(name, *n, &mut evidence)).collect();
        assert_eq!(left, [&("total_ops", 8), &("fc.bias", 1)]);
        let counted: Vec<_> = evidence.bookkeeping.into_iter().collect();
        assert_eq!(counted, [("n_averaged".to_owned(), 1), ("total_ops".to_owned(), 2)]);
    }
}
