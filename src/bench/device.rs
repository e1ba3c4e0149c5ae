//! Opens devices and measures what they can do at best.

use super::ceiling::Ceiling;
use super::random::random_program;
use super::report::{Device, Peaks, median_of};
use crate::backend::{Backend, Control, Detail, Peak};
use crate::error::{Error, Result};
use crate::graph::{GraphBuilder, Op};
use crate::lower::InputKind;
use crate::plan::Plan;
use crate::session::{DeviceInfo, DeviceSelector, Engine, EngineBuilder};
use crate::tensor::{Shape, Window};
use std::sync::Arc;
use std::time::Duration;

/// Launches of the network that does almost nothing.
const LAUNCHES: usize = 6;
/// How often it runs.
const RUNS: usize = 20;

impl Ceiling {
    /// Measures a device, which takes some tenths of a second.
    pub fn of(engine: &Engine) -> Result<Self> {
        let rate = |peak: Peak| engine.rate(peak);
        let peaks =
            Peaks { words: rate(Peak::Words)?, byte_products: rate(Peak::ByteProducts)?, bytes: rate(Peak::Bytes)? };
        Ok(Ceiling { peaks, launch: launch(&**engine.backend())? })
    }
}

/// An open device.
pub struct Opened {
    /// Its engine.
    pub engine: Engine,
    /// What it can do at best.
    pub ceiling: Ceiling,
}

/// Opens a device of [`crate::session::devices`] as `builder` says, and measures what it can do. If that fails, the
/// description says why.
pub fn open(info: &DeviceInfo, builder: EngineBuilder) -> (Device, Option<Opened>) {
    let opened = match &info.unusable {
        Some(reason) => Err(reason.clone()),
        None => opened(info, builder).map_err(|e| e.to_string()),
    };
    let ceiling = opened.as_ref().ok().map(|o| o.ceiling);
    let device = Device {
        id: info.id.clone(),
        name: info.name.clone(),
        api: info.api.clone(),
        driver: info.driver.clone(),
        pci_id: info.pci_id.clone(),
        software: info.software,
        peaks: ceiling.map(|c| c.peaks),
        launch: ceiling.map(|c| c.launch),
        problem: opened.as_ref().err().cloned(),
    };
    (device, opened.ok())
}

fn opened(info: &DeviceInfo, builder: EngineBuilder) -> Result<Opened> {
    let engine = builder.device(DeviceSelector::Index(info.index)).build()?;
    Ok(Opened { ceiling: Ceiling::of(&engine)?, engine })
}

/// Seconds of one launch, measured with poolings of a single pixel that run as a network.
fn launch(backend: &dyn Backend) -> Result<f64> {
    let plan = Arc::new(idle().map_err(Error::Usage)?);
    let net = backend.prepare(plan.clone(), 1, &|_, _| Ok(()))?;
    let input = vec![0; plan.input_words()];
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let (_, timeline) = net.timed(&input, 1, Detail::Steps, &Control::default())?;
        times.extend(timeline.per_step(LAUNCHES).iter().map(Duration::as_secs_f64));
    }
    // The first runs warm up. Of the others, the lower half is what nothing else disturbed.
    let mut times = times.split_off(times.len() / 4);
    times.sort_by(f64::total_cmp);
    Ok(median_of(&times[..times.len().div_ceil(2)]))
}

/// A network that does almost nothing, in several launches.
fn idle() -> std::result::Result<Plan, String> {
    let mut b = GraphBuilder::new(Shape { h: 1, w: 1, c: 4 });
    for node in 0..LAUNCHES {
        b.push(&format!("pool{node}"), Op::MaxPool { window: Window::valid(1, 1) }, &[node]);
    }
    Plan::new(random_program(&b.finish()?, InputKind::Tensor, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idle_network_has_as_many_launches_as_it_should() {
        assert_eq!(idle().unwrap().program().steps.len(), LAUNCHES);
    }
}
