//! The forms of a node's result (values, codes, limbs, bits), created when a step first needs them.

use super::emitter::Emitter;
use crate::fixed::{VALUE_LIMBS, VALUE_PLANES, saturate, to_fixed};
use crate::graph::{Kind, NodeId, Op, Role};
use crate::lower::bitconv::{Digit, value_digits};
use crate::lower::kernels::{Join, Kernel, Levels, Slice, Split};
use crate::lower::rows::{Row, RowMember, code_planes};
use crate::lower::tensors::{Repr, TensorId};

/// A member of a bit convolution's input.
pub(super) struct Member {
    /// First word within a row of the tensor.
    pub at: usize,
    /// Number of channels.
    pub channels: usize,
    /// Planes of a channel.
    pub planes: usize,
    /// What its planes are worth.
    pub digits: Vec<Digit>,
}

impl Emitter<'_> {
    /// A tensor for the values of `id`; the caller must add the step that writes it.
    pub(super) fn new_value(&mut self, id: NodeId) -> TensorId {
        let tensor = self.tensor(self.name(id).to_owned(), self.facts[id].shape, Repr::Value { frac: self.scales[id] });
        self.forms[id].value = Some(tensor);
        tensor
    }

    /// A tensor for the codes of quantizer `id`; the caller must add the step that writes it.
    pub(super) fn new_codes(&mut self, id: NodeId) -> Result<TensorId, String> {
        let planes = code_planes(self.graph, id).ok_or("does not give codes")?;
        let tensor = self.tensor(self.name(id).to_owned(), self.facts[id].shape, Repr::Codes { planes });
        self.forms[id].codes = Some(tensor);
        Ok(tensor)
    }

    /// A tensor for another form of node `id`.
    fn derived(&mut self, id: NodeId, suffix: &str, repr: Repr) -> TensorId {
        self.tensor(format!("{}/{suffix}", self.name(id)), self.facts[id].shape, repr)
    }

    /// The values of `id`. For codes these are their levels, for a concatenation the values of all members.
    pub(super) fn value(&mut self, id: NodeId) -> Result<TensorId, String> {
        match (self.forms[id].value, &self.graph.nodes()[id].op) {
            (Some(tensor), _) => Ok(tensor),
            (None, Op::Quantize { .. }) => self.levels(id),
            (None, Op::Concat) => self.concat_values(id),
            _ => Err(format!("reads '{}', which is not available as a value", self.name(id))),
        }
    }

    fn levels(&mut self, id: NodeId) -> Result<TensorId, String> {
        let input =
            self.forms[id].codes.ok_or_else(|| format!("reads '{}', whose codes do not exist", self.name(id)))?;
        let plane_values = self.plane_values(id)?;
        let real =
            |code: usize| plane_values.iter().enumerate().filter(|(j, _)| code >> j & 1 == 1).map(|(_, v)| v).sum();
        let values = (0..1 << plane_values.len()).map(|code| saturate(to_fixed(real(code), self.scales[id]))).collect();
        let output = self.derived(id, "values", Repr::Value { frac: self.scales[id] });
        self.push(id, Kernel::Levels(Levels { input, values, output }));
        self.forms[id].value = Some(output);
        Ok(output)
    }

    fn concat_values(&mut self, id: NodeId) -> Result<TensorId, String> {
        let members = self.graph.leaves(id);
        let inputs = members.iter().map(|&m| self.value(m)).collect::<Result<Vec<_>, _>>()?;
        let output = self.new_value(id);
        let mut at = 0;
        for (member, input) in members.into_iter().zip(inputs) {
            self.push(member, Kernel::Join(Join { input, at, output }));
            at += self.facts[member].shape.c;
        }
        Ok(output)
    }

    /// What a set bit of each plane of quantizer `id` is worth.
    fn plane_values(&self, id: NodeId) -> Result<Vec<f64>, String> {
        let Op::Quantize { encoding, .. } = self.graph.nodes()[id].op else { return Err("does not give codes".into()) };
        Ok(encoding.plane_values(self.params.get(self.name(id), Role::ActivationBasis)?.f32()))
    }

    /// The limbs of `id`, computed from its values if they do not exist yet.
    pub(super) fn limbs(&mut self, id: NodeId) -> Result<TensorId, String> {
        if let Some(tensor) = self.forms[id].limbs {
            return Ok(tensor);
        }
        let input = self.value(id)?;
        let output = self.derived(id, "limbs", Repr::Limbs { limbs: VALUE_LIMBS, frac: self.scales[id] });
        self.push(id, Kernel::Split(Split { input, output }));
        self.forms[id].limbs = Some(output);
        Ok(output)
    }

    /// What a convolution with weight planes reads: a tensor of planes, and its members in channel order.
    pub(super) fn planes(&mut self, id: NodeId) -> Result<(TensorId, Vec<Member>), String> {
        let leaves = self.graph.leaves(id);
        if let [leaf] = leaves[..] {
            let planes = code_planes(self.graph, leaf).unwrap_or(VALUE_PLANES);
            let tensor = self.plane_tensor(leaf, planes)?;
            return Ok((tensor, vec![self.member(&RowMember { node: leaf, at: 0, planes })?]));
        }
        let row = self.rows.iter().position(|r| r.members.iter().any(|m| m.node == leaves[0]));
        let row = row.ok_or("reads a concatenation that has no place")?;
        let tensor = self.row_tensor(row);
        let mut members = Vec::new();
        for leaf in leaves {
            let place = self.rows[row].members.iter().find(|m| m.node == leaf).copied();
            let place = place.ok_or("reads a concatenation that has no place")?;
            self.put_in_row(&place, tensor)?;
            members.push(self.member(&place)?);
        }
        Ok((tensor, members))
    }

    fn member(&self, place: &RowMember) -> Result<Member, String> {
        let digits = match self.facts[place.node].kind {
            Kind::Codes { .. } => self.plane_values(place.node)?.into_iter().map(Digit::plane).collect(),
            _ => value_digits(place.planes, self.scales[place.node]),
        };
        Ok(Member { at: place.at, channels: self.facts[place.node].shape.c, planes: place.planes, digits })
    }

    fn row_tensor(&mut self, row: usize) -> TensorId {
        if let Some(tensor) = self.row_tensors[row] {
            return tensor;
        }
        let Row { ref members, shape, words } = self.rows[row];
        let name = format!("{}/row", self.name(members[0].node));
        let tensor = self.tensor(name, shape, Repr::Rows { words });
        self.row_tensors[row] = Some(tensor);
        tensor
    }

    fn put_in_row(&mut self, place: &RowMember, output: TensorId) -> Result<(), String> {
        if !self.forms[place.node].in_row {
            let input = self.plane_tensor(place.node, place.planes)?;
            self.push(place.node, Kernel::Join(Join { input, at: place.at, output }));
            self.forms[place.node].in_row = true;
        }
        Ok(())
    }

    /// The planes of `id`: the codes of a quantizer, or the bits of any other node's values.
    fn plane_tensor(&mut self, id: NodeId, planes: usize) -> Result<TensorId, String> {
        if let Kind::Codes { .. } = self.facts[id].kind {
            return self.forms[id].codes.ok_or_else(|| format!("reads '{}', whose codes do not exist", self.name(id)));
        }
        if let Some((_, tensor)) = self.forms[id].bits.filter(|b| b.0 == planes) {
            return Ok(tensor);
        }
        let input = self.value(id)?;
        let output = self.derived(id, "bits", Repr::Bits { planes, frac: self.scales[id] });
        self.push(id, Kernel::Slice(Slice { input, output }));
        self.forms[id].bits = Some((planes, output));
        Ok(output)
    }
}
