//! What every kernel has to say about running on a GPU.

use super::launch::Launch;
use super::variant::{Target, Variant};
use crate::lower::{Kernel, Tensors};

/// A kernel that runs on a GPU.
pub(super) trait OnGpu {
    /// The launch of the kernel in one of its variants, together with the next step if it [`OnGpu::takes`] that.
    fn launch(&self, tensors: Tensors, variant: &Variant, next: Option<&Kernel>) -> Launch;

    /// The launch of [`Variant::General`] with its work divided among so many invocations that none makes more rounds than
    /// the target allows ([`super::rounds`]). `None` if that cannot be done.
    fn divided(&self, _tensors: Tensors, _target: &Target) -> Option<Launch> {
        None
    }

    /// The ways to run it besides [`Variant::General`], the one that is thought best first.
    fn variants(&self, _tensors: Tensors, _target: &Target) -> Vec<Variant> {
        Vec::new()
    }

    /// What its time depends on besides the form of its tensors.
    fn signature(&self) -> String {
        String::new()
    }

    /// Whether the kernel's launch can also do `next`, the step after it.
    fn takes(&self, _next: &Kernel, _tensors: Tensors) -> bool {
        false
    }
}
