//! Backends execute plans. They agree on every bit: the reference defines what is right, and all others are tested
//! against it.

mod arena;
mod control;
pub mod cpu;
pub mod gpu;
mod input;
mod interface;
mod noise;
mod peak;
pub mod reference;
mod timeline;

pub use arena::{Arena, ArenaLayout, Output, traced};
pub use control::{CancelToken, Control};
pub use input::InputWords;
pub use interface::{Backend, Executable, Pending, Progress, Traced, Tuned};
pub use noise::noise;
pub use peak::Peak;
pub(crate) use timeline::Recorder;
pub use timeline::{Clock, Detail, Span, Timeline, Track};
