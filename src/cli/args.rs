//! Arguments that several commands share.

use crate::session::MAX_BATCH;
use clap::Args;

/// The name of the best device.
pub(super) const AUTO: &str = "auto";

#[derive(Args, Debug)]
pub(super) struct DeviceArg {
    /// auto, cpu, cpu-portable, cpu-reference, gpu, vulkan, metal, dx12, gl, an index or id of `lq-infer devices`,
    /// part of a name, or a PCI id
    #[arg(long, value_name = "SEL", default_value = AUTO)]
    pub device: String,
}

/// A number of images, classes or the like.
pub(super) fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=MAX_BATCH).contains(&n) => Ok(n),
        _ => Err(format!("must be a number from 1 to {MAX_BATCH}")),
    }
}
