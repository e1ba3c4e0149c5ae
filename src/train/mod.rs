//! Training of networks together with their quantizers (LQ-Nets section 3, algorithm 1; the original code where it differs).
//!
//! A graph becomes a list of steps ([`steps`]), each of which has a pass forward and one backward. In every batch, weights and
//! activations get the nearest levels of their bases, gradients pass through the rounding, and the bases move to those with
//! the least squared error. The numbers are those of any float training; what is handed over to inference is converted as
//! any checkpoint is.
//!
//! Pictures are divided into parts whose number is fixed, and all sums have a fixed order, so that the result does not depend
//! on the number of threads.

mod cpu;
mod data;
mod gpu;
mod init;
mod machine;
mod network;
mod parameter;
mod parts;
mod progress;
mod schedule;
mod settings;
mod sgd;
mod stages;
mod state;
mod steps;
#[cfg(test)]
mod tests;
mod trainer;

pub use data::{Augment, Dataset};
pub use gpu::{Timer, recording};
pub use progress::{Epoch, Position, Score};
pub use schedule::Schedule;
pub use settings::Settings;
pub use trainer::{Evaluation, On, Start, Step, Subject, Trainer};
