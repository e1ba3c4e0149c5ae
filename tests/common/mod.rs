//! Shared by the integration tests: random problems, the oracle, and the means to run a program and compare.

#![allow(dead_code)] // every test binary uses its own part

pub mod kernels;
pub mod npz;
pub mod oracle;
pub mod problem;
pub mod rng;

use lq_infer::backend::cpu::Cpu;
use lq_infer::backend::{Backend, Control};
use lq_infer::fixed::{join_diagonals, pack_lanes, split_values, to_fixed};
use lq_infer::lower::{InputForm, Logits, PIXEL_ALPHA, PIXEL_OFFSET, Program, Repr, TensorId, lower};
use lq_infer::plan::Plan;
use oracle::{LevelValues, NodeResult};
use problem::{Input, Problem};
use std::sync::Arc;

/// The problem's program.
pub fn lowered(problem: &Problem) -> Result<Program, String> {
    lower(&problem.graph, &problem.params, &problem.normalize, problem.kind)
}

/// The words of the program's input tensor for all images.
pub fn encode(problem: &Problem, program: &Program) -> Vec<u32> {
    let channels = problem.graph.input_shape().c;
    match (program.input, &problem.input) {
        (InputForm::Pixels, Input::Pixels(pixels)) => pixels
            .chunks(3)
            .map(|p| {
                let lane = |c: usize| (i32::from(p[c]) - PIXEL_OFFSET) as i8;
                pack_lanes([lane(0), lane(1), lane(2), PIXEL_ALPHA])
            })
            .collect(),
        (InputForm::Values { frac }, Input::Tensor(x)) => x.iter().map(|&v| fixed(v, frac) as u32).collect(),
        (InputForm::Limbs { frac }, Input::Tensor(x)) => {
            let groups = x.chunks(channels).flat_map(|pixel| pixel.chunks(4));
            groups.flat_map(|group| split_values(group.iter().map(|&v| fixed(v, frac)))).collect()
        }
        (form, _) => panic!("the program wants {form:?}, which this problem does not have"),
    }
}

fn fixed(x: f32, frac: i32) -> i32 {
    to_fixed(f64::from(x), frac) as i32
}

/// The words of the program's logit tensor.
pub fn run(program: &Program, input: &[u32], images: usize, parallel: bool) -> Vec<u32> {
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let net = Cpu { parallel }.prepare(plan, images, &|_, _| ()).unwrap();
    net.run(input, images, &Control::default()).unwrap()
}

/// The words of any tensor: those of a program that ends where the tensor is written and gives it as logits.
pub fn run_to(program: &Program, tensor: TensorId, input: &[u32], images: usize) -> Vec<u32> {
    let mut part = program.clone();
    let writer = part.steps.iter().rposition(|s| s.kernel.writes().contains(&tensor)).unwrap();
    part.steps.truncate(writer + 1);
    part.logits = Logits::Values { tensor, frac: 0 };
    run(&part, input, images, false)
}

/// Logits `[image, class]` of the words of the logit tensor.
pub fn logits(program: &Program, words: &[u32]) -> Vec<f64> {
    match &program.logits {
        Logits::Values { frac, .. } => words.iter().map(|&w| real(i128::from(w as i32), *frac)).collect(),
        Logits::Sums { bias, frac, tensor } => {
            let Repr::Sums { diagonals } = program.tensors[*tensor].repr else { panic!("sums without diagonals") };
            let signed: Vec<i32> = words.iter().map(|&w| w as i32).collect();
            let class = |(i, d): (usize, &[i32])| {
                let c = i % bias.len();
                real(join_diagonals(d) + i128::from(bias[c]), frac[c])
            };
            signed.chunks(diagonals).enumerate().map(class).collect()
        }
    }
}

fn real(n: i128, frac: i32) -> f64 {
    n as f64 * 2f64.powi(-frac)
}

/// How closely a problem's program must agree with the oracle.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Levels that the oracle multiplies.
    pub levels: LevelValues,
    /// Images are not compared behind a quantizer that has an activation this close to a threshold, in units of the root
    /// mean square of what the quantizer reads.
    pub margin: f64,
    /// Largest difference of a value, in units of the root mean square of its tensor.
    pub value: f64,
    /// Largest difference of a logit, in units of [`spread`].
    pub logit: f64,
}

/// What a comparison saw.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub images: usize,
    /// Images compared to the end.
    pub compared: usize,
    /// Codes compared.
    pub codes: usize,
    /// Largest error of a value, as in [`Tolerance::value`].
    pub value_error: f64,
    /// Largest error of each compared image's logits, as in [`Tolerance::logit`].
    pub logit_errors: Vec<f64>,
}

/// Compares all codes, values and logits of `program` with the oracle. An error names the first layer that is wrong.
pub fn compare(problem: &Problem, program: &Program, tolerance: &Tolerance) -> Result<Report, String> {
    let truth = problem.evaluate(tolerance.levels);
    let input = encode(problem, program);
    let clean = clean_until(&truth, problem.images, tolerance.margin);
    let mut report = Report { images: problem.images, ..Report::default() };
    for step in &program.steps {
        for tensor in step.kernel.writes() {
            let spec = &program.tensors[tensor];
            let Some(id) = problem.graph.nodes().iter().position(|n| n.name == spec.name) else { continue };
            let words = || run_to(program, tensor, &input, problem.images);
            let place = |at: Difference| at.describe(&spec.name, &truth[id], problem);
            match spec.repr {
                Repr::Codes { planes } => {
                    report.codes += compare_codes(&truth[id], &words(), planes, &clean, id).map_err(place)?;
                }
                Repr::Value { frac } => {
                    let error = compare_values(&truth[id], &words(), frac, &clean, id, tolerance.value);
                    report.value_error = report.value_error.max(error.map_err(place)?);
                }
                Repr::Limbs { .. } | Repr::Sums { .. } | Repr::Bits { .. } | Repr::Rows { .. } => {}
            }
        }
    }
    compare_logits(problem, program, &truth, &input, &clean, tolerance, &mut report)?;
    Ok(report)
}

/// A number that is not as expected.
struct Difference {
    /// Its place in `[image, h, w, c]`.
    at: usize,
    found: f64,
    expected: f64,
}

impl Difference {
    fn describe(&self, layer: &str, truth: &NodeResult, problem: &Problem) -> String {
        let [h, w, c] = truth.shape;
        let at = self.at;
        let place = [at / (h * w * c), at / (w * c) % h, at / c % w, at % c];
        format!(
            "layer '{layer}': {} instead of {} at [image, y, x, channel] = {place:?}\n{}",
            self.found,
            self.expected,
            problem.describe()
        )
    }
}

/// Per image the first node that may rightly differ: a quantizer with an activation too near a threshold.
fn clean_until(truth: &[NodeResult], images: usize, margin: f64) -> Vec<usize> {
    let near = |node: &NodeResult, image: usize| {
        node.quantized.as_ref().is_some_and(|q| {
            let n = node.elements();
            q.distances[image * n..][..n].iter().any(|d| *d <= margin * q.scale)
        })
    };
    (0..images).map(|image| truth.iter().position(|node| near(node, image)).unwrap_or(usize::MAX)).collect()
}

/// Compares the codes of node `id` in all images clean so far and counts them.
fn compare_codes(
    truth: &NodeResult,
    words: &[u32],
    planes: usize,
    clean: &[usize],
    id: usize,
) -> Result<usize, Difference> {
    let codes = &truth.quantized.as_ref().unwrap().codes;
    let (n, channels) = (truth.elements(), truth.shape[2]);
    let row = channels.div_ceil(32) * planes;
    let mut compared = 0;
    for at in (0..codes.len()).filter(|at| clean[at / n] > id) {
        let (pixel, c) = (at / channels, at % channels);
        let bit = |j: usize| words[pixel * row + c / 32 * planes + j] >> (c % 32) & 1;
        let found = (0..planes).map(|j| bit(j) << j).sum::<u32>();
        if found != u32::from(codes[at]) {
            return Err(Difference { at, found: f64::from(found), expected: f64::from(codes[at]) });
        }
        compared += 1;
    }
    Ok(compared)
}

/// Compares the values of node `id` in all images clean so far; the largest error.
fn compare_values(
    truth: &NodeResult,
    words: &[u32],
    frac: i32,
    clean: &[usize],
    id: usize,
    tolerance: f64,
) -> Result<f64, Difference> {
    let n = truth.elements();
    let unit = (truth.values.iter().map(|v| v * v).sum::<f64>() / truth.values.len() as f64).sqrt();
    let mut largest = 0f64;
    for at in (0..words.len()).filter(|at| clean[at / n] > id) {
        let (found, expected) = (real(i128::from(words[at] as i32), frac), truth.values[at]);
        let error = (found - expected).abs();
        if error > tolerance * unit {
            return Err(Difference { at, found, expected });
        }
        largest = largest.max(if error > 0.0 { error / unit } else { 0.0 });
    }
    Ok(largest)
}

fn compare_logits(
    problem: &Problem,
    program: &Program,
    truth: &[NodeResult],
    input: &[u32],
    clean: &[usize],
    tolerance: &Tolerance,
    report: &mut Report,
) -> Result<(), String> {
    let last = truth.last().unwrap();
    let classes = last.elements();
    let found = logits(program, &run(program, input, problem.images, false));
    assert_eq!(found.len(), last.values.len(), "{}", problem.describe());
    let unit = spread(&last.values);
    for image in (0..problem.images).filter(|&i| clean[i] == usize::MAX) {
        let pairs = found.iter().zip(&last.values).enumerate().skip(image * classes).take(classes);
        let mut largest = 0f64;
        for (at, (&found, &expected)) in pairs {
            let error = (found - expected).abs();
            if error > tolerance.logit * unit {
                return Err(Difference { at, found, expected }.describe("logits", last, problem));
            }
            largest = largest.max(if error > 0.0 { error / unit } else { 0.0 });
        }
        report.logit_errors.push(largest);
        report.compared += 1;
    }
    Ok(())
}

/// The standard deviation of all logits of a problem.
fn spread(logits: &[f64]) -> f64 {
    let mean = logits.iter().sum::<f64>() / logits.len() as f64;
    (logits.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / logits.len() as f64).sqrt()
}
