//! Epilogues: what follows a convolution within its step (batch norms, an addition, a ReLU, a quantizer).

use super::emitter::Emitter;
use crate::graph::{NodeId, Op, Role, Ties};
use crate::lower::affine::Affine;
use crate::lower::chain::{Chain, Group, QuantChain};
use crate::lower::kernels::{Epilogue, Finish, Kernel, Quantize, Ranks};
use crate::lower::tensors::TensorId;
use crate::lower::{bitconv, thresholds};
use crate::quant::Levels;

impl Emitter<'_> {
    /// Whether node `id` appends zero channels for nobody but an addition. Kernels read missing channels as 0 there,
    /// so such a node needs no tensor.
    pub(super) fn is_never_stored(&self, id: NodeId) -> bool {
        let is_added = |group: &Group| matches!(group, Group::Conv(c) | Group::Pointwise(c) if c.residual == Some(id));
        matches!(self.graph.nodes()[id].op, Op::PadChannels { before: 0, .. })
            && self.graph.consumers(id).count() == 1
            && self.groups.iter().any(is_added)
    }

    /// The value tensor that is added for node `id`.
    pub(super) fn residual(&mut self, id: Option<NodeId>) -> Result<Option<TensorId>, String> {
        let Some(id) = id else { return Ok(None) };
        let stored = if self.is_never_stored(id) { self.graph.nodes()[id].inputs[0] } else { id };
        self.value(stored).map(Some)
    }

    /// The levels of a quantizer and its rule for ties.
    fn levels_of(&self, quantize: NodeId) -> Result<(Levels, Ties), String> {
        let Op::Quantize { encoding, ties, .. } = self.graph.nodes()[quantize].op else {
            return Err("is no quantizer".into());
        };
        let basis = self.params.get(self.name(quantize), Role::ActivationBasis)?.f32();
        Ok((Levels::of_activations(basis, encoding), ties))
    }

    fn ranks(&self, head: NodeId, chain: &QuantChain) -> Result<Ranks, String> {
        let affine = self.batch_norms(Affine::identity(self.facts[head].shape.c), &chain.batch_norms)?;
        let (levels, ties) = self.levels_of(chain.quantize)?;
        Ok(thresholds::on_values(&levels, &affine, chain.relu, self.scales[head], ties))
    }

    /// The quantizer that can compare T itself, without a value in between: nothing else reads the chain's result,
    /// nothing is added to it, and no batch norm precedes the quantizer.
    pub(super) fn direct_quantizer(&self, chain: &Chain) -> Option<QuantChain> {
        let alone = self.graph.consumers(chain.end).count() == 1 && chain.residual.is_none();
        self.quantizer_of(chain.end).filter(|q| alone && q.batch_norms.is_empty())
    }

    /// The first quantizer that reads the value of `head`.
    fn quantizer_of(&self, head: NodeId) -> Option<QuantChain> {
        self.groups.iter().find_map(|g| match g {
            Group::Quantize { head: h, chain } if *h == head => Some(chain.clone()),
            _ => None,
        })
    }

    /// The epilogue of a chain whose T has `frac` fractional bits per channel.
    pub(super) fn epilogue(
        &mut self,
        chain: &Chain,
        direct: Option<QuantChain>,
        affine: &Affine,
        frac: &[i32],
        low_bits: u32,
    ) -> Result<Epilogue, String> {
        let Some(quant) = direct else {
            let quant = self.quantizer_of(chain.end);
            return self.value_epilogue(chain, quant, affine, frac, low_bits);
        };
        let (levels, ties) = self.levels_of(quant.quantize)?;
        let relu = chain.relu || quant.relu;
        let row = |(&h, &f)| thresholds::on_sums(&levels, h, relu, f, low_bits, ties);
        let thresholds = affine.shift.iter().zip(frac).flat_map(row).collect();
        let output = self.new_codes(quant.quantize)?;
        let finish = Finish::Codes { thresholds, codes_of_ranks: levels.codes, output };
        Ok(Epilogue { low_bits, bias: vec![[0, 0]; frac.len()], finish })
    }

    /// An epilogue that gives values, and the codes of `quant` besides.
    pub(super) fn value_epilogue(
        &mut self,
        chain: &Chain,
        quant: Option<QuantChain>,
        affine: &Affine,
        frac: &[i32],
        low_bits: u32,
    ) -> Result<Epilogue, String> {
        let to = self.scales[chain.end];
        let shifts: Vec<i32> = frac.iter().map(|f| f - to).collect();
        bitconv::check_shifts(&shifts, low_bits)?;
        let biases = affine.shift.iter().zip(frac).zip(&shifts);
        let bias = biases.map(|((&h, &f), &s)| bitconv::bias(h, f, bitconv::rounding_half(s), low_bits)).collect();
        let residual = self.residual(chain.residual)?;
        let readers = self.graph.consumers(chain.end).count();
        let stored = readers != usize::from(quant.is_some());
        let codes = match quant {
            Some(q) => Some((self.ranks(chain.end, &q)?, self.new_codes(q.quantize)?)),
            None => None,
        };
        let output = if stored || codes.is_none() { Some(self.new_value(chain.end)) } else { None };
        Ok(Epilogue { low_bits, bias, finish: Finish::Value { shifts, residual, relu: chain.relu, output, codes } })
    }

    /// Emits a quantizer as a step of its own, unless the epilogue of a convolution contains it.
    pub(super) fn quantize(&mut self, head: NodeId, chain: &QuantChain) -> Result<(), String> {
        if self.forms[chain.quantize].codes.is_some() {
            return Ok(());
        }
        let input = self.value(head)?;
        let ranks = self.ranks(head, chain)?;
        let output = self.new_codes(chain.quantize)?;
        self.push(chain.quantize, Kernel::Quantize(Quantize { input, ranks, output }));
        Ok(())
    }
}
