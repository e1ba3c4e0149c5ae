//! The choice of bits for all layers.

use super::float::Float;
use super::knapsack::{self, Candidate};
use super::loss::{Losses, Subject, Trial};
use super::price::Price;
use super::table::Table;
use crate::error::{Error, Result};
use crate::format::Packed;
use crate::graph::{Encoding, Graph, Op, Role, Ties};
use crate::quantize::bits::{Bits, LayerBits};
use crate::quantize::options::QuantizeOptions;
use crate::quantize::pictures::{Pictures, checked};
use crate::quantize::place::{Placed, place};
use crate::quantize::stored::with_biases;
use crate::threads;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// Multiply-accumulates of the float network that are spent on trials, and the fewest and most pictures for them.
const MACS: u64 = 400_000_000_000;
const PICTURES: std::ops::RangeInclusive<u64> = 8..=64;
/// How often a choice is made again if the whole network costs more than the sum over its layers.
const ROUNDS: usize = 8;

/// The bits of all layers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// For [`crate::quantize::quantize`].
    #[serde(skip)]
    pub bits: Bits,
    /// The layers in order.
    pub layers: Vec<ChosenLayer>,
    /// What all layers together are expected to lose: the mean square of the change of the logits, as a share of their
    /// variance.
    pub loss: f64,
    /// What the network is expected to cost, what it may cost, and what it would cost at the widest widths.
    pub cost: f64,
    /// See `cost`.
    pub most: f64,
    /// See `cost`.
    pub widest: f64,
}

/// What was chosen for one layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChosenLayer {
    /// Its name.
    pub layer: String,
    /// Its bits as text, such as "2/2".
    pub bits: String,
    /// What the logits lose by it alone.
    pub loss: f64,
    /// What of the network's cost depends on its bits.
    pub cost: f64,
}

impl ChosenLayer {
    fn new((&(name, bits), Candidate { cost, loss }): (&(&str, LayerBits), Candidate)) -> Self {
        ChosenLayer { layer: name.to_owned(), bits: bits.to_string(), loss, cost }
    }
}

/// Chooses bits for the layers of a float model, for each those of `options` at most, so that the network costs what `price`
/// allows. `kept` and `progress` are as for [`crate::quantize::quantize`].
///
/// # Errors
/// [`Error::Usage`] if the narrowest widths cost too much; and as [`crate::quantize::quantize`].
pub fn choose(
    model: &Packed,
    pictures: &dyn Pictures,
    options: &QuantizeOptions,
    kept: &BTreeSet<String>,
    price: &dyn Price,
    progress: &dyn Fn(&str, usize, usize),
) -> Result<Choice> {
    threads::enter()?;
    if pictures.count() == 0 {
        return Err(Error::Usage("no picture to calibrate with".into()));
    }
    let bad = |problem: String| Error::bad_model(Path::new(&model.header.name), problem);
    let whole = |bits: &Bits| {
        let placed = place(&model.header.graph, bits, options.ends, kept).map_err(Error::Usage)?;
        Ok(Placed { graph: with_biases(&placed.graph).map_err(bad)?, ..placed })
    };
    let widest = whole(&options.bits)?;
    let table = Table::new(&widest, &options.bits, price, &|bits| Ok(whole(bits)?.graph))?;
    let most = price.most(table.widest());
    if table.narrowest() > most {
        return Err(too_much(&table, price, most));
    }
    let float = Float::new(model).map_err(bad)?;
    let subjects = subjects(model, &widest, &table).map_err(bad)?;
    let count = pictures_for(&float, &subjects).map_err(bad)?;
    let trial = Trial::new(float, &model.header.name, some(model, pictures, count)?)?;
    let mut losses = Vec::new();
    for (at, subject) in subjects.iter().enumerate() {
        progress(subject.name, at, subjects.len());
        losses.push(trial.losses(subject)?);
    }
    progress("", subjects.len(), subjects.len());
    chosen(&table, &losses, &options.bits, price, &|bits| Ok(price.of(&whole(bits)?.graph)?.all))
}

/// The best choice that was found of which the network as a whole costs what is allowed, by what `cost` says of bits. `widest`
/// are the limits.
///
/// The costs of layers do not quite add up to the network's: how one layer is run may depend on its neighbours' widths. So the
/// sum gets as much as the network may cost, and if that is too much, halves of the range that is left are tried.
fn chosen(
    table: &Table,
    losses: &[Losses],
    widest: &Bits,
    price: &dyn Price,
    cost: &dyn Fn(&Bits) -> Result<f64>,
) -> Result<Choice> {
    let (lists, most) = (table.candidates(losses), price.most(table.widest()));
    let with = |allowed: f64| -> Result<Option<Choice>> {
        let Some(places) = knapsack::choose(&lists, allowed - table.fixed()) else { return Ok(None) };
        let layers = table.chosen(&places);
        let bits = widest.with(layers.iter().map(|&(name, bits)| (name.to_owned(), bits)));
        let cost = cost(&bits)?;
        let picked = lists.iter().zip(&places).map(|(list, &at)| list[at]);
        let layers: Vec<ChosenLayer> = layers.iter().zip(picked).map(ChosenLayer::new).collect();
        let loss = layers.iter().map(|layer| layer.loss).sum();
        Ok((cost <= most).then(|| Choice { bits, layers, loss, cost, most, widest: table.widest() }))
    };
    if let Some(choice) = with(most)? {
        return Ok(choice);
    }
    let (mut low, mut high, mut best) = (table.least(), most, with(table.least())?);
    for _ in 0..ROUNDS {
        let middle = 0.5 * (low + high);
        match with(middle)? {
            Some(choice) => (low, best) = (middle, Some(choice)),
            None => high = middle,
        }
    }
    best.ok_or_else(|| too_much(table, price, most))
}

fn too_much(table: &Table, price: &dyn Price, most: f64) -> Error {
    let [least, most, widest] = [table.narrowest(), most, table.widest()].map(|cost| price.text(cost));
    Error::Usage(format!(
        "the network takes {least} with all layers as narrow as can be, and {widest} with all as wide as allowed: not {most}"
    ))
}

/// Some of the pictures, evenly.
fn some(model: &Packed, pictures: &dyn Pictures, count: usize) -> Result<Vec<Vec<f32>>> {
    let (all, wanted) = (pictures.count(), model.header.graph.input_shape().elements());
    let picture = |index: usize| checked(pictures.tensor(index)?, index, wanted, &model.header.name);
    let count = count.min(all);
    (0..count).into_par_iter().map(|at| picture(at * all / count)).collect()
}

/// Pictures for the trials, each of which runs about half of the network.
fn pictures_for(float: &Float, subjects: &[Subject]) -> Result<usize, String> {
    let trials = subjects.iter().flat_map(|subject| &subject.bits).map(Vec::len).sum::<usize>() as u64;
    let macs = float.graph.macs()?.saturating_mul(trials) / 2;
    Ok((MACS / macs.max(1)).clamp(*PICTURES.start(), *PICTURES.end()) as usize)
}

/// The layers that are tried: those of `widest`, with their float weights.
fn subjects<'a>(model: &'a Packed, widest: &'a Placed, table: &Table) -> Result<Vec<Subject<'a>>, String> {
    let float = model.header.graph.nodes();
    let subject = |(&(id, _), bits): (&(usize, LayerBits), [Vec<usize>; 2])| {
        let name = &widest.graph.nodes()[id].name;
        let own = float.iter().position(|float| float.name == *name).ok_or("a layer has no float layer")?;
        let weights = model.params.get(name, Role::Weight)?.f32();
        Ok(Subject { name, id: own, weights, quantizer: quantizer(&widest.graph, id), bits })
    };
    widest.layers.iter().zip(table.tried()).map(subject).collect()
}

/// The kind of the quantizer that a layer reads.
fn quantizer(graph: &Graph, id: usize) -> Option<(Encoding, Ties)> {
    let &source = graph.nodes()[id].inputs.first()?;
    match graph.nodes()[source].op {
        Op::Quantize { encoding, ties, .. } => Some((encoding, ties)),
        _ => None,
    }
}
