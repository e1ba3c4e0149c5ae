//! Warnings about a converted network. It runs as it was trained all the same.

use super::layers::{ConversionReport, LayerKind, LayerReport};
use serde::Serialize;
use std::fmt;

/// Layers of a warning that are named before the rest is only counted.
const NAMED: usize = 4;

/// A problem with all layers that have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The problem.
    pub problem: Problem,
    /// In order of the graph.
    pub layers: Vec<Affected>,
}

/// A layer that has a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// Name of the layer.
    pub layer: String,
    /// How much of the layer, such as "1 of 4", or the numbers in question.
    pub detail: String,
}

/// What looks wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// Levels that no weight of a layer has: unused bits.
    DeadLevels,
    /// Output channels whose weights all have one value.
    ConstantChannels,
    /// Channels whose batch norm has a gain of 0.
    ZeroGains,
    /// Channels whose variance in a batch norm is next to nothing.
    StillChannels,
    /// Output channels whose weight basis still has its initial value.
    InitialWeightBases,
    /// Activation bases that still have their initial values.
    InitialActivationBases,
    /// Activation quantizers of which several levels are equal.
    EqualLevels,
    /// Activation bases with negative elements.
    NegativeBases,
    /// Float weights of which each channel has only a few values: quantized ones, saved without their bases.
    FewValues,
    /// Quantizers behind a ReLU with half their levels below zero.
    UnreachableLevels,
}

impl Problem {
    const ALL: [Problem; 10] = [
        Problem::DeadLevels,
        Problem::ConstantChannels,
        Problem::ZeroGains,
        Problem::StillChannels,
        Problem::InitialWeightBases,
        Problem::InitialActivationBases,
        Problem::EqualLevels,
        Problem::NegativeBases,
        Problem::FewValues,
        Problem::UnreachableLevels,
    ];

    /// How much of `layer` has the problem, if any.
    fn detail(self, layer: &LayerReport) -> Option<String> {
        let share = |n: usize, of: usize| (n > 0).then(|| format!("{n} of {of}"));
        match (self, &layer.kind) {
            (Problem::DeadLevels, LayerKind::Conv { quantized: Some(q), .. }) => {
                share(q.dead_levels(), q.level_counts.len())
            }
            (Problem::ConstantChannels, LayerKind::Conv { shape, constant_channels, .. }) => {
                share(*constant_channels, shape[0])
            }
            (Problem::InitialWeightBases, LayerKind::Conv { shape, quantized: Some(q), .. }) => {
                share(q.initial_channels, shape[0])
            }
            (Problem::ZeroGains, LayerKind::BatchNorm { channels, zero_gains, .. }) => share(*zero_gains, *channels),
            (Problem::StillChannels, LayerKind::BatchNorm { channels, still_channels, .. }) => {
                share(*still_channels, *channels)
            }
            (Problem::InitialActivationBases, LayerKind::Quantizer { basis, initial_basis, .. }) => {
                initial_basis.then(|| numbers(basis))
            }
            // Negative elements make levels equal to the 0 of what exceeds no threshold; they have a warning of their
            // own.
            (Problem::EqualLevels, LayerKind::Quantizer { basis, levels, .. }) if basis.iter().all(|&v| v >= 0.0) => {
                share(levels.windows(2).filter(|pair| pair[0] == pair[1]).count(), levels.len())
            }
            (Problem::NegativeBases, LayerKind::Quantizer { basis, .. }) => {
                basis.iter().any(|&v| v < 0.0).then(|| numbers(basis))
            }
            (Problem::FewValues, LayerKind::Conv { few_values: Some(most), .. }) => {
                Some(format!("at most {most} values in a channel"))
            }
            (Problem::UnreachableLevels, LayerKind::Quantizer { levels, unreachable_levels, .. }) => {
                share(*unreachable_levels, levels.len())
            }
            _ => None,
        }
    }
}

fn numbers(basis: &[f32]) -> String {
    basis.iter().map(|v| format!("{v:.4}")).collect::<Vec<_>>().join(" ")
}

impl ConversionReport {
    /// What looks wrong, each problem once with all layers that have it.
    pub fn warnings(&self) -> Vec<Warning> {
        let warning = |problem: Problem| {
            let affected = |layer: &LayerReport| {
                problem.detail(layer).map(|detail| Affected { layer: layer.layer.clone(), detail })
            };
            Warning { problem, layers: self.layers.iter().filter_map(affected).collect() }
        };
        Problem::ALL.into_iter().map(warning).filter(|w| !w.layers.is_empty()).collect()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Problem::DeadLevels => "levels that no weight has",
            Problem::ConstantChannels => "output channels whose weights are all the same",
            Problem::ZeroGains => "channels that a gain of 0 makes constant",
            Problem::StillChannels => "channels that hardly varied in training (variance next to 0)",
            Problem::InitialWeightBases => "weight bases that look untrained: still at their initial values",
            Problem::InitialActivationBases => "activation bases that look untrained: still at their initial values",
            Problem::EqualLevels => "activation levels equal to another",
            Problem::NegativeBases => "activation bases with negative elements",
            Problem::FewValues => {
                "float weights that look quantized already, and stay float (save them before quantization, with bases)"
            }
            Problem::UnreachableLevels => {
                "levels below 0 of quantizers behind a ReLU, probably because codes are 0 and 1 instead of -1 and 1 \
                 (--encoding zero-one)"
            }
        })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<String> =
            self.layers.iter().take(NAMED).map(|a| format!("'{}' ({})", a.layer, a.detail)).collect();
        write!(f, "{}: {}", self.problem, named.join(", "))?;
        match self.layers.len().saturating_sub(NAMED) {
            0 => Ok(()),
            1 => f.write_str(" and 1 more layer"),
            more => write!(f, " and {more} more layers"),
        }
    }
}
