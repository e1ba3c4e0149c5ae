//! Zero channels before those of a tensor.
//!
//! Kernels read channels that a tensor lacks at its end as 0, so appending some costs little or nothing. To move the
//! others up, a 1x1 float convolution copies each: its weights are 1 and 0, and the epilogue shifts the sum v * 2^s back
//! by s, which is exact.

use super::emitter::Emitter;
use crate::fixed::LIMB_LANES;
use crate::graph::{NodeId, RealWeights};
use crate::lower::affine::Affine;
use crate::lower::chain::Chain;
use crate::lower::kernels::{Kernel, LimbConv};
use crate::lower::limbconv::{self, ScaledWeights};
use crate::lower::tensors::Repr;
use crate::tensor::Window;

impl Emitter<'_> {
    /// Emits node `id`, which puts `before` zero channels first.
    pub(super) fn pad_before(&mut self, id: NodeId, before: usize) -> Result<(), String> {
        let source = self.graph.nodes()[id].inputs[0];
        let input = self.limbs(source)?;
        let Repr::Limbs { limbs, frac } = self.tensors[input].repr else { return Err("its input has no limbs".into()) };
        let (lanes, outputs) = (self.facts[source].shape.c, self.facts[id].shape.c);
        let copy = RealWeights::Padding { before };
        let row = move |c: usize| copy.channel(c, lanes).iter().map(|&w| f64::from(w)).collect();
        let real = ScaledWeights { outputs, taps: 1, lanes, row: Box::new(row) };
        limbconv::check_diagonals(lanes, limbs)?;
        let drop = limbconv::dropped_limbs(&real, limbs)?;
        let chain = Chain { head: id, batch_norms: vec![], residual: None, relu: false, end: id };
        let most = self.max_frac(&chain, false, limbconv::LOW_BITS);
        let fixed = limbconv::fix(&real, |_, row| limbconv::cap(row, 0.0, (limbs, frac), drop, most));
        let fracs: Vec<i32> = fixed.frac.iter().map(|e| e + frac - 8 * drop as i32).collect();
        let epilogue = self.epilogue(&chain, None, &Affine::identity(outputs), &fracs, limbconv::LOW_BITS)?;
        let (window, words) = (Window::valid(1, 1), lanes.div_ceil(LIMB_LANES));
        let kernel = LimbConv { input, window, weights: fixed.packed, words, first_words: None, drop, epilogue };
        self.push(id, Kernel::LimbConv(kernel));
        Ok(())
    }
}
