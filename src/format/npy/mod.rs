//! Strict reader of NumPy's `.npy` format, versions 1, 2 and 3.
//!
//! Only plain little-endian arrays of numbers are read. Object arrays hold a pickle, which is a program; they are
//! refused and never looked into. The caller adds the file name to the errors.

mod data;
mod dict;
mod header;

#[cfg(feature = "convert")]
pub(crate) use data::scatter;
pub use data::{NpyData, read, read_f32};
pub use header::{MAGIC, MAX_ARRAY, MAX_HEADER, NpyHeader, header_len, layout, parse_header};
