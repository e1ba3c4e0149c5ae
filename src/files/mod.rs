//! Files: opened once and read at any offset, replaced as a whole or left alone. How messages show what is in them.

mod hex;
mod quoted;
mod read;
mod replace;
mod target;
mod temporary;

pub use hex::hex;
pub use quoted::quoted;
pub use read::{RangeReader, ReadExactAt, RegularFile, read_file, read_limited, read_range, read_text};
pub use replace::{Staged, check_replaceable, is_stream, replace_file, stage};
pub use temporary::remove_temporaries;
