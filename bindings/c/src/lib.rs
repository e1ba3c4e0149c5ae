//! The C interface of lq-infer, as `include/lq_infer.h` declares it. Every function passes on to the library; what it adds
//! is in `status.rs` (errors as codes with a message) and `pointers.rs` (arguments that C may get wrong).

mod call;
mod devices;
mod digest;
mod engine;
mod model;
mod net;
mod picture;
mod pointers;
mod status;

pub use call::{Call, Cancel};
pub use devices::Device;
pub use digest::LQ_DIGEST_SIZE;
pub use engine::Engine;
pub use model::Model;
pub use net::{Net, Prediction};
pub use picture::PixelFormat;
pub use status::Status;

use std::ffi::c_char;

/// Version of this interface. It grows with every change that a program compiled against an older header would notice.
pub const LQ_INTERFACE_VERSION: u32 = 1;

/// LQ_INTERFACE_VERSION of the library, to compare with that of the header.
#[unsafe(no_mangle)]
pub extern "C" fn lq_interface_version() -> u32 {
    LQ_INTERFACE_VERSION
}

/// The library's version, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn lq_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
