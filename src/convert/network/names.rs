//! Tables of how each source of checkpoints names its variables and orders their numbers.

use super::bases::Bases;
use super::layout::Layout;
use crate::graph::{Encoding, Role, Ties};
use crate::zoo::Codes;

/// Names of one source. `{}` stands for the layer.
#[derive(Debug)]
pub(crate) struct NameRules {
    /// Its name in messages.
    pub source: &'static str,
    pub layout: Layout,
    pub bases: Bases,
    /// Replaces the "/" in the names of layers.
    pub separator: &'static str,
    /// The end of a quantizer's name in networks of the zoo, and what this source calls it.
    pub quantizer: Option<[&'static str; 2]>,
    /// Convolution or dense weights: the first of these that exists.
    pub weight: &'static [&'static str],
    pub weight_basis: &'static str,
    /// As for weights.
    pub bias: &'static [&'static str],
    /// gamma, beta, mean, variance.
    pub batch_norm: [&'static str; 4],
    /// Batch norms without gamma and beta.
    pub unscaled: Unscaled,
    pub activation_basis: &'static str,
    /// How this source makes codes.
    pub codes: CodesOf,
    /// A table of the coefficients that each code of an activation quantizer stands for.
    pub code_table: Option<&'static str>,
    /// Ends of the names of convolutions that this source leaves in float if it is told to.
    pub optional: &'static [&'static str],
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

/// What decides how numbers become codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodesOf {
    /// The network: this is the source that it was defined after.
    Network,
    /// The source: codes of activations, ties of weights.
    Source(Codes, Ties),
    /// Anything: code of every kind may have written these names. It is taken to do what the network's own code does.
    Unknown,
}

/// Variable of a mean image in exported networks, `[height, width, 3]` RGB.
pub(crate) const MEAN_IMAGE: &str = "preprocess.mean_image";

/// All sources, in the order in which they are tried.
pub(crate) const SOURCES: [&NameRules; 6] = [&TENSORPACK, &TORCH_PORT, &AIM, &QDELTA, &REBUILT, &PLAIN];

/// The original code (tensorpack on TensorFlow 1), as a checkpoint or as a dump.
pub(crate) const TENSORPACK: NameRules = NameRules {
    source: "the original code",
    layout: Layout::Tensorflow,
    bases: Bases::BitsFirst,
    separator: "/",
    quantizer: None,
    weight: &["{}/W"],
    weight_basis: "{}/weight_quant/basis",
    bias: &["{}/b"],
    batch_norm: ["{}/gamma", "{}/beta", "{}/mean/EMA", "{}/variance/EMA"],
    // AlexNet and VGG-Variant declare these for NHWC. In an NCHW graph, the batch norm then takes its only row for the
    // channels, so all channels share one mean and variance.
    unscaled: Unscaled::Layers(&["fc5/bn", "fc6/bn", "fc7/bn"]),
    activation_basis: "{}/ActivationQuantization/basis",
    codes: CodesOf::Network,
    code_table: None,
    optional: &[],
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
    bases: Bases::BitsLast,
    separator: ".",
    quantizer: None,
    weight: &["{}.weight"],
    weight_basis: "{}.weight_quantizer.basis",
    bias: &["{}.bias"],
    batch_norm: TORCH_BATCH_NORM,
    unscaled: Unscaled::Layers(&[]),
    activation_basis: "{}.weight_quantizer.basis",
    codes: CodesOf::Network,
    code_table: Some("{}.weight_quantizer.level_multiplier"),
    optional: &[],
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

/// `github.com/aim-uofa/model-quantization`, keyword `lq`: the ports' idea, and torchvision's networks, with the original's
/// codes. Tables are parameters in some of its revisions.
pub(crate) const AIM: NameRules = NameRules {
    source: "aim-uofa/model-quantization",
    layout: Layout::Torch,
    bases: Bases::BitsFirst,
    separator: ".",
    quantizer: Some([".activation_quantizer", ".quant_activation"]),
    weight: &["{}.weight"],
    weight_basis: "{}.quant_weight.basis",
    bias: &["{}.bias"],
    batch_norm: TORCH_BATCH_NORM,
    unscaled: Unscaled::Layers(&[]),
    activation_basis: "{}.basis",
    codes: CodesOf::Source(Codes::ORIGINAL, Ties::Below),
    code_table: Some("{}.codec_vector"),
    // Its keyword "real_skip".
    optional: &[".downsample.0"],
    ignored: &[
        "*.num_batches_tracked",
        "*.iteration",
        "*.level_num",
        "*.auxil",
        "*.codec_vector",
        "*.codec_index",
        "*.thrs_multiplier",
    ],
    flushes_subnormals: false,
};

/// `github.com/QDelta/LQ-Nets`, whose layers contain the framework's, and have one basis for all channels.
pub(crate) const QDELTA: NameRules = NameRules {
    source: "QDelta/LQ-Nets",
    layout: Layout::Torch,
    bases: Bases::Shared,
    separator: ".",
    quantizer: None,
    weight: &["{}.conv.weight", "{}.linear.weight", "{}.weight"],
    weight_basis: "{}.basis",
    bias: &["{}.conv.bias", "{}.linear.bias", "{}.bias"],
    batch_norm: TORCH_BATCH_NORM,
    unscaled: Unscaled::Layers(&[]),
    activation_basis: "{}.basis",
    codes: CodesOf::Source(Codes { encoding: Encoding::PlusMinus, ties: Ties::Below }, Ties::Below),
    code_table: None,
    optional: &[],
    ignored: &["*.num_batches_tracked"],
    flushes_subnormals: false,
};

/// Networks that were built anew after the original, with a quantizer inside each convolution and others between them. What
/// such a network computes is not told by its names, so none is in the zoo: a graph has to say.
pub(crate) const REBUILT: NameRules = NameRules {
    source: "networks rebuilt after the original",
    layout: Layout::Torch,
    bases: Bases::BitsFirst,
    separator: ".",
    quantizer: None,
    weight: &["{}.conv.weight", "{}.weight"],
    weight_basis: "{}.weight_quant.basis",
    bias: &["{}.conv.bias", "{}.bias"],
    batch_norm: TORCH_BATCH_NORM,
    unscaled: Unscaled::WhereAbsent,
    activation_basis: "{}.basis",
    codes: CodesOf::Unknown,
    code_table: Some("{}.level_codes"),
    optional: &[],
    ignored: &["*.num_batches_tracked", "*.level_codes", "*.thrs_multiplier"],
    flushes_subnormals: false,
};

/// A plain naming that any PyTorch code can write (see `models/README.md`).
pub(crate) const PLAIN: NameRules = NameRules {
    source: "the plain naming",
    layout: Layout::Torch,
    bases: Bases::BitsLast,
    separator: ".",
    quantizer: None,
    weight: &["{}.weight"],
    weight_basis: "{}.basis",
    bias: &["{}.bias"],
    batch_norm: TORCH_BATCH_NORM,
    unscaled: Unscaled::WhereAbsent,
    activation_basis: "{}.basis",
    codes: CodesOf::Unknown,
    code_table: None,
    optional: &[],
    ignored: &[
        "*.num_batches_tracked",
        // Exported for people to read; they follow from the basis.
        "*.levels",
        "*.thresholds",
        // Read apart from the layers.
        MEAN_IMAGE,
        // What `train` keeps beside the network.
        "training.*",
    ],
    flushes_subnormals: false,
};

/// Of `torch.nn.BatchNorm2d`.
const TORCH_BATCH_NORM: [&str; 4] = ["{}.weight", "{}.bias", "{}.running_mean", "{}.running_var"];

impl NameRules {
    /// The variable for `pattern` of `layer`.
    pub(crate) fn name(&self, pattern: &str, layer: &str) -> String {
        let layer = layer.replace('/', self.separator);
        let own = |[end, own]: [&str; 2]| Some(format!("{}{own}", layer.strip_suffix(end)?));
        pattern.replace("{}", &self.quantizer.and_then(own).unwrap_or(layer))
    }

    /// The first variable of `patterns` that exists, or the first of all.
    fn first(&self, patterns: &[&str], layer: &str, exists: &dyn Fn(&str) -> bool) -> String {
        let name = |pattern: &&str| self.name(pattern, layer);
        let usual = patterns.first().map_or_else(String::new, name);
        patterns.iter().map(name).find(|n| exists(n)).unwrap_or(usual)
    }

    /// The variable with the weights of `layer`.
    pub(crate) fn weight(&self, layer: &str, exists: &dyn Fn(&str) -> bool) -> String {
        self.first(self.weight, layer, exists)
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
            Role::Weight | Role::Planes => return vec![self.weight(layer, exists)],
            Role::WeightBasis => &[self.weight_basis],
            Role::Bias => return vec![self.first(self.bias, layer, exists)],
            Role::BatchNorm if self.is_unscaled(layer, exists) => &self.batch_norm[2..],
            Role::BatchNorm => &self.batch_norm,
            Role::ActivationBasis => &[self.activation_basis],
        };
        patterns.iter().map(|p| self.name(p, layer)).collect()
    }

    /// Whether this source may leave `layer`, or the quantizer of its input, in float though it quantizes others.
    pub(crate) fn is_optional(&self, layer: &str) -> bool {
        let conv = self.quantizer.and_then(|[end, _]| layer.strip_suffix(end)).unwrap_or(layer);
        self.optional.iter().any(|end| conv.ends_with(end))
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
