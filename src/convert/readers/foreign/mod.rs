//! What files are that people take for checkpoints, and what to do with them instead.

mod files;
mod zips;

pub(super) use files::{DCP_ADVICE, by_extension, of_file};
pub(super) use zips::check_entries;
