//! Bits of each layer for a size or a time.
//!
//! Each layer is tried alone in each width ([`loss`]); what it does to the logits then is taken to add up, and so is what it
//! costs ([`Price`]). Of one width for each layer, the sum of losses is the least that the budget allows ([`knapsack`]).
//!
//! Losses add up as long as they are small and have nothing to do with each other: the changes of the logits are then sums of
//! independent ones, whose squares add up in the mean. Layers that are all coarse do worse together than the sum says, and
//! what comes after them, here still in float, is fitted to what they give later on; only their order matters for the choice.

mod choice;
mod float;
mod knapsack;
mod loss;
mod price;
mod size;
mod table;
mod widths;

pub use choice::{Choice, ChosenLayer, choose};
pub use price::{Costs, Price};
pub use size::FileSize;
