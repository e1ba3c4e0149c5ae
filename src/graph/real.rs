//! Removing the quantizers of a network, for export and for the float32 baseline.

use super::{Graph, Node, NodeId, Op};

impl Graph {
    /// The same network without its quantizers, so that activations stay real. Its parameters are the same, except for
    /// the bases of the removed quantizers.
    ///
    /// # Errors
    /// If the network ends in a quantizer.
    pub fn without_quantizers(&self) -> Result<Graph, String> {
        if let Some(Node { name, op: Op::Quantize { .. }, .. }) = self.nodes.last() {
            return Err(format!("layer '{name}': the network ends in a quantizer"));
        }
        let mut nodes: Vec<Node> = Vec::new();
        let mut renamed: Vec<NodeId> = Vec::new();
        for node in &self.nodes {
            let inputs: Vec<NodeId> = node.inputs.iter().map(|&i| renamed[i]).collect();
            match (&node.op, inputs.first()) {
                (Op::Quantize { .. }, Some(&input)) => renamed.push(input),
                _ => {
                    renamed.push(nodes.len());
                    nodes.push(Node { name: node.name.clone(), op: node.op.clone(), inputs });
                }
            }
        }
        Graph::new(nodes)
    }
}
