//! Tables of how each source of checkpoints names its variables and orders their numbers.

use super::layout::Layout;
use crate::graph::Role;

/// Names of one source. `{}` stands for the layer.
#[derive(Debug)]
pub(crate) struct NameRules {
    /// Its name in messages.
    pub source: &'static str,
    pub layout: Layout,
    /// Replaces the "/" in the names of layers.
    pub separator: &'static str,
    /// Convolution or dense weights.
    pub weight: &'static str,
    pub weight_basis: &'static str,
    pub bias: &'static str,
    /// gamma, beta, mean, variance.
    pub batch_norm: [&'static str; 4],
    /// Batch norms without gamma and beta.
    pub unscaled: Unscaled,
    pub activation_basis: &'static str,
    /// Variables that inference does not need: by name, by the start of the name ("x*") or by its end ("*x").
    pub ignored: &'static [&'static str],
    /// Whether weights smaller than the smallest normal float count as 0.
    pub flushes_subnormals: bool,
}

/// Which batch norms neither scale nor shift.
#[derive(Debug)]
pub(crate) enum Unscaled {
    /// These layers; mean and variance are per channel, or one number for all channels.
    Layers(&'static [&'static str]),
    /// Those that have neither variable.
    WhereAbsent,
}

/// Variable of a mean image in exported networks, `[height, width, 3]` RGB.
pub(crate) const MEAN_IMAGE: &str = "preprocess.mean_image";

/// All sources, in the order in which they are tried.
pub(crate) const SOURCES: [&NameRules; 3] = [&TENSORPACK, &TORCH_PORT, &PLAIN];

/// The original code (tensorpack on TensorFlow 1), as a checkpoint or as a dump.
pub(crate) const TENSORPACK: NameRules = NameRules {
    source: "the original code",
    layout: Layout::Tensorflow,
    separator: "/",
    weight: "{}/W",
    weight_basis: "{}/weight_quant/basis",
    bias: "{}/b",
    batch_norm: ["{}/gamma", "{}/beta", "{}/mean/EMA", "{}/variance/EMA"],
    // AlexNet and VGG-Variant declare these for NHWC. In an NCHW graph, the batch norm then takes its only row for the
    // channels, so all channels share one mean and variance.
    unscaled: Unscaled::Layers(&["fc5/bn", "fc6/bn", "fc7/bn"]),
    activation_basis: "{}/ActivationQuantization/basis",
    ignored: &[
        "global_step",
        "learning_rate",
        "EMA/*",
        // Optimizer slots and shadow averages.
        "*/Momentum",
        "*/Adam",
        "*/Adam_1",
        "*/RMSProp",
        "*/RMSProp_1",
        "*/ExponentialMovingAverage",
        // Zero-debiasing of the averaged bases.
        "*/basis/biased",
        "*/basis/local_step",
    ],
    // TensorFlow does on CPUs.
    flushes_subnormals: true,
};

/// The PyTorch ports, whose convolutions contain a `weight_quantizer` and an `activation_quantizer`. The latter is a
/// layer of its own here.
pub(crate) const TORCH_PORT: NameRules = NameRules {
    source: "the PyTorch ports",
    layout: Layout::Torch,
    separator: ".",
    weight: "{}.weight",
    weight_basis: "{}.weight_quantizer.basis",
    bias: "{}.bias",
    batch_norm: TORCH_BATCH_NORM,
    unscaled: Unscaled::Layers(&[]),
    activation_basis: "{}.weight_quantizer.basis",
    ignored: &[
        "*.num_batches_tracked",
        // Tables and scratch space of training.
        "*.weight_quantizer.level_multiplier",
        "*.weight_quantizer.thrs_multiplier",
        "*.weight_quantizer.level_codes_channelwise",
        "*.weight_quantizer.eps",
        // The first convolution of a VGG reads pictures and never uses its quantizers.
        "features.0.weight_quantizer.basis",
        "features.0.activation_quantizer.weight_quantizer.basis",
    ],
    flushes_subnormals: false,
};

/// A plain naming that any PyTorch code can write (see `models/README.md`).
pub(crate) const PLAIN: NameRules = NameRules {
    source: "the plain naming",
    layout: Layout::Torch,
    separator: ".",
    weight: "{}.weight",
    weight_basis: "{}.basis",
    bias: "{}.bias",
    batch_norm: TORCH_BATCH_NORM,
    unscaled: Unscaled::WhereAbsent,
    activation_basis: "{}.basis",
    ignored: &[
        "*.num_batches_tracked",
        // Exported for people to read; they follow from the basis.
        "*.levels",
        "*.thresholds",
        // Read apart from the layers.
        MEAN_IMAGE,
    ],
    flushes_subnormals: false,
};

/// Of `torch.nn.BatchNorm2d`.
const TORCH_BATCH_NORM: [&str; 4] = ["{}.weight", "{}.bias", "{}.running_mean", "{}.running_var"];

impl NameRules {
    /// The variable for `pattern` of `layer`.
    pub(crate) fn name(&self, pattern: &str, layer: &str) -> String {
        pattern.replace("{}", &layer.replace('/', self.separator))
    }

    /// Whether inference does not need the variable `name`.
    pub(crate) fn is_ignored(&self, name: &str) -> bool {
        self.ignored.iter().any(|rule| match (rule.strip_suffix('*'), rule.strip_prefix('*')) {
            (Some(prefix), _) => name.starts_with(prefix),
            (None, Some(suffix)) => name.ends_with(suffix),
            (None, None) => name == *rule,
        })
    }

    /// The variables that make up parameter `role` of `layer`; `exists` tells which there are.
    pub(crate) fn variables(&self, role: Role, layer: &str, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
        let patterns: &[&str] = match role {
            Role::Weight | Role::Planes => &[self.weight],
            Role::WeightBasis => &[self.weight_basis],
            Role::Bias => &[self.bias],
            Role::BatchNorm if self.is_unscaled(layer, exists) => &self.batch_norm[2..],
            Role::BatchNorm => &self.batch_norm,
            Role::ActivationBasis => &[self.activation_basis],
        };
        patterns.iter().map(|p| self.name(p, layer)).collect()
    }

    fn is_unscaled(&self, layer: &str, exists: &dyn Fn(&str) -> bool) -> bool {
        match self.unscaled {
            Unscaled::Layers(layers) => layers.contains(&layer),
            Unscaled::WhereAbsent => !self.batch_norm[..2].iter().any(|p| exists(&self.name(p, layer))),
        }
    }

    /// Whether the mean and variance of all channels of batch norm `layer` may be one number.
    pub(crate) fn may_share_statistics(&self, layer: &str) -> bool {
        matches!(self.unscaled, Unscaled::Layers(layers) if layers.contains(&layer))
    }
}
