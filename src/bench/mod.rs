//! Benchmarks: measuring devices, reports and pages about them, comparisons, explanations, and random networks to
//! measure with.

mod ceiling;
mod cell;
mod check;
mod clock;
pub mod compare;
mod device;
mod explain;
mod float32;
mod host;
pub mod html;
pub mod isa;
mod layers;
pub mod model;
pub mod names;
mod parts;
mod perfetto;
mod random;
pub mod report;
mod runner;
mod settle;
mod steps;

pub use ceiling::Ceiling;
pub use cell::{ExpectedLogits, Job, measure, unmeasured};
pub use check::{Fault, check};
pub use clock::{Elapsed, Stopwatch};
pub use device::{Opened, open};
pub use explain::{Explanation, Group, Launch, Prediction, Remark, explain};
pub use host::{OtherLoad, host};
pub use perfetto::perfetto;
pub use random::{random_model, random_network, random_program};
pub use settle::settle;
pub use steps::{StepTimes, Subject, least, time, time_steps};
