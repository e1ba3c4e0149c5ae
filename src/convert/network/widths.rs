//! The widths and codes of a network, read off the shapes of a checkpoint's variables and off the tables in it.

use super::names::{CodesOf, NameRules};
use super::scope::Scope;
use crate::convert::options::ConvertOptions;
use crate::graph::{Encoding, Ties, Weights};
use crate::quant::MAX_BITS;
use crate::tensor::MAX_EXTENT;
use crate::zoo::{Codes, Widths};
use std::collections::BTreeMap;

/// Width assumed where the checkpoint lacks a basis. The comparison with the network then reports the missing basis.
const FALLBACK_BITS: usize = 2;

/// Widths of a checkpoint under the names of one source.
#[derive(Clone)]
pub(crate) struct CheckpointWidths<'a> {
    scope: &'a Scope<'a>,
    pub rules: &'static NameRules,
    input_size: Option<usize>,
    /// The encoding that the user asked for.
    encoding: Option<Encoding>,
    /// Encodings that tables in the checkpoint tell, by the source's names of the quantizers.
    tables: BTreeMap<&'a str, Encoding>,
    /// Whether any layer has a weight basis. If none has, all weights are float; if one has, all layers must.
    weight_bases: bool,
    /// The same of activations.
    activation_bases: bool,
    /// Whether to take the channels of the original networks instead of the checkpoint's.
    original_channels: bool,
}

impl<'a> CheckpointWidths<'a> {
    /// Widths of `scope`, whose names follow `rules`.
    pub(crate) fn new(scope: &'a Scope<'a>, rules: &'static NameRules, options: &ConvertOptions) -> Self {
        let table = |layer: &'a str| Some((layer, encoding_of(scope, rules, layer)?));
        CheckpointWidths {
            scope,
            rules,
            input_size: options.input_size,
            encoding: options.encoding,
            tables: scope.activation_layers(rules).filter_map(table).collect(),
            weight_bases: scope.weight_bases(rules).next().is_some(),
            activation_bases: scope.activation_layers(rules).next().is_some(),
            original_channels: false,
        }
    }

    /// The same with the channels of the original networks.
    pub(crate) fn with_original_channels(&self) -> Self {
        CheckpointWidths { original_channels: true, ..self.clone() }
    }

    /// The scope whose widths these are.
    pub(crate) fn scope(&self) -> &'a Scope<'a> {
        self.scope
    }

    /// Whether the encoding of every activation quantizer is told: by the user, by the source or by a table.
    pub(crate) fn tells_codes(&self) -> bool {
        let told = |layer: &str| self.tables.contains_key(layer);
        self.encoding.is_some()
            || self.rules.codes != CodesOf::Unknown
            || self.scope.activation_layers(self.rules).all(told)
    }

    fn shape(&self, pattern: &str, layer: &str) -> Option<&[usize]> {
        self.scope.shape(&self.rules.name(pattern, layer))
    }

    /// Output channels of `layer`, if their number is possible at all. If weights are missing, their basis tells.
    fn channels(&self, layer: &str) -> Option<usize> {
        let weights = self.scope.shape(&self.rules.weight(layer, &|name| self.scope.has(name)));
        let basis = || self.shape(self.rules.weight_basis, layer).and_then(|s| self.rules.bases.outputs(s));
        let channels = weights.map_or_else(basis, |s| self.rules.layout.outputs(s));
        channels.filter(|n| (1..=MAX_EXTENT).contains(n))
    }

    /// Bits by the basis of `layer` under `pattern`. A layer that may be float is so if it has none.
    fn bits(&self, pattern: &str, layer: &str) -> Option<usize> {
        match self.shape(pattern, layer) {
            None if self.rules.is_optional(layer) => None,
            basis => Some(bits_or_fallback(basis.and_then(|s| self.rules.bases.bits(s)))),
        }
    }
}

fn bits_or_fallback(bits: Option<usize>) -> usize {
    bits.filter(|b| (1..=MAX_BITS).contains(b)).unwrap_or(FALLBACK_BITS)
}

/// The encoding that the table of quantizer `layer` tells, if there is one and it makes sense: coefficients of 0 and 1,
/// or of -1 and 1.
fn encoding_of(scope: &Scope, rules: &NameRules, layer: &str) -> Option<Encoding> {
    let table = rules.name(rules.code_table?, layer);
    let most = MAX_BITS << MAX_BITS;
    scope
        .shape(&table)
        .filter(|shape| shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).is_some_and(|n| n <= most))?;
    let coefficients = scope.read_f32(&table).ok()?;
    let are = |low: f32| coefficients.contains(&low) && coefficients.iter().all(|&c| c == low || c == 1.0);
    match (are(0.0), are(-1.0)) {
        (true, _) => Some(Encoding::ZeroOne),
        (_, true) => Some(Encoding::PlusMinus),
        _ => None,
    }
}

impl Widths for CheckpointWidths<'_> {
    fn weights(&self, layer: &str) -> Weights {
        let bits = self.weight_bases.then(|| self.bits(self.rules.weight_basis, layer)).flatten();
        bits.map_or(Weights::Float, |bits| Weights::Planes { bits })
    }

    fn activation_bits(&self, layer: &str) -> Option<usize> {
        self.activation_bases.then(|| self.bits(self.rules.activation_basis, layer)).flatten()
    }

    fn codes(&self, layer: &str, usual: Codes) -> Codes {
        let codes = if let CodesOf::Source(own, _) = self.rules.codes { own } else { usual };
        let table = || self.tables.get(&*self.rules.name("{}", layer)).copied();
        Codes { encoding: self.encoding.or_else(table).unwrap_or(codes.encoding), ..codes }
    }

    fn weight_ties(&self, usual: Ties) -> Ties {
        if let CodesOf::Source(_, own) = self.rules.codes { own } else { usual }
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
