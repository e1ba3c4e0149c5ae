//! A network without quantizers in plain float32 loops: the reference of the shaders in `shaders/float/`.

use crate::graph::{Graph, Node, NodeId, Op, Params, RealWeights, Role};
use crate::tensor::{Shape, Window};
use rayon::prelude::*;

/// The logits of one image. `input` is the tensor that the first layer receives, `[h, w, c]`.
///
/// # Errors
/// If a parameter is missing or the input has the wrong size.
pub fn run(graph: &Graph, params: &Params, input: &[f32]) -> Result<Vec<f32>, String> {
    let shapes: Vec<Shape> = graph.facts()?.iter().map(|fact| fact.shape).collect();
    let expected = graph.input_shape().elements();
    if input.len() != expected {
        return Err(format!("an image needs {expected} numbers, got {}", input.len()));
    }
    let mut results: Vec<Vec<f32>> = Vec::new();
    for (id, node) in graph.nodes().iter().enumerate() {
        let read = |i: usize| node.inputs.get(i).map_or((input, shapes[0]), |&n| (results[n].as_slice(), shapes[n]));
        let result = match &node.op {
            Op::Concat => joined(&node.inputs, &results, &shapes, shapes[id]),
            _ => compute(node, params, [read(0), read(1)], shapes[id])?,
        };
        results.push(result);
        // Free results that no later node reads.
        let unread = node.inputs.iter().filter(|&&input| graph.consumers(input).all(|reader| reader <= id));
        unread.for_each(|&input| results[input] = Vec::new());
    }
    Ok(results.pop().unwrap_or_default())
}

/// Elements and shape of a tensor.
type Read<'a> = (&'a [f32], Shape);

fn compute(node: &Node, params: &Params, [(x, from), (y, _)]: [Read; 2], to: Shape) -> Result<Vec<f32>, String> {
    Ok(match &node.op {
        Op::Input { .. } | Op::Quantize { .. } => x.to_vec(),
        Op::Conv { .. } => conv(node, params, (x, from), to)?,
        Op::BatchNorm { epsilon } => {
            let rows = params.get(&node.name, Role::BatchNorm)?.f32();
            let row = |r: usize, c: usize| f64::from(rows[r * from.c + c]);
            let one = |c: usize, x: f32| {
                ((f64::from(x) - row(2, c)) / (row(3, c) + epsilon).sqrt() * row(0, c) + row(1, c)) as f32
            };
            x.iter().enumerate().map(|(i, &x)| one(i % from.c, x)).collect()
        }
        Op::Relu => x.iter().map(|x| x.max(0.0)).collect(),
        Op::Add => x.iter().zip(y).map(|(x, y)| x + y).collect(),
        Op::MaxPool { window } => windows(window, from, to, |taps, c| {
            let largest = taps.iter().map(|&tap| x[tap * from.c + c]).reduce(f32::max);
            largest.unwrap_or(0.0)
        }),
        Op::AvgPool { window } => windows(window, from, to, |taps, c| {
            taps.iter().map(|&tap| x[tap * from.c + c]).sum::<f32>() / window.taps() as f32
        }),
        Op::PadChannels { before, .. } => pad_channels(x, from.c, *before, to.c),
        Op::Concat => pad_channels(x, from.c, 0, to.c),
    })
}

/// Pixels of `from` channels with zero channels around them, `to` in all.
fn pad_channels(x: &[f32], from: usize, before: usize, to: usize) -> Vec<f32> {
    let zeros = |count: usize| std::iter::repeat_n(0.0, count);
    let pixel = |row: &[f32]| zeros(before).chain(row.to_vec()).chain(zeros(to - from - before)).collect::<Vec<f32>>();
    x.chunks_exact(from).flat_map(pixel).collect()
}

/// The concatenation of all inputs, pixel by pixel.
fn joined(inputs: &[NodeId], results: &[Vec<f32>], shapes: &[Shape], to: Shape) -> Vec<f32> {
    let row = |pixel: usize, id: NodeId| &results[id][pixel * shapes[id].c..][..shapes[id].c];
    (0..to.pixels()).flat_map(|pixel| inputs.iter().flat_map(move |&id| row(pixel, id))).copied().collect()
}

/// Pools over windows: `value` is called for every output pixel and channel, with the input pixels under the window
/// (without padding) and the channel.
fn windows(window: &Window, from: Shape, to: Shape, value: impl Fn(&[usize], usize) -> f32) -> Vec<f32> {
    let mut result = Vec::with_capacity(to.elements());
    for pixel in 0..to.pixels() {
        let taps: Vec<usize> = taps(window, from, pixel / to.w, pixel % to.w).map(|(_, at)| at).collect();
        result.extend((0..to.c).map(|c| value(&taps, c)));
    }
    result
}

/// For every tap that lies inside the input: its index, and that of its input pixel.
fn taps(window: &Window, from: Shape, y: usize, x: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    (0..window.taps()).filter_map(move |tap| {
        let iy = window.source(0, y, tap / window.kernel[1], from.h)?;
        Some((tap, iy * from.w + window.source(1, x, tap % window.kernel[1], from.w)?))
    })
}

fn conv(node: &Node, params: &Params, (x, from): Read, to: Shape) -> Result<Vec<f32>, String> {
    let Op::Conv { window, weights, bias, groups, .. } = &node.op else { return Ok(Vec::new()) };
    let (inputs, outputs) = (from.c / groups, to.c / groups);
    let stored = RealWeights::of(params, &node.name, *weights)?;
    // [tap, channel of a group, output channel], so that the inner loop runs over output channels.
    let mut rows = vec![0.0; window.taps() * inputs * to.c];
    for output in 0..to.c {
        stored.channel(output, inputs).iter().enumerate().for_each(|(i, &w)| rows[i * to.c + output] = w);
    }
    let first = if *bias { params.get(&node.name, Role::Bias)?.f32().to_vec() } else { vec![0.0; to.c] };
    let mut result = vec![0.0; to.elements()];
    result.par_chunks_exact_mut(to.c).enumerate().for_each(|(pixel, sums)| {
        sums.copy_from_slice(&first);
        for (tap, at) in taps(window, from, pixel / to.w, pixel % to.w) {
            for c in 0..inputs {
                let weights = &rows[(tap * inputs + c) * to.c..][..to.c];
                for group in 0..*groups {
                    let x = x[at * from.c + group * inputs + c];
                    let own = group * outputs..(group + 1) * outputs;
                    sums[own.clone()].iter_mut().zip(&weights[own]).for_each(|(sum, w)| *sum += x * w);
                }
            }
        }
    });
    Ok(result)
}
