//! Facts: the shape and kind of every node's result, inferred and checked together.

use super::{Graph, Node, Op, Weights};
use crate::quant::MAX_BITS;
use crate::tensor::{Shape, Window};

/// What a node's result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Real numbers.
    Real,
    /// Levels of a quantizer of this many bits.
    Codes { bits: usize },
}

/// Shape of one image's result, and its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    pub shape: Shape,
    pub kind: Kind,
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Kind::Real => write!(f, "{}", self.shape),
            Kind::Codes { bits } => write!(f, "{} codes of {bits} bit{}", self.shape, if bits == 1 { "" } else { "s" }),
        }
    }
}

impl Graph {
    /// Facts of all nodes, or which layer is inconsistent, what it got and what it needs.
    pub fn facts(&self) -> Result<Vec<Fact>, String> {
        let mut facts: Vec<Fact> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let inputs: Vec<Fact> = node.inputs.iter().map(|&i| facts[i]).collect();
            let fact = infer(node, &inputs).map_err(|problem| format!("layer '{}': {problem}", node.name))?;
            facts.push(fact);
        }
        facts.last().map(|_| ()).ok_or("the graph is empty")?;
        Ok(facts)
    }
}

fn infer(node: &Node, inputs: &[Fact]) -> Result<Fact, String> {
    let arity = match node.op {
        Op::Input { .. } => 0,
        Op::Add => 2,
        _ => 1,
    };
    if inputs.len() != arity {
        return Err(format!("has {} inputs, needs {arity}", inputs.len()));
    }
    let real = |shape: Shape| Fact { shape, kind: Kind::Real };
    match &node.op {
        Op::Input { shape } => Ok(real(Shape::new(shape.h, shape.w, shape.c)?)),
        Op::Conv { outputs, window, weights, .. } => {
            conv_kind(*weights, inputs[0].kind)?;
            windowed(window, inputs[0].shape, *outputs).map(real)
        }
        Op::BatchNorm { epsilon } => {
            if !epsilon.is_finite() || *epsilon < 0.0 {
                return Err(format!("epsilon is {epsilon}, must be finite and not negative"));
            }
            need_real(inputs[0]).map(real)
        }
        Op::Relu => need_real(inputs[0]).map(real),
        Op::Quantize { bits } => {
            check_bits(*bits)?;
            Ok(Fact { shape: need_real(inputs[0])?, kind: Kind::Codes { bits: *bits } })
        }
        Op::MaxPool { window } => pooled(window, need_real(inputs[0])?, inputs[0].shape.c).map(real),
        Op::AvgPool { window } => {
            if window.before != [0; 2] || window.after != [0; 2] {
                return Err(format!("average pooling {window} must not be padded"));
            }
            pooled(window, need_real(inputs[0])?, inputs[0].shape.c).map(real)
        }
        Op::Add => {
            let (a, b) = (need_real(inputs[0])?, need_real(inputs[1])?);
            if a != b {
                return Err(format!("adds {a} and {b}, which must be equal"));
            }
            Ok(real(a))
        }
        Op::PadChannels { channels } => {
            let s = need_real(inputs[0])?;
            if *channels < s.c {
                return Err(format!("pads {} channels to {channels}, which must not be fewer", s.c));
            }
            Shape::new(s.h, s.w, *channels).map(real)
        }
    }
}

fn conv_kind(weights: Weights, input: Kind) -> Result<(), String> {
    match (weights, input) {
        (Weights::Float, Kind::Real) => Ok(()),
        (Weights::Planes { bits }, Kind::Codes { .. }) => check_bits(bits),
        (Weights::Float, Kind::Codes { .. }) => Err("float weights on quantized activations are not supported".into()),
        (Weights::Planes { .. }, Kind::Real) => Err("quantized weights on float activations are not supported".into()),
    }
}

fn check_bits(bits: usize) -> Result<(), String> {
    if (1..=MAX_BITS).contains(&bits) { Ok(()) } else { Err(format!("has {bits} bits, supported are 1 to {MAX_BITS}")) }
}

fn need_real(fact: Fact) -> Result<Shape, String> {
    if fact.kind == Kind::Real { Ok(fact.shape) } else { Err(format!("reads {fact}, needs real numbers")) }
}

/// Pools have no weights whose number bounds the window; sums over fewer than 2^16 positions are exact.
fn pooled(window: &Window, input: Shape, channels: usize) -> Result<Shape, String> {
    if window.kernel.iter().any(|&k| k >= 1 << 16) || window.taps() >= 1 << 16 {
        return Err(format!("pools over {window}, supported are 65535 positions"));
    }
    windowed(window, input, channels)
}

fn windowed(window: &Window, input: Shape, channels: usize) -> Result<Shape, String> {
    let [h, w] = window.output([input.h, input.w])?;
    Shape::new(h, w, channels)
}
