//! The widths of a network, read off the shapes of a checkpoint's variables.

use super::names::NameRules;
use crate::convert::readers::Checkpoint;
use crate::graph::Weights;
use crate::quant::MAX_BITS;
use crate::tensor::MAX_EXTENT;
use crate::zoo::Widths;

/// Width assumed where the checkpoint lacks a basis. The comparison with the network then reports the missing basis.
const FALLBACK_BITS: usize = 2;

/// Widths of a checkpoint under the names of one source.
#[derive(Clone, Copy)]
pub(crate) struct CheckpointWidths<'a> {
    checkpoint: &'a Checkpoint,
    pub rules: &'static NameRules,
    input_size: Option<usize>,
    /// Whether any layer has a weight basis. If none has, all weights are float; if one has, all layers must.
    weight_bases: bool,
    /// The same of activations.
    activation_bases: bool,
    /// Whether to take the channels of the original networks instead of the checkpoint's.
    original_channels: bool,
}

impl<'a> CheckpointWidths<'a> {
    /// Widths of `checkpoint`, whose names follow `rules`.
    pub(crate) fn new(checkpoint: &'a Checkpoint, rules: &'static NameRules, input_size: Option<usize>) -> Self {
        let variables = checkpoint.variables();
        // Some sources use one pattern for both kinds; a weight basis is then one that has weights beside it.
        let any = |pattern: &str, beside_weights: bool| {
            let suffix = rules.name(pattern, "");
            let mut layers = variables.keys().filter_map(|name| name.strip_suffix(&suffix));
            layers.any(|layer| variables.contains_key(&rules.name(rules.weight, layer)) == beside_weights)
        };
        CheckpointWidths {
            checkpoint,
            rules,
            input_size,
            weight_bases: any(rules.weight_basis, true),
            activation_bases: any(rules.activation_basis, false),
            original_channels: false,
        }
    }

    /// The same with the channels of the original networks.
    pub(crate) fn with_original_channels(&self) -> Self {
        CheckpointWidths { original_channels: true, ..*self }
    }

    fn shape(&self, pattern: &str, layer: &str) -> Option<&[usize]> {
        self.checkpoint.variables().get(&self.rules.name(pattern, layer)).map(|v| v.shape.as_slice())
    }

    /// Output channels of `layer`, if their number is possible at all. If weights are missing, their basis tells.
    fn channels(&self, layer: &str) -> Option<usize> {
        let shape = self.shape(self.rules.weight, layer).or_else(|| self.shape(self.rules.weight_basis, layer));
        let channels = shape.and_then(|s| self.rules.layout.outputs(s));
        channels.filter(|n| (1..=MAX_EXTENT).contains(n))
    }
}

fn bits_or_fallback(bits: Option<usize>) -> usize {
    bits.filter(|b| (1..=MAX_BITS).contains(b)).unwrap_or(FALLBACK_BITS)
}

impl Widths for CheckpointWidths<'_> {
    fn weights(&self, layer: &str) -> Weights {
        if !self.weight_bases {
            return Weights::Float;
        }
        let basis = self.shape(self.rules.weight_basis, layer);
        Weights::Planes { bits: bits_or_fallback(basis.and_then(|s| self.rules.layout.bits(s))) }
    }

    fn activation_bits(&self, layer: &str) -> Option<usize> {
        let basis = self.shape(self.rules.activation_basis, layer);
        self.activation_bases.then(|| bits_or_fallback(basis.and_then(|s| self.rules.layout.bits(s))))
    }

    fn outputs(&self, layer: &str, usual: usize) -> usize {
        if self.original_channels { usual } else { self.channels(layer).unwrap_or(usual) }
    }

    fn classes(&self, layer: &str, usual: usize) -> usize {
        self.channels(layer).unwrap_or(usual)
    }

    fn input_size(&self, usual: usize) -> usize {
        self.input_size.unwrap_or(usual)
    }
}
