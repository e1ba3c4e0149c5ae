//! How far a training is.

use serde::{Deserialize, Serialize};

/// The place in the course of training, and what it gave so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Epochs that are done.
    pub epoch: usize,
    /// Batches of the next epoch that are done.
    pub batch: usize,
    /// Batches that are done in all.
    pub batches: usize,
    /// Sum of the losses of this epoch's pictures so far.
    pub loss: f64,
    /// How many of them were classified right.
    pub right: usize,
    /// How many there were.
    pub seen: usize,
    /// What each epoch gave.
    pub history: Vec<Epoch>,
}

/// What an epoch gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// Size of its last step.
    pub rate: f64,
    /// Mean loss of the training pictures, as they were met.
    pub loss: f64,
    /// Share of them that was classified right.
    pub accuracy: f64,
    /// On the validation pictures, if there are any.
    pub validation: Option<Score>,
}

/// What a network is worth on some pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// How many there are.
    pub pictures: usize,
    /// Mean cross entropy.
    pub loss: f64,
    /// Share that is classified right.
    pub accuracy: f64,
}
