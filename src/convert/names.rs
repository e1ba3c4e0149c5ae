//! How each source names its variables: tables, not code.

use crate::graph::Role;

/// Names of one source. `{}` stands for the layer.
pub struct NameRules {
    /// Convolution or dense weights, `[kh, kw, in, out]` or `[in, out]`.
    pub weight: &'static str,
    pub weight_basis: &'static str,
    pub bias: &'static str,
    /// gamma, beta, mean, variance.
    pub batch_norm: [&'static str; 4],
    /// Batch norms without gamma and beta, whose mean and variance are per channel or one number for all channels.
    pub plain_batch_norms: &'static [&'static str],
    pub activation_basis: &'static str,
    /// What only training needs: a variable is ignored if its name ends so, or is this, or starts so ("x*").
    pub training: &'static [&'static str],
}

/// The original code (tensorpack on TensorFlow 1), as a checkpoint or as a dump.
pub const TENSORPACK: NameRules = NameRules {
    weight: "{}/W",
    weight_basis: "{}/weight_quant/basis",
    bias: "{}/b",
    batch_norm: ["{}/gamma", "{}/beta", "{}/mean/EMA", "{}/variance/EMA"],
    // AlexNet and VGG-Variant declare these for NHWC; in an NCHW graph they take the one row for the channel.
    plain_batch_norms: &["fc5/bn", "fc6/bn", "fc7/bn"],
    activation_basis: "{}/ActivationQuantization/basis",
    training: &[
        "global_step",
        "learning_rate",
        "EMA/*",
        // Optimizer slots and shadow averages.
        "/Momentum",
        "/Adam",
        "/Adam_1",
        "/RMSProp",
        "/RMSProp_1",
        "/ExponentialMovingAverage",
        // Zero-debiasing of the averaged bases.
        "/basis/biased",
        "/basis/local_step",
    ],
};

impl NameRules {
    /// The variable for `pattern` of `layer`.
    pub fn name(pattern: &str, layer: &str) -> String {
        pattern.replace("{}", layer)
    }

    /// Whether `name` belongs to training only.
    pub fn is_training(&self, name: &str) -> bool {
        self.training.iter().any(|rule| match rule.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None if rule.starts_with('/') => name.ends_with(rule),
            None => name == *rule,
        })
    }

    /// Whether `layer` is a batch norm that neither scales nor shifts.
    pub fn is_plain(&self, layer: &str) -> bool {
        self.plain_batch_norms.contains(&layer)
    }

    /// The variables that make up parameter `role` of `layer`.
    pub fn variables(&self, role: Role, layer: &str) -> Vec<String> {
        let patterns: &[&str] = match role {
            Role::Weight | Role::Planes => &[self.weight],
            Role::WeightBasis => &[self.weight_basis],
            Role::Bias => &[self.bias],
            Role::BatchNorm if self.is_plain(layer) => &self.batch_norm[2..],
            Role::BatchNorm => &self.batch_norm,
            Role::ActivationBasis => &[self.activation_basis],
        };
        patterns.iter().map(|p| Self::name(p, layer)).collect()
    }
}
