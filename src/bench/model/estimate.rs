//! A whole network on a device of the model.

use super::figures::Figures;
use super::machine::Machine;
use super::time::{Geometry, seconds};
use crate::backend::gpu::record::{Dispatch, Recording};
use crate::lower::Work;
use crate::plan::Plan;
use serde::{Deserialize, Serialize};

/// What a network is modelled to take on a device. Times are in seconds per batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Modelled {
    /// Name of the device.
    pub device: String,
    /// Images per batch.
    pub batch: usize,
    /// The time of all launches.
    pub seconds: f64,
    /// From `seconds`.
    pub images_per_second: f64,
    /// How many launches were estimated from another shader of the same kernel, because the figures lack theirs.
    pub similar: usize,
    /// The launches, in order.
    pub launches: Vec<ModelledLaunch>,
}

/// A launch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelledLaunch {
    /// The layer it belongs to.
    pub layer: String,
    /// Its kernel.
    pub kernel: String,
    /// How the kernel is run.
    pub variant: String,
    /// Workgroups.
    pub workgroups: u64,
    /// Steps that an invocation makes one after the other.
    pub steps: usize,
    /// Its time.
    pub seconds: f64,
    /// What decides: instructions, serial, loads, memory or launch.
    pub bound: String,
}

/// Models `plan` on `machine`, which runs every kernel in the variant that is thought best for it. `figures` are of the same
/// family of devices, or of a similar one.
///
/// # Errors
/// There are no figures of a kernel.
pub fn modelled(plan: &Plan, machine: &Machine, images: usize, figures: &Figures) -> Result<Modelled, String> {
    let recording = Recording::new(plan, &machine.target(images), &|_, _| 0);
    let mut modelled = Modelled {
        device: machine.name.to_owned(),
        batch: images,
        seconds: 0.0,
        images_per_second: 0.0,
        similar: 0,
        launches: Vec::new(),
    };
    let dispatches = recording.dispatches();
    for (index, dispatch) in dispatches.iter().enumerate() {
        let end = dispatches.get(index + 1).map_or(plan.program().steps.len(), |next| next.step);
        let steps = plan.program().steps.get(dispatch.step..end).unwrap_or_default();
        let works = steps.iter().map(|step| Work::of(plan.program(), &step.kernel));
        let geometry = Geometry::of(&recording, dispatch, works.fold(Work::default(), |a, b| a + b), images);
        let (launch, is_similar) = launch(dispatch, &geometry, machine, figures)?;
        modelled.seconds += launch.seconds;
        modelled.similar += usize::from(is_similar);
        modelled.launches.push(launch);
    }
    modelled.images_per_second = images as f64 / modelled.seconds;
    Ok(modelled)
}

/// A launch, and whether it was estimated from another shader.
fn launch(
    dispatch: &Dispatch,
    geometry: &Geometry,
    machine: &Machine,
    figures: &Figures,
) -> Result<(ModelledLaunch, bool), String> {
    let (variant, products) = (dispatch.variant.to_string(), dispatch.nest.products);
    let own = figures.of_text(&dispatch.source);
    let figure = own.or_else(|| figures.similar(dispatch.kernel, &variant, products));
    let figure = figure.ok_or_else(|| format!("no figures of {}", dispatch.kernel))?;
    let time = seconds(machine, &figure.shader(machine, products), geometry);
    let launch = ModelledLaunch {
        layer: dispatch.name.clone(),
        kernel: dispatch.kernel.to_owned(),
        variant,
        workgroups: geometry.workgroups,
        steps: geometry.serial_steps(),
        seconds: time.total(),
        bound: time.bound().to_owned(),
    };
    Ok((launch, own.is_none()))
}
