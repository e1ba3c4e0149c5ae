//! The kernels of a program, as data. A file per kernel holds what it is made of and its facts ([`KernelFacts`]): what
//! it reads and writes, when it is consistent, how much work it is. Each has a reference of its name in
//! `backend/reference`, a shader of its name in `shaders`, and launches on GPUs in `backend/gpu/kernels`.

mod avgpool;
mod bitconv;
mod checks;
mod epilogue;
mod facts;
mod join;
mod levels;
mod limbconv;
mod limbsum;
mod maxpool;
mod pointwise;
mod quantize;
mod slice;
mod split;

pub use avgpool::AvgPool;
pub use bitconv::{BitConv, Part};
pub use epilogue::{Epilogue, Finish, Ranks};
pub(super) use facts::need;
pub use facts::{Checked, KernelFacts};
pub use join::Join;
pub use levels::Levels;
pub use limbconv::LimbConv;
pub use limbsum::LimbSum;
pub use maxpool::MaxPool;
pub use pointwise::Pointwise;
pub use quantize::Quantize;
pub use slice::Slice;
pub use split::Split;

use super::tensors::TensorId;

/// Defines [`Kernel`] and what goes through all kernels, from one list.
macro_rules! kernels {
    ($d:tt $($kernel:ident)+) => {
        /// A kernel of a program.
        #[derive(Clone, Debug)]
        pub enum Kernel {
            $(#[doc = concat!("See [`", stringify!($kernel), "`].")] $kernel($kernel),)+
        }

        impl Kernel {
            /// The names of all kernels.
            pub fn names() -> Vec<String> {
                [$(stringify!($kernel)),+].map(str::to_lowercase).to_vec()
            }
        }

        /// Evaluates an expression for whichever kernel it is: `each_kernel!(kernel, k => k.reads())`. Whoever needs more
        /// of kernels than [`KernelFacts`] defines a trait of its own, and the compiler names every kernel that does not
        /// implement it.
        macro_rules! each_kernel {
            ($d kernel:expr, $d k:ident => $d body:expr) => {
                match $d kernel { $($crate::lower::Kernel::$kernel($d k) => $d body,)+ }
            };
        }
        pub(crate) use each_kernel;
    };
}
kernels! { $ AvgPool BitConv Join Levels LimbConv LimbSum MaxPool Pointwise Quantize Slice Split }

impl Kernel {
    /// What the kernel says about itself.
    pub fn facts(&self) -> &dyn KernelFacts {
        each_kernel!(self, k => k)
    }

    /// Tensors the kernel reads.
    pub fn reads(&self) -> Vec<TensorId> {
        self.facts().reads()
    }

    /// Tensors the kernel writes. It writes them completely, except for [`Join`], which writes a part of every row.
    pub fn writes(&self) -> Vec<TensorId> {
        self.facts().writes()
    }

    /// The kernel's name, as in programs, reports and the names of its shader and its reference.
    pub fn name(&self) -> &'static str {
        self.facts().name()
    }
}
