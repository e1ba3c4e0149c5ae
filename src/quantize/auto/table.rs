//! What each layer costs in each pair of widths.

use super::knapsack::Candidate;
use super::loss::Losses;
use super::price::{Costs, Price};
use super::widths::pairs;
use crate::error::Result;
use crate::graph::Graph;
use crate::quantize::bits::{Bits, LayerBits};
use crate::quantize::place::Placed;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The costs of all layers.
pub(super) struct Table {
    layers: Vec<Layer>,
    /// Of the network at the widest widths.
    widest: Costs,
    /// The least that the network costs if all layers are equally wide.
    narrowest: f64,
}

/// One layer with what it costs in each pair of widths, the widest last.
struct Layer {
    name: String,
    pairs: Vec<(LayerBits, f64)>,
}

impl Table {
    /// Asks for the costs of networks in which all layers are equally wide, as far as they may be: at most as `limit` says,
    /// which gives the network `widest`. `whole` makes the network of any bits.
    pub(super) fn new(
        widest: &Placed,
        limit: &Bits,
        price: &dyn Price,
        whole: &(dyn Fn(&Bits) -> Result<Graph> + Sync),
    ) -> Result<Self> {
        let pairs = |limit: LayerBits| pairs(limit, price.counts_activations());
        let all: BTreeSet<LayerBits> = widest.layers.iter().flat_map(|&(_, limit)| pairs(limit)).collect();
        let all: Vec<LayerBits> = all.into_iter().collect();
        let costs = all.par_iter().map(|&pair| Ok((pair, price.of(&whole(&limit.at_most(pair))?)?)));
        let costs: BTreeMap<LayerBits, Costs> = costs.collect::<Result<_>>()?;
        let layer = |&(id, limit): &(usize, LayerBits)| {
            let name = &widest.graph.nodes()[id].name;
            let cost = |pair: &LayerBits| costs.get(pair).and_then(|costs| costs.layers.get(name)).copied();
            let pairs = pairs(limit).into_iter().map(|pair| (pair, cost(&pair).unwrap_or(0.0))).collect();
            Layer { name: name.clone(), pairs }
        };
        let narrowest = costs.values().map(|costs| costs.all).fold(f64::INFINITY, f64::min);
        Ok(Table { layers: widest.layers.iter().map(layer).collect(), widest: price.of(&widest.graph)?, narrowest })
    }

    /// What the network costs at the widest widths.
    pub(super) fn widest(&self) -> f64 {
        self.widest.all
    }

    /// What the network costs at the narrowest widths.
    pub(super) fn narrowest(&self) -> f64 {
        self.narrowest
    }

    /// What it would cost if costs added up and every layer were as cheap as can be.
    pub(super) fn least(&self) -> f64 {
        let of = |layer: &Layer| layer.pairs.iter().map(|&(_, cost)| cost).fold(f64::INFINITY, f64::min);
        self.fixed() + self.layers.iter().map(of).sum::<f64>()
    }

    /// What does not depend on the layers' widths.
    pub(super) fn fixed(&self) -> f64 {
        let widest = |layer: &Layer| layer.pairs.last().map_or(0.0, |&(_, cost)| cost);
        self.widest.all - self.layers.iter().map(widest).sum::<f64>()
    }

    /// Bits in which the weights of each layer are tried, and the activations that it reads.
    pub(super) fn tried(&self) -> impl Iterator<Item = [Vec<usize>; 2]> {
        let side = |layer: &Layer, of: fn(&LayerBits) -> Option<usize>| {
            layer.pairs.iter().filter_map(|(bits, _)| of(bits)).collect::<BTreeSet<_>>().into_iter().collect()
        };
        self.layers.iter().map(move |layer| [side(layer, |bits| bits.weights), side(layer, |bits| bits.activations)])
    }

    /// The candidates of each layer.
    pub(super) fn candidates(&self, losses: &[Losses]) -> Vec<Vec<Candidate>> {
        let of = |(layer, losses): (&Layer, &Losses)| {
            layer.pairs.iter().map(|&(bits, cost)| Candidate { cost, loss: losses.of(bits) }).collect()
        };
        self.layers.iter().zip(losses).map(of).collect()
    }

    /// The layers with the bits of the candidates at these places.
    pub(super) fn chosen(&self, places: &[usize]) -> Vec<(&str, LayerBits)> {
        self.layers.iter().zip(places).map(|(layer, &at)| (&layer.name[..], layer.pairs[at].0)).collect()
    }
}
