//! Backends execute plans. They agree on every bit: the CPU reference is the definition, all others are tested against it.

mod arena;
mod control;
pub mod cpu;
pub mod gpu;
mod interface;
mod peak;
pub mod reference;
mod timeline;

pub use arena::{Arena, Output, traced};
pub use control::{CancelToken, Control};
pub use interface::{Backend, Executable, Pending, Progress, Traced, Tuned, noise};
pub use peak::Peak;
pub(crate) use timeline::Recorder;
pub use timeline::{Clock, Detail, Span, Timeline, Track};
