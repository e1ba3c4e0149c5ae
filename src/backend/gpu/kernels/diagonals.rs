//! Constants of `shaders/include/diagonals.wgsl`.

use super::super::header::Header;
use super::texts::texts;

texts! { DIAGONALS = "include/diagonals.wgsl" }

/// The constants that say which digits of the diagonals' sum make up T.
pub(super) fn drop_digits(header: &mut Header, drop: usize, diagonals: usize) {
    header.number("DROP", drop).number("DIGITS", diagonals.max(drop + 2));
}
