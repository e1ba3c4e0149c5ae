//! What measurements need: reports, as pages and side by side, networks of any width with parameters that look trained, work per step, and clocks.

mod cell;
mod check;
mod clock;
pub mod compare;
mod device;
mod explain;
mod host;
pub mod html;
mod layers;
mod parts;
mod random;
pub mod report;
mod rival;
mod steps;
mod trace;

pub use cell::{Job, Reference, measure, void};
pub use check::{Fault, check};
pub use clock::{Elapsed, Stopwatch};
pub use device::{Ceiling, Opened, open};
pub use explain::{Explanation, Group, Launch, Prediction, Remark, explain};
pub use host::{OthersWatch, host};
pub use random::{random_model, random_network};
pub use steps::{StepTimes, Subject, least, time, time_steps};
pub use trace::trace;
