//! The shaders and dispatches of networks, as the engine records them.

use crate::common::{Outcome, plan};
use crate::division::Division;
use lq_infer::internals::backend::gpu::record::{Dispatch, Nest, Recording, Target};
use lq_infer::internals::bench::model::{Geometry, Machine};
use lq_infer::internals::lower::Work;
use lq_infer::internals::plan::Plan;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// Networks with bits of weights and activations.
const NETWORKS: [(&str, [usize; 2]); 5] = [
    ("preact-resnet-18", [2, 2]),
    ("preact-resnet-18", [1, 2]),
    ("preact-resnet-18", [1, 1]),
    ("cifar-resnet-20", [2, 2]),
    ("vgg-small", [1, 2]),
];

/// Images per batch. Shaders of the first are named without it.
pub const BATCHES: [usize; 3] = [1, 8, 64];

/// A network with its bits.
pub struct Network {
    pub name: String,
    pub plan: Arc<Plan>,
    /// Its recordings so far: making one takes a while, because it puts all weights in order.
    recordings: RefCell<Vec<(Target, Rc<Recording>)>>,
}

impl Network {
    /// As a device runs it in batches of `images` images, every kernel in the variant that is thought best.
    fn recording(&self, machine: &Machine, images: usize) -> Rc<Recording> {
        let target = machine.target(images);
        let mut recordings = self.recordings.borrow_mut();
        if let Some((_, known)) = recordings.iter().find(|(of, _)| *of == target) {
            return known.clone();
        }
        let recording = Rc::new(Recording::new(&self.plan, &target, &|_, _| 0));
        recordings.push((target, recording.clone()));
        recording
    }
}

/// All networks.
pub fn networks() -> Outcome<Vec<Network>> {
    let of = |(net, bits @ [w, a]): (&str, [usize; 2])| {
        Ok(Network { name: format!("{net} {w}/{a}"), plan: plan(net, bits)?, recordings: RefCell::default() })
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

impl Source {
    /// That of a dispatch.
    pub fn of(name: String, dispatch: &Dispatch) -> Self {
        Source {
            name,
            kernel: dispatch.kernel.to_owned(),
            variant: dispatch.variant.to_string(),
            wgsl: dispatch.source.to_string(),
            storage_buffers: dispatch.bindings.len(),
            products: dispatch.nest.products,
        }
    }
}

/// The distinct shaders that networks consist of on these devices, in batches of all sizes. Names say for which batch and, but
/// for the first device, for which device a shader is, if no earlier one is the same.
pub fn shaders(networks: &[Network], machines: &[&Machine]) -> Vec<Source> {
    let mut seen = HashSet::new();
    let mut sources = Vec::new();
    for (nth, machine) in machines.iter().enumerate() {
        for (network, images) in networks.iter().flat_map(|network| BATCHES.map(|images| (network, images))) {
            for dispatch in network.recording(machine, images).dispatches() {
                if seen.insert(dispatch.source.clone()) {
                    let batch = if images == BATCHES[0] { String::new() } else { format!(" at {images}") };
                    let device = if nth == 0 { String::new() } else { format!(" on {}", machine.id) };
                    sources.push(Source::of(format!("{}{batch}{device}", name(network, dispatch)), dispatch));
                }
            }
        }
    }
    sources
}

fn name(network: &Network, dispatch: &Dispatch) -> String {
    format!("{} {} {}", network.name, dispatch.name, dispatch.kernel)
}

/// All dispatches of networks in batches of all sizes, for each device that divides the work in another way than those before.
pub fn divisions(networks: &[Network], machines: &[&Machine]) -> Outcome<BTreeMap<String, Division>> {
    let (mut divisions, mut seen) = (BTreeMap::new(), HashSet::new());
    for (nth, machine) in machines.iter().enumerate() {
        for (network, images) in networks.iter().flat_map(|network| BATCHES.map(|images| (network, images))) {
            let recording = network.recording(machine, images);
            for dispatch in recording.dispatches() {
                check_nest(dispatch, &network.plan)?;
                let geometry = Geometry::of(&recording, dispatch, Work::default(), images);
                let division = Division {
                    variant: dispatch.variant.to_string(),
                    steps: geometry.serial_steps(),
                    workgroups: geometry.workgroups,
                };
                let name = format!("{} at {images}", name(network, dispatch));
                if seen.insert((name.clone(), division.clone())) {
                    let device = if nth == 0 { String::new() } else { format!(" on {}", machine.id) };
                    divisions.insert(name + &device, division);
                }
            }
        }
    }
    Ok(divisions)
}

/// Fails if the loops that a dispatch claims to make cannot do its work, or would do far more: figures per product would be
/// wrong.
fn check_nest(dispatch: &Dispatch, plan: &Plan) -> Outcome<()> {
    const IMAGES: usize = 8;
    /// Small layers leave most lanes idle.
    const MOST_IDLE: u64 = 4;
    if dispatch.nest.turns == 0 {
        return Ok(());
    }
    let work = Work::of(plan.program(), &plan.program().steps[dispatch.step].kernel);
    let wanted = IMAGES as u64 * (work.words + work.byte_products);
    let Nest { turns, steps, products } = dispatch.nest;
    let invocations = IMAGES * dispatch.per_image * dispatch.layers as usize;
    let claimed = (invocations * turns * steps * products) as u64;
    match wanted <= claimed && claimed <= MOST_IDLE * wanted {
        true => Ok(()),
        false => Err(format!(
            "{} ({}, {}) claims {claimed} products for {IMAGES} images, which need {wanted}",
            dispatch.name, dispatch.kernel, dispatch.variant
        )
        .into()),
    }
}
