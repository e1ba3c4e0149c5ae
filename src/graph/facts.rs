//! Facts: the shape and kind of every node's result, inferred and checked in one pass.

use super::{Graph, Node, Op, Weights};
use crate::quant::MAX_BITS;
use crate::tensor::{Shape, Window};

/// Most leaves of a concatenation.
const MAX_LEAVES: usize = 1024;

/// What a node's result holds. Codes stand for real numbers, their levels, so operations on reals accept them too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Real numbers.
    Real,
    /// Levels of a quantizer of this many bits.
    Codes {
        /// Bits of a code.
        bits: usize,
    },
    /// A concatenation that contains codes (see [`Graph::leaves`]).
    Mixed,
}

/// Shape and kind of a node's result for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Shape of the result.
    pub shape: Shape,
    /// What it holds.
    pub kind: Kind,
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Real => write!(f, "{}", self.shape),
            Kind::Codes { bits } => write!(f, "{} codes of {bits} bit{}", self.shape, if bits == 1 { "" } else { "s" }),
            Kind::Mixed => write!(f, "{} with codes", self.shape),
        }
    }
}

impl Graph {
    /// Facts of all nodes, or an error that names the inconsistent layer, what it got and what it needs.
    pub fn facts(&self) -> Result<Vec<Fact>, String> {
        let mut facts: Vec<Fact> = Vec::with_capacity(self.nodes.len());
        let mut leaves = vec![0usize; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            leaves[id] = count_leaves(node, &leaves)?;
            let inputs: Vec<Fact> = node.inputs.iter().map(|&i| facts[i]).collect();
            let fact = infer(node, &inputs).map_err(|problem| format!("layer '{}': {problem}", node.name))?;
            facts.push(fact);
        }
        facts.last().map(|_| ()).ok_or("the graph is empty")?;
        Ok(facts)
    }
}

/// The leaves of a node, limited because nested concatenations can double them at every step. Real networks have a few
/// dozen.
fn count_leaves(node: &Node, leaves: &[usize]) -> Result<usize, String> {
    let count = if node.op == Op::Concat { node.inputs.iter().map(|&i| leaves[i]).sum() } else { 1 };
    if count > MAX_LEAVES {
        return Err(format!("layer '{}' joins {count} tensors, supported are {MAX_LEAVES}", node.name));
    }
    Ok(count)
}

/// The fact of one node, given those of its inputs.
pub(super) fn infer(node: &Node, inputs: &[Fact]) -> Result<Fact, String> {
    let arity = match node.op {
        Op::Input { .. } => 0,
        Op::Add => 2,
        Op::Concat => inputs.len().max(1),
        _ => 1,
    };
    if inputs.len() != arity {
        return Err(format!("has {} inputs, needs {arity}", inputs.len()));
    }
    let real = |shape: Shape| Fact { shape, kind: Kind::Real };
    let input = inputs.first().map(|f| f.shape);
    match (&node.op, input) {
        (Op::Input { shape }, _) => Ok(real(Shape::new(shape.h, shape.w, shape.c)?)),
        (_, None) => Err("has no inputs".into()),
        (Op::Conv { outputs, window, weights, groups, .. }, Some(input)) => {
            if let Weights::Planes { bits } = weights {
                check_bits(*bits)?;
            }
            check_groups(*groups, input.c, *outputs)?;
            windowed(window, input, *outputs).map(real)
        }
        (Op::BatchNorm { epsilon }, Some(input)) => {
            if !epsilon.is_finite() || *epsilon < 0.0 {
                return Err(format!("epsilon is {epsilon}, must be finite and not negative"));
            }
            Ok(real(input))
        }
        (Op::Relu, Some(input)) => Ok(real(input)),
        (Op::Quantize { bits, .. }, Some(input)) => {
            check_bits(*bits)?;
            Ok(Fact { shape: input, kind: Kind::Codes { bits: *bits } })
        }
        (Op::MaxPool { window }, Some(input)) => pooled(window, input).map(real),
        (Op::AvgPool { window }, Some(input)) => {
            if window.before != [0; 2] || window.after != [0; 2] {
                return Err(format!("average pooling {window} must not be padded"));
            }
            pooled(window, input).map(real)
        }
        (Op::Add, Some(a)) => {
            let b = inputs[1].shape;
            if a != b {
                return Err(format!("adds {a} and {b}, which must be equal"));
            }
            Ok(real(a))
        }
        (Op::PadChannels { channels, before }, Some(s)) => {
            if s.c.checked_add(*before).is_none_or(|least| least > *channels) {
                return Err(match before {
                    0 => format!("pads {} channels to {channels}, which must not be fewer", s.c),
                    _ => format!("pads {} channels with {before} before them to {channels}, which are too few", s.c),
                });
            }
            Shape::new(s.h, s.w, *channels).map(real)
        }
        (Op::Concat, Some(first)) => concat(first, inputs),
    }
}

fn concat(first: Shape, inputs: &[Fact]) -> Result<Fact, String> {
    if let Some(other) = inputs.iter().find(|f| (f.shape.h, f.shape.w) != (first.h, first.w)) {
        return Err(format!("joins {first} and {}, whose heights and widths must be equal", other.shape));
    }
    let shape = Shape::new(first.h, first.w, inputs.iter().map(|f| f.shape.c).sum())?;
    let real = inputs.iter().all(|f| f.kind == Kind::Real);
    Ok(Fact { shape, kind: if real { Kind::Real } else { Kind::Mixed } })
}

fn check_groups(groups: usize, inputs: usize, outputs: usize) -> Result<(), String> {
    if groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups) {
        return Ok(());
    }
    Err(format!("has {groups} groups, which must divide its {inputs} input and {outputs} output channels"))
}

fn check_bits(bits: usize) -> Result<(), String> {
    if (1..=MAX_BITS).contains(&bits) { Ok(()) } else { Err(format!("has {bits} bits, supported are 1 to {MAX_BITS}")) }
}

/// A pooling has no weights whose number would bound its window. Sums over fewer than 2^16 positions are exact.
fn pooled(window: &Window, input: Shape) -> Result<Shape, String> {
    if window.kernel.iter().any(|&k| k >= 1 << 16) || window.taps() >= 1 << 16 {
        return Err(format!("pools over {window}, supported are 65535 positions"));
    }
    windowed(window, input, input.c)
}

fn windowed(window: &Window, input: Shape, channels: usize) -> Result<Shape, String> {
    let [h, w] = window.output([input.h, input.w])?;
    Shape::new(h, w, channels)
}
