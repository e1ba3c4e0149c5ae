//! Explains why a network takes the time it takes on a device: what each launch does, what limits it, and what other
//! bit widths would cost. Explanations are derived from a benchmark's figures alone, so those of another machine can be
//! explained too.

mod answers;
mod context;
mod explanation;
mod predict;
mod reasons;
mod text;

pub use explanation::{Explanation, Group, Launch, Prediction, Remark};

use super::ceiling::Ceiling;
use super::layers::is_disturbed;
use super::report::{Cell, Device};
use crate::error::{Error, Result};
use context::Context;
use explanation::SCHEMA;

/// Explains the figures of `cell`, measured on `device`.
///
/// # Errors
/// [`Error::VerificationFailed`] if the device computed wrong logits, [`Error::Device`] if launches, or runs, have no
/// figures.
pub fn explain(device: &Device, cell: &Cell) -> Result<Explanation> {
    let failed = |problem: String| Error::Device { device: device.name.clone(), problem };
    if cell.is_wrong() {
        return Err(Error::VerificationFailed(format!("{} computed wrong logits of {}", device.name, cell.model)));
    }
    let nothing = || cell.problem.clone().unwrap_or_else(|| "there are no figures to explain".into());
    let (warm, peaks) = cell.warm.as_ref().zip(device.peaks).ok_or_else(|| failed(nothing()))?;
    if warm.steps.is_empty() {
        return Err(failed("its launches were not timed".into()));
    }
    let context = Context {
        ceiling: Ceiling { peaks, launch: device.launch.unwrap_or(0.0) },
        steps: &warm.steps,
        wall: warm.wall.median,
        batch: cell.batch,
        clock: warm.clock,
        cpu: device.api == "cpu",
    };
    let predictions = predict::predictions(&context);
    let explanation = Explanation {
        schema: SCHEMA,
        device: device.clone(),
        model: cell.model.clone(),
        source: cell.source.clone(),
        bits: cell.bits.clone(),
        input: cell.input,
        batch: cell.batch,
        digest: cell.digest.expected.clone(),
        wall: warm.wall,
        images_per_second: warm.images_per_second,
        noise: warm.noise.clone(),
        doubt: None,
        clock: warm.clock,
        launches: warm.steps.iter().map(|step| context.launch(step)).collect(),
        groups: context.groups(),
        square_share: context.square_share(),
        remarks: reasons::remarks(&context),
        answers: answers::answers(&context, &predictions, cell.timed_float32()),
        predictions,
        float32: cell.float32.clone(),
        modelled: Vec::new(),
    };
    match is_disturbed(&warm.steps, context.ceiling.launch) {
        true => Ok(doubted(explanation)),
        false => Ok(explanation),
    }
}

/// What is left of an explanation if the device's peaks cannot be believed.
fn doubted(mut explanation: Explanation) -> Explanation {
    for launch in &mut explanation.launches {
        (launch.least, launch.step.share) = (0.0, 0.0);
    }
    explanation.groups.iter_mut().for_each(|group| group.least = 0.0);
    let doubt = "launches are faster than the peaks that the probes found, so something disturbed the probes: no bounds and \
                 no shares are given. Run it again when the machine is idle";
    Explanation {
        doubt: Some(doubt.to_owned()),
        square_share: None,
        remarks: Vec::new(),
        answers: Vec::new(),
        ..explanation
    }
}

#[cfg(test)]
mod tests;
