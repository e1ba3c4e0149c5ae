//! One step of a plan, laid out for this machine.

use super::bitconv::BitLayer;
use super::level::Level;
use super::limbconv::LimbLayer;
use super::pool::Pooling;
use super::quantize::Quantizer;
use super::tiles::Tiles;
use super::{conversions, pointwise, pool};
use crate::backend::arena::{Arena, Output};
use crate::backend::reference::run_kernel;
use crate::lower::{InputForm, Kernel, Step, TensorId};
use crate::plan::Plan;

/// A step with everything that running it needs. The plan's weights are kept only where the step still reads them.
pub(super) struct PreparedStep {
    /// Its layer.
    pub name: String,
    /// Its kernel's name.
    pub kernel: &'static str,
    /// The tensors that it writes.
    pub writes: Vec<TensorId>,
    form: Form,
}

enum Form {
    BitConv(Box<BitLayer>),
    LimbConv(Box<LimbLayer>),
    Quantize(Box<Quantizer>),
    /// Runs as it is, here or on the reference.
    Plain(Box<Kernel>),
}

impl PreparedStep {
    /// Prepares `step` of `plan`.
    pub(super) fn new(plan: &Plan, step: &Step, level: Level) -> Self {
        let form = Form::laid_out(plan, &step.kernel, level);
        PreparedStep {
            name: step.name.clone(),
            kernel: step.kernel.name(),
            writes: step.kernel.writes(),
            form: form.unwrap_or_else(|| Form::Plain(Box::new(step.kernel.clone()))),
        }
    }

    /// Runs the step.
    pub(super) fn run(&self, level: Level, arena: &Arena, outputs: &mut [Output], tiles: &Tiles) {
        match &self.form {
            Form::BitConv(k) => k.run(level, arena, outputs, tiles),
            Form::LimbConv(k) => k.run(level, arena, outputs, tiles),
            Form::Quantize(k) => k.run(level, arena, &mut outputs[0], tiles),
            Form::Plain(kernel) => plain(kernel, level, arena, outputs, tiles),
        }
    }
}

impl Form {
    /// None for kernels without weights, for those that this backend cannot compute exactly, and if out of memory.
    fn laid_out(plan: &Plan, kernel: &Kernel, level: Level) -> Option<Self> {
        let spec = |id: TensorId| plan.program().tensors[id].clone();
        let output = *kernel.writes().first()?;
        Some(match kernel {
            Kernel::BitConv(k) => Form::BitConv(Box::new(BitLayer::new(k, spec, output, level)?)),
            Kernel::LimbConv(k) => {
                let picture = k.input == 0 && plan.program().input == InputForm::Pixels;
                Form::LimbConv(Box::new(LimbLayer::conv(k, picture, spec, output, level)?))
            }
            Kernel::LimbSum(k) => Form::LimbConv(Box::new(LimbLayer::sums(k, spec, level)?)),
            Kernel::Quantize(k) => Form::Quantize(Box::new(Quantizer::new(k, spec(output).planes(), level)?)),
            _ => return None,
        })
    }
}

/// Runs kernels without tables, and leaves the rest to the reference.
fn plain(kernel: &Kernel, level: Level, arena: &Arena, outputs: &mut [Output], tiles: &Tiles) {
    let out = &mut outputs[0];
    match kernel {
        Kernel::MaxPool(k) => pool::run(Pooling::Maximum, &k.window, k.input, level, arena, out, tiles),
        Kernel::AvgPool(k) => pool::run(Pooling::Mean, &k.window, k.input, level, arena, out, tiles),
        Kernel::Pointwise(k) => pointwise::run(k, level, arena, out, tiles),
        _ if conversions::run(kernel, level, arena, out, tiles) => {}
        _ => run_kernel(kernel, arena, outputs),
    }
}
