//! Constants that invocations of a subgroup read for each other (`shaders/include/shared.*.wgsl`).

use super::super::header::Header;
use super::super::table::QUAD;
use super::variant::SHARERS;

/// Names of three constants that describe one kind of shared loads: how many vectors are wanted, how many loads that
/// takes, and how many vectors these read.
pub(crate) type Names = [&'static str; 3];
/// Names for loading the weights of a step.
pub(crate) const WEIGHT_LOADS: Names = ["STEP_WEIGHTS", "WEIGHT_LOADS", "WEIGHT_ROOM"];
/// Names for loading a quad's rows of the table. The table itself says how many rows there are.
pub(crate) const ROW_LOADS: Names = ["", "ROW_LOADS", "ROW_ROOM"];

/// Adds the constants for loading `vectors` vectors.
pub(crate) fn loads(header: &mut Header, [wanted, loads, room]: Names, vectors: usize) {
    if !wanted.is_empty() {
        header.number(wanted, vectors);
    }
    header.number(loads, vectors.div_ceil(SHARERS)).number(room, vectors.next_multiple_of(SHARERS));
}

/// A buffer with room behind `words` for what the last shared load reads beyond them.
pub(crate) fn padded(mut words: Vec<u32>) -> Vec<u32> {
    words.resize(words.len() + (SHARERS - 1) * QUAD, 0);
    words
}
