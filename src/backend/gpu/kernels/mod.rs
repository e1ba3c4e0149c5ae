//! How each kernel of a program becomes a [`Launch`]: the text of its shader, constants, buffers and a size. Every
//! kernel implements [`OnGpu`]; the functions here pass on to whichever kernel it is.

mod bitconv;
mod carry_save;
mod coefficients;
mod diagonals;
mod epilogue;
mod general;
pub(super) mod geometry;
mod groups;
mod hash;
pub(super) mod launch;
mod limbconv;
mod on_gpu;
mod parts;
mod pools;
pub(super) mod rounds;
mod small;
#[cfg(test)]
mod snapshots;
mod spans;
mod strip;
mod team;
pub(super) mod texts;
mod tile;
mod variant;

pub use hash::shader_hash;
pub(super) use launch::Launch;
pub use launch::Nest;
pub use variant::{Products, Span, Strip, Target, Tile, Variant, WORKGROUP_SIZE};

use crate::lower::kernels::each_kernel;
use crate::lower::{Kernel, Program, TensorId};
use on_gpu::OnGpu;

fn on_gpu(kernel: &Kernel) -> &dyn OnGpu {
    each_kernel!(kernel, k => k)
}

/// The ways to run `kernel`, the one that is thought best first.
pub(super) fn variants(kernel: &Kernel, program: &Program, target: &Target) -> Vec<Variant> {
    let mut variants = on_gpu(kernel).variants(program.view(), target);
    // The general kernel works alone unless its rounds have to be divided.
    let alone = || target.allows(on_gpu(kernel).launch(program.view(), &Variant::General, None).rounds);
    let shared = variants.iter().position(|variant| matches!(variant, Variant::Tile(_)));
    let place = shared.filter(|_| !target.sharing && alone()).unwrap_or(variants.len());
    variants.insert(place, Variant::General);
    variants
}

/// What the time of `kernel` depends on: layers with the same signature take the same time.
pub(super) fn signature(kernel: &Kernel, program: &Program) -> String {
    let list = |ids: Vec<TensorId>| -> String {
        let specs = ids.into_iter().map(|id| program.view().get(id));
        specs.map(|spec| format!(" {} {:?}", spec.shape, spec.repr.without_scale())).collect()
    };
    let own = on_gpu(kernel).signature();
    format!("{}{own}:{} <-{}", kernel.name(), list(kernel.writes()), list(kernel.reads()))
}

/// Whether the launch of `kernel` can also do `next`, the step after it.
pub(super) fn takes(kernel: &Kernel, next: &Kernel, program: &Program) -> bool {
    on_gpu(kernel).takes(next, program.view())
}

/// The launch of a kernel in one of its [`variants`], and of the next one if it [`takes`] that. It may take more rounds
/// than the target allows only if there is no way to divide the kernel's work far enough.
pub(super) fn launch(
    kernel: &Kernel,
    next: Option<&Kernel>,
    variant: &Variant,
    program: &Program,
    target: &Target,
) -> Launch {
    let launch = on_gpu(kernel).launch(program.view(), variant, next);
    let divided = || on_gpu(kernel).divided(program.view(), target);
    if target.allows(launch.rounds) { launch } else { divided().unwrap_or(launch) }
}
