//! The shaders and dispatches of networks, as the engine records them.

use crate::common::{Outcome, plan};
use lq_infer::internals::backend::gpu::record::{Dispatch, Nest, Recording};
use lq_infer::internals::bench::model::{Geometry, MACHINES, Machine};
use lq_infer::internals::lower::Work;
use lq_infer::internals::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Networks with bits of weights and activations.
const NETWORKS: [(&str, [usize; 2]); 5] = [
    ("preact-resnet-18", [2, 2]),
    ("preact-resnet-18", [1, 2]),
    ("preact-resnet-18", [1, 1]),
    ("cifar-resnet-20", [2, 2]),
    ("vgg-small", [1, 2]),
];
/// Images per batch.
pub const BATCHES: [usize; 3] = [1, 8, 64];

/// A network with its bits.
pub struct Network {
    pub name: String,
    pub plan: Arc<Plan>,
}

/// All networks.
pub fn networks() -> Outcome<Vec<Network>> {
    let of = |(net, bits @ [w, a]): (&str, [usize; 2])| {
        Ok(Network { name: format!("{net} {w}/{a}"), plan: plan(net, bits)? })
    };
    NETWORKS.into_iter().map(of).collect()
}

/// A shader before it is compiled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Source {
    /// The first network, layer and kernel that uses it.
    pub name: String,
    pub kernel: String,
    pub variant: String,
    pub wgsl: String,
    pub storage_buffers: usize,
    /// Products of a step.
    pub products: usize,
}

/// One device of each kind that kernels are chosen by, AMD first.
pub fn kinds() -> Vec<&'static Machine> {
    let mut seen = HashSet::new();
    let machines: &'static [Machine] = &MACHINES;
    let kind = |machine: &Machine| (machine.adders, machine.dots, machine.subgroups[0]);
    machines.iter().filter(|machine| seen.insert(kind(machine))).collect()
}

fn name(network: &Network, dispatch: &Dispatch, machine: &Machine, is_first: bool) -> String {
    let kind = if is_first { String::new() } else { format!(" for {}", machine.id) };
    format!("{} {} {}{kind}", network.name, dispatch.name, dispatch.kernel)
}

fn recording(network: &Network, machine: &Machine, images: usize) -> Recording {
    Recording::new(&network.plan, &machine.target(images), &|_, _| 0)
}

/// The distinct shaders that networks consist of on these devices.
pub fn shaders(networks: &[Network], machines: &[&Machine]) -> Vec<Source> {
    let mut seen = HashSet::new();
    let mut sources = Vec::new();
    for (nth, machine) in machines.iter().enumerate() {
        for (network, images) in networks.iter().flat_map(|network| BATCHES.map(|images| (network, images))) {
            for dispatch in recording(network, machine, images).dispatches() {
                if seen.insert(dispatch.source.clone()) {
                    let batch = if images == BATCHES[0] { String::new() } else { format!(" batch {images}") };
                    sources.push(Source {
                        name: name(network, dispatch, machine, nth == 0) + &batch,
                        kernel: dispatch.kernel.to_owned(),
                        variant: dispatch.variant.to_string(),
                        wgsl: dispatch.source.to_string(),
                        storage_buffers: dispatch.bindings.len(),
                        products: dispatch.nest.products,
                    });
                }
            }
        }
    }
    sources
}

/// How a dispatch divides its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Division {
    pub variant: String,
    /// Steps that an invocation makes one after the other.
    pub steps: usize,
    /// Workgroups for each of [`BATCHES`].
    pub workgroups: [u64; 3],
}

/// All dispatches of networks, for each kind whose devices divide work in another way than the first.
pub fn divisions(networks: &[Network], machines: &[&Machine]) -> Outcome<BTreeMap<String, Division>> {
    let mut divisions = BTreeMap::new();
    for network in networks {
        let mut first = Vec::new();
        for (nth, machine) in machines.iter().enumerate() {
            let recordings = BATCHES.map(|images| (recording(network, machine, images), images));
            for (at, dispatch) in recordings[0].0.dispatches().iter().enumerate() {
                let of_batches =
                    recordings.each_ref().map(|(recording, images)| (recording, &recording.dispatches()[at], *images));
                of_batches.iter().try_for_each(|(_, dispatch, _)| check_nest(dispatch, &network.plan))?;
                let geometry = of_batches
                    .map(|(recording, dispatch, images)| Geometry::of(recording, dispatch, Work::default(), images));
                let mut variants = of_batches.map(|(_, dispatch, _)| dispatch.variant.to_string()).to_vec();
                variants.dedup();
                let division = Division {
                    variant: variants.join(", "),
                    steps: geometry[0].serial_steps(),
                    workgroups: geometry.map(|g| g.workgroups),
                };
                if nth == 0 {
                    first.push(division.clone());
                } else if first.get(at) == Some(&division) {
                    continue;
                }
                divisions.insert(name(network, dispatch, machine, nth == 0), division);
            }
        }
    }
    Ok(divisions)
}

/// Fails if the loops that a dispatch claims to make cannot do its work, or would do far more: figures per product would be
/// wrong.
fn check_nest(dispatch: &Dispatch, plan: &Plan) -> Outcome<()> {
    const IMAGES: usize = 8;
    if dispatch.nest.turns == 0 {
        return Ok(());
    }
    let work = Work::of(plan.program(), &plan.program().steps[dispatch.step].kernel);
    let wanted = IMAGES as u64 * (work.words + work.byte_products);
    let Nest { turns, steps, products } = dispatch.nest;
    let invocations = IMAGES * dispatch.per_image * dispatch.layers as usize;
    let claimed = (invocations * turns * steps * products) as u64;
    match wanted <= claimed && claimed <= 2 * wanted {
        true => Ok(()),
        false => Err(format!(
            "{} ({}, {}) claims {claimed} products for {IMAGES} images, which need {wanted}",
            dispatch.name, dispatch.kernel, dispatch.variant
        )
        .into()),
    }
}
