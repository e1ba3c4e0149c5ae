//! lq-infer in browsers: models, engines on the CPU and on WebGPU, and nets, whose logits have the same bits as everywhere.
//!
//! What takes long returns a promise. It does its work on the page's thread, or waits there for the GPU without blocking; a page that
//! must stay smooth while a CPU computes uses a worker.

mod engine;
mod errors;
mod input;
mod model;
mod net;
mod promise;

pub use engine::Engine;
pub use model::Model;
pub use net::Net;
