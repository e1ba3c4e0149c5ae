//! Where quantizers go in a float network: before each quantized convolution, as LQ-Nets have them.

use super::bits::{Bits, LayerBits};
use crate::graph::{Encoding, Graph, Node, NodeId, Op, Ties, Weights};
use std::collections::{BTreeMap, BTreeSet};

/// A network with quantizers, whose parameters are still to be found.
pub(super) struct Placed {
    pub graph: Graph,
    /// The convolutions that are quantized or read codes, in order.
    pub layers: Vec<(NodeId, LayerBits)>,
}

/// Puts quantizers into `float`. The first and the last convolution stay in float unless `ends`, and so do those of
/// `kept`, unless a pattern of `bits` names them.
///
/// Convolutions that read one tensor with as many bits share a quantizer. Codes are 0 and 1 where all numbers are at
/// least 0, since they come from a ReLU; others get codes of -1 and 1, whose levels lie on both sides of 0. What the
/// pixels make is left alone: they are 8-bit integers already.
pub(super) fn place(float: &Graph, bits: &Bits, ends: bool, kept: &BTreeSet<String>) -> Result<Placed, String> {
    let convs: Vec<NodeId> = (0..float.nodes().len()).filter(|&id| is_conv(&float.nodes()[id])).collect();
    let names: Vec<&str> = convs.iter().map(|&id| float.nodes()[id].name.as_str()).collect();
    if let Some(pattern) = bits.unmatched(&names).next() {
        return Err(format!("no convolution or dense layer is named '{pattern}'; there are {}", some(&names)));
    }
    let wanted = |id: NodeId| {
        let name = &float.nodes()[id].name;
        let usual = (ends || !is_end(float, id)) && !kept.contains(name);
        bits.told(name).or_else(|| usual.then(|| bits.of(name)))
    };
    let mut placing = Placing { nonnegative: float.nonnegative(), ..Placing::default() };
    let mut layers = Vec::new();
    for (id, node) in float.nodes().iter().enumerate() {
        let bits = wanted(id).filter(|_| is_conv(node)).filter(|b| b.weights.is_some() || b.activations.is_some());
        let mut node = placing.copied(node);
        if let (Op::Conv { weights, .. }, Some(bits)) = (&mut node.op, bits) {
            if !matches!(weights, Weights::Float) {
                return Err(format!(
                    "layer '{}' is quantized already: `lq-infer convert` makes a packed model of this file; only networks in \
                     float, such as those trained with --bits 32/32, can be quantized",
                    node.name
                ));
            }
            *weights = bits.weights.map_or(Weights::Float, |bits| Weights::Planes { bits });
            if let (Some(activations), &[source]) = (bits.activations, &float.nodes()[id].inputs[..])
                && source != 0
            {
                node.inputs = vec![placing.quantizer(source, activations)];
            }
            layers.push((placing.nodes.len(), bits));
        }
        placing.push(node);
    }
    if layers.is_empty() {
        return Err("there is nothing to quantize: it has no convolution between the first and the last".into());
    }
    Ok(Placed { graph: Graph::new(placing.nodes)?, layers })
}

/// Whether a convolution is the first or the last of its network.
pub fn is_end(graph: &Graph, id: NodeId) -> bool {
    graph.nodes()[id].inputs.contains(&0) || graph.nodes().iter().rposition(is_conv) == Some(id)
}

fn is_conv(node: &Node) -> bool {
    matches!(node.op, Op::Conv { .. })
}

/// The first names of many.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 12;
    let more = names.len().checked_sub(SHOWN).filter(|&n| n > 0).map_or(String::new(), |n| format!(" and {n} more"));
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}

/// The network as far as it was copied.
#[derive(Default)]
struct Placing {
    /// Of the float network's nodes.
    nonnegative: Vec<bool>,
    nodes: Vec<Node>,
    /// The copies of the float network's nodes.
    copies: Vec<NodeId>,
    /// The quantizers, by what they read and their bits.
    quantizers: BTreeMap<(NodeId, usize), NodeId>,
}

impl Placing {
    /// A node that reads the copies of what the original reads.
    fn copied(&self, node: &Node) -> Node {
        Node { inputs: node.inputs.iter().map(|&input| self.copies[input]).collect(), ..node.clone() }
    }

    fn push(&mut self, node: Node) {
        self.copies.push(self.nodes.len());
        self.nodes.push(node);
    }

    /// The quantizer of what node `source` of the float network makes.
    fn quantizer(&mut self, source: NodeId, bits: usize) -> NodeId {
        let input = self.copies[source];
        if let Some(&there) = self.quantizers.get(&(source, bits)) {
            return there;
        }
        let name = &self.nodes[input].name;
        let separator = if name.contains('/') || !name.contains('.') { "/" } else { "." };
        let plain = format!("{name}{separator}quant");
        let taken = |name: &str| self.nodes.iter().any(|node| node.name == name);
        let name = if taken(&plain) { format!("{plain}{bits}") } else { plain };
        let encoding = if self.nonnegative[source] { Encoding::ZeroOne } else { Encoding::PlusMinus };
        let id = self.nodes.len();
        self.nodes.push(Node { name, op: Op::Quantize { bits, encoding, ties: Ties::Below }, inputs: vec![input] });
        self.quantizers.insert((source, bits), id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::GraphBuilder;
    use crate::tensor::{Shape, Window};

    /// A residual network of four convolutions and a dense layer; the third convolution reads numbers of both signs.
    fn float() -> Graph {
        let mut b = GraphBuilder::new(Shape { h: 4, w: 4, c: 3 });
        let window = Window::padded(3, 1, 1);
        let x = b.conv("first", b.input(), 4, window, Weights::Float);
        let x = b.relu("relu", x);
        let y = b.conv("left", x, 4, window, Weights::Float);
        let z = b.conv("right", x, 4, window, Weights::Float);
        let z = b.conv("signed", z, 4, window, Weights::Float);
        let x = b.add("add", y, z);
        let x = b.global_avg_pool("pool", x);
        b.dense("last", x, 2, [1, 1]);
        b.finish().unwrap()
    }

    fn placed(bits: &str, ends: bool) -> Placed {
        place(&float(), &bits.parse().unwrap(), ends, &BTreeSet::new()).unwrap()
    }

    fn quantizers(graph: &Graph) -> Vec<(String, usize, Encoding)> {
        let of = |node: &Node| match node.op {
            Op::Quantize { bits, encoding, .. } => Some((node.name.clone(), bits, encoding)),
            _ => None,
        };
        graph.nodes().iter().filter_map(of).collect()
    }

    #[test]
    fn convolutions_share_the_quantizer_of_their_input() {
        let Placed { graph, layers } = placed("2/3", false);
        let expected = [("relu/quant".into(), 3, Encoding::ZeroOne), ("right/quant".into(), 3, Encoding::PlusMinus)];
        assert_eq!(quantizers(&graph), expected);
        let names: Vec<&str> = layers.iter().map(|(id, _)| graph.nodes()[*id].name.as_str()).collect();
        assert_eq!(names, ["left", "right", "signed"]);
        assert_eq!(graph.widths(), "2/3");
        assert_eq!(graph.without_quantizers().unwrap().nodes().len(), float().nodes().len());
    }

    #[test]
    fn ends_and_single_layers_are_quantized_if_told() {
        let Placed { graph, layers } = placed("2/2,right=4/4,last=8/8", false);
        assert_eq!((graph.widths().as_str(), layers.len()), ("2,4,8/2,4,8", 4));
        assert_eq!(quantizers(&graph)[1].0, "relu/quant4");
        assert_eq!(placed("4/32", true).layers.len(), 5);
        assert_eq!(placed("4/32", true).graph.widths(), "4/32");
        assert_eq!(placed("2/2,*=32/32,left=1/2", false).layers.len(), 1);
    }

    #[test]
    fn wrong_patterns_and_empty_results_are_refused() {
        let refused = |bits: &str, kept: &[&str]| {
            let kept = kept.iter().map(ToString::to_string).collect();
            place(&float(), &bits.parse().unwrap(), false, &kept).map(|_| ()).unwrap_err()
        };
        assert!(refused("2/2,layer=1/1", &[]).contains("'layer'; there are first, left, right, signed, last"));
        assert!(refused("2/2", &["left", "right", "signed"]).contains("nothing to quantize"));
        assert!(refused("32/32", &[]).contains("nothing to quantize"));
    }
}
