//! What the user should know of a checkpoint: choices, what was left out, what contradicts what.

use super::claims::{self, Pictures};
use super::readers::Evidence;
use crate::zoo::Network;

/// What a checkpoint's data set means for its labels.
pub(super) struct OfPictures {
    /// Whether the labels of the network's usual data set may be right.
    pub(super) usual_labels: bool,
    pub(super) note: Option<String>,
}

/// Compares the data set that the checkpoint names with that of the network it was taken for, or that the user `chosen`
/// for it.
pub(super) fn pictures(evidence: &Evidence, network: &Network, chosen: bool) -> OfPictures {
    let Some((pictures, setting)) = claims::pictures(evidence) else {
        return OfPictures { usual_labels: true, note: None };
    };
    let same = pictures.usual_classes() == Some(network.labels().count());
    let id = network.id;
    let note = match (same, pictures) {
        (true, _) if chosen => return OfPictures { usual_labels: true, note: None },
        (true, _) => format!("taken as {id}, because the file says {setting}"),
        (false, Pictures::Other) => format!(
            "the file says {setting}, which is not the data set of {id}: the model gets no labels (--labels), and \
             pictures are prepared as for {id}"
        ),
        (false, _) => format!("the file says {setting}, but {id} prepares pictures of another data set"),
    };
    OfPictures { usual_labels: same, note: Some(note) }
}

/// What there is in the file besides the variables.
pub(super) fn of_file(evidence: &Evidence) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(taken) = evidence.taken.as_ref().filter(|_| !evidence.chosen) {
        let others: Vec<String> = evidence.others.iter().map(ToString::to_string).collect();
        notes.push(format!(
            "the file holds several state dicts: {taken} is taken; there is also {} (--key)",
            others.join(", ")
        ));
    }
    if !evidence.bookkeeping.is_empty() {
        let counts: Vec<String> =
            evidence.bookkeeping.iter().map(|(name, count)| format!("{count} '{name}'")).collect();
        notes.push(format!("ignored as bookkeeping of training: {}", counts.join(", ")));
    }
    notes
}
