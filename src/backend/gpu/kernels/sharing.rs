//! Constants that invocations of a subgroup read for each other (`shaders/include/shared.*.wgsl`).

use super::super::header::Header;
use super::super::table::LANES;
use super::Source;

/// Invocations that share: the vectors that one load gets them.
pub const SHARERS: usize = 8;

/// Names of the constants of one kind of loads: vectors wanted, loads, and vectors that these read.
pub type Names = [&'static str; 3];
/// Those of a step's weights.
pub const WEIGHT_LOADS: Names = ["STEP_WEIGHTS", "WEIGHT_LOADS", "WEIGHT_ROOM"];
/// Those of a quad's rows of the table, of which the table itself tells how many they are.
pub const ROW_LOADS: Names = ["", "ROW_LOADS", "ROW_ROOM"];

/// Adds the constants of loads of `vectors` vectors.
pub fn room(header: &mut Header, [wanted, loads, room]: Names, vectors: usize) {
    if !wanted.is_empty() {
        header.number(wanted, vectors);
    }
    header.number(loads, vectors.div_ceil(SHARERS)).number(room, vectors.next_multiple_of(SHARERS));
}

/// With as many vectors behind as a shared load may read too many.
pub fn padded(mut words: Vec<u32>) -> Source {
    words.resize(words.len() + (SHARERS - 1) * LANES, 0);
    Source::Words(words)
}
