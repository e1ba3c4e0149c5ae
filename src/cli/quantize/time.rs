//! The time of a network by the model of GPUs.

use crate::bench::model::{Figures, MACHINES, Machine, modelled};
use crate::bench::random_program;
use crate::error::{Error, Result};
use crate::graph::{Graph, Op};
use crate::lower::InputKind;
use crate::plan::Plan;
use crate::quantize::{Costs, Price};
use crate::session::{Model, program_kind};
use std::path::Path;

/// Seed of the parameters, which are not known yet; instructions do not depend on them.
const SEED: u64 = 1;

/// The modelled time of a run, for at most a share of what it takes at the widest widths.
pub(super) struct ModelledTime<'a> {
    float: &'a Model,
    share: f64,
    machine: &'static Machine,
    batch: usize,
    figures: Figures,
}

impl<'a> ModelledTime<'a> {
    /// On the GPU of the model that is called `gpu`.
    pub(super) fn new(float: &'a Model, share: f64, gpu: &str, batch: usize) -> Result<Self> {
        const ALL: &[Machine] = &MACHINES;
        let machine = ALL.iter().find(|machine| machine.id == gpu);
        let machine = machine.ok_or_else(|| Error::Usage(format!("the model of time has no GPU '{gpu}'")))?;
        Ok(ModelledTime { float, share, machine, batch, figures: Figures::bundled().map_err(Error::Usage)? })
    }

    fn costs(&self, graph: &Graph) -> Result<Costs, String> {
        let kind = program_kind(&self.float.header().preprocess.normalize, InputKind::Pixels);
        let plan = Plan::new(random_program(graph, kind, SEED)?)?;
        let modelled = modelled(&plan, self.machine, self.batch, &self.figures)?;
        let mut costs = Costs { all: modelled.seconds, ..Costs::default() };
        for node in graph.nodes().iter().filter(|node| matches!(node.op, Op::Conv { .. })) {
            let launches = modelled.launches.iter().filter(|launch| launch.layer == node.name);
            costs.layers.insert(node.name.clone(), launches.map(|launch| launch.seconds).sum());
        }
        Ok(costs)
    }
}

impl Price for ModelledTime<'_> {
    fn of(&self, graph: &Graph) -> Result<Costs> {
        self.costs(graph).map_err(|problem| Error::bad_model(Path::new(&self.float.header().name), problem))
    }

    fn most(&self, widest: f64) -> f64 {
        self.share * widest
    }

    fn counts_activations(&self) -> bool {
        true
    }

    fn text(&self, cost: f64) -> String {
        format!("{:.1} us", 1e6 * cost)
    }
}
