//! Which variant of its kernel each layer runs: what the tuner chose for layers of its signature and for batches of about
//! that size, kept between runs.

use super::rounds::within_rounds;
use super::strengths::target;
use crate::backend::gpu::device::{CHOICES, Gpu, Store};
use crate::backend::gpu::kernels::signature;
use crate::backend::gpu::record::{Recording, Target, Variant};
use crate::error::Result;
use crate::plan::Plan;
use std::collections::BTreeMap;

/// The version of the file's contents.
const VERSION: &str = "2";
/// Most images of a batch that counts as small.
const FEW: usize = 16;

/// Names of variants by signature of the layer and class of the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choices(BTreeMap<String, String>);

impl Choices {
    /// Reads those of a device; none if there is no file or it cannot be read.
    pub(crate) fn read(store: &Store) -> Self {
        Self::of_file(store.read(CHOICES, VERSION))
    }

    fn of_file(data: Option<Vec<u8>>) -> Self {
        Choices(data.and_then(|data| serde_json::from_slice(&data).ok()).unwrap_or_default())
    }

    /// Adds these to the choices of a device's file, in place of earlier ones for the same signatures.
    pub(crate) fn keep(self, store: &Store) {
        store.update(CHOICES, VERSION, |data| {
            let mut all = Self::of_file(data);
            all.0.extend(self.0);
            serde_json::to_vec(&all.0).unwrap_or_default()
        });
    }

    /// Sets the choice for layers with this signature, in batches of about `images` images.
    pub(crate) fn set(&mut self, signature: &str, images: usize, variant: &str) {
        self.0.insert(key(signature, images), variant.to_owned());
    }

    /// Which of `variants` was chosen; the first if none was, or if the one chosen no longer exists.
    pub(crate) fn of(&self, signature: &str, images: usize, variants: &[Variant]) -> usize {
        let chosen = self.0.get(&key(signature, images));
        chosen.and_then(|name| variants.iter().position(|v| v.to_string() == *name)).unwrap_or(0)
    }
}

/// What a choice is kept under. With few images the work of a layer has to be divided among more invocations, so what is
/// best for one class of batches is not for another.
fn key(signature: &str, images: usize) -> String {
    let class = match images {
        0..=1 => "one image",
        2..=FEW => "few images",
        _ => "many images",
    };
    format!("{class}: {signature}")
}

/// Records `plan`, for batches of about `images` images, with the variants that the caller of [`Gpu::with_variant`] asked for, or
/// the tuner chose; else with the first of each kernel, which is expected to be best.
///
/// # Errors
/// Those of [`within_rounds`].
pub(crate) fn record(gpu: &Gpu, plan: &Plan, images: usize) -> Result<Recording> {
    let choices = gpu.store().map(Choices::read).unwrap_or_default();
    let choose = |step: usize, variants: &[Variant]| match (gpu.nth_variant(), plan.program().steps.get(step)) {
        (Some(nth), _) => nth.min(variants.len().saturating_sub(1)),
        (None, Some(step)) => choices.of(&signature(&step.kernel, plan.program()), images, variants),
        (None, None) => 0,
    };
    let target = target(gpu, images);
    within_rounds(gpu, |rounds| Ok(Recording::new(plan, &Target { rounds, ..target }, &choose)), |r| r)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::record::{Products, Span, Strip};

    #[test]
    fn choices_are_found_by_name_and_unknown_ones_ignored() {
        let span = Span { channels: 8, workgroup_size: 8 };
        let strip = |pixels| Variant::Strip(Strip { pixels, span, products: Products::Dots });
        let variants = [strip(4), strip(2), Variant::General];
        let mut choices = Choices::default();
        choices.set("layer", 1, &strip(2).to_string());
        choices.set("gone", 1, &strip(1).to_string());
        assert_eq!(["layer", "gone", "other"].map(|s| choices.of(s, 1, &variants)), [1, 0, 0]);
        choices.set("layer", 64, "general");
        assert_eq!([1, 2, 16, 17, 256].map(|images| choices.of("layer", images, &variants)), [1, 0, 0, 2, 2]);
    }
}
