//! Layers that stay in float although they make up most of a file.

use crate::cli::output;
use crate::graph::{Graph, Op, Params, Role, Weights};
use crate::quantize::{Bits, is_end};
use std::collections::BTreeSet;

/// Names the `kept` layers if together they take more than half of a file of `bytes`, and says how they are quantized as well. The
/// first and the last layer are never named: accuracy depends most on them.
pub(super) fn remark(
    graph: &Graph,
    params: &Params,
    kept: &BTreeSet<String>,
    bits: &Bits,
    bytes: usize,
) -> Option<String> {
    let inner = graph.nodes().iter().enumerate().filter(|(id, node)| {
        let is_float = matches!(node.op, Op::Conv { weights: Weights::Float, .. });
        is_float && kept.contains(&node.name) && !is_end(graph, *id)
    });
    let names: Vec<&str> = inner.map(|(_, node)| node.name.as_str()).collect();
    let weight = |name: &&str| params.get(name, Role::Weight).map_or(0, |weight| weight.bytes().len());
    let taken: usize = names.iter().map(weight).sum();
    let more: String = names.iter().map(|name| format!(",{name}={}", bits.of(name))).collect();
    (2 * taken > bytes).then(|| {
        format!(
            "{} stay in float, as in the network's low-bit form that others trained, and take {} of the {}; --bits {bits}{more} \
             quantizes them as well",
            names.join(", "),
            output::bytes(taken),
            output::bytes(bytes)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::tests::{params, point, unseen};

    #[test]
    fn large_layers_are_named_with_what_to_do() {
        let graph = unseen([1, 1, 3], |b| {
            let x = b.conv("first", 0, 64, point(), Weights::Float);
            let x = b.conv("hidden", x, 64, point(), Weights::Float);
            b.dense("last", x, 64, [1, 1]);
        });
        let (params, kept) = (params(&graph), ["first", "hidden", "last"].map(str::to_owned).into());
        let remark = |bytes| remark(&graph, &params, &kept, &"8/8,h*=4/8".parse().unwrap(), bytes);
        let text = remark(30_000).unwrap();
        assert!(text.starts_with("hidden stay in float") && text.contains("take 16.4 kB of the 30.0 kB"), "{text}");
        assert!(text.ends_with("; --bits 8/8,h*=4/8,hidden=4/8 quantizes them as well"), "{text}");
        assert_eq!(remark(33_000), None);
    }
}
