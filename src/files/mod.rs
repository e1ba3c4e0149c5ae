//! Files: opened once and read at any offset, replaced as a whole or left alone. How messages show what is in them.

mod hex;
mod quoted;
mod read;
mod replace;

pub use hex::hex;
pub use quoted::quoted;
pub use read::{RangeReader, ReadExactAt, RegularFile};
pub use replace::{check_replaceable, replace, replace_file};
