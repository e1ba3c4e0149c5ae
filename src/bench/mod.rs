//! What measurements need: networks of any width with parameters that look trained, work per step, and clocks.

mod clock;
mod random;
pub mod report;
mod steps;
mod work;

pub use clock::{Elapsed, Stopwatch};
pub use random::{Rng, random_network};
pub use steps::{StepTimes, Subject, least, time, time_steps};
pub use work::{bit_words, is_square_bitconv};
