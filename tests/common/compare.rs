//! Comparison of programs with the oracle: codes, values and logits, layer by layer.

use super::oracle::{LevelValues, NodeResult};
use super::problem::Problem;
use super::{encode, logits, real, run, run_all};
use lq_infer::internals::graph::{Encoding, Op};
use lq_infer::internals::lower::{Program, Repr};

/// How closely a problem's program must agree with the oracle.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// How the oracle rounds levels.
    pub levels: LevelValues,
    /// An image is not compared from the first quantizer on that has an activation this close to a threshold, in units
    /// of the root mean square of the quantizer's input.
    pub margin: f64,
    /// Largest difference of a value, in units of the root mean square of its tensor.
    pub value: f64,
    /// Largest difference of a logit, in units of [`spread`].
    pub logit: f64,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Number of images.
    pub images: usize,
    /// Number of images that were compared to the end.
    pub compared: usize,
    /// Number of codes that were compared.
    pub codes: usize,
    /// Largest error of a value, as in [`Tolerance::value`].
    pub value_error: f64,
    /// Largest error of each compared image's logits, as in [`Tolerance::logit`].
    pub logit_errors: Vec<f64>,
}

/// Compares all codes, values and logits of `program` with the oracle. An error names the first layer that differs.
pub fn compare(problem: &Problem, program: &Program, tolerance: &Tolerance) -> Result<Report, String> {
    let truth = problem.evaluate(tolerance.levels);
    let input = encode(problem, program);
    let clean = clean_until(&truth, problem.images, tolerance.margin);
    let mut report = Report { images: problem.images, ..Report::default() };
    let tensors = run_all(program, &input);
    for step in &program.steps {
        for tensor in step.kernel.writes() {
            let (spec, words) = (&program.tensors[tensor], &tensors[tensor]);
            // The tensor with the values of codes has the name of the codes and a suffix.
            let name = spec.name.strip_suffix("/values").unwrap_or(&spec.name);
            let Some(id) = problem.graph.nodes().iter().position(|n| n.name == name) else { continue };
            let place = |at: Difference| at.describe(&spec.name, &truth[id], problem);
            match spec.repr {
                Repr::Codes { planes } => {
                    let inside = inside_plane(&problem.graph.nodes()[id].op);
                    report.codes += compare_codes(&truth[id], inside, words, planes, &clean, id).map_err(place)?;
                }
                Repr::Value { frac } => {
                    let error = compare_values(&truth[id], words, frac, &clean, id, tolerance.value);
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
    /// Its index in `[image, h, w, c]`.
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

/// For each image, the first node that may legitimately differ: a quantizer with an activation too close to a
/// threshold.
fn clean_until(truth: &[NodeResult], images: usize, margin: f64) -> Vec<usize> {
    let near = |node: &NodeResult, image: usize| {
        node.quantized.as_ref().is_some_and(|q| {
            let n = node.elements();
            q.distances[image * n..][..n].iter().any(|d| *d <= margin * q.scale)
        })
    };
    (0..images).map(|image| truth.iter().position(|node| near(node, image)).unwrap_or(usize::MAX)).collect()
}

/// The bit that every stored code of `quantizer` has set. Codes of +-1 have a plane of ones above their own, which
/// tells them from padding.
fn inside_plane(quantizer: &Op) -> u32 {
    match quantizer {
        Op::Quantize { bits, encoding: Encoding::PlusMinus, .. } => 1 << bits,
        _ => 0,
    }
}

/// Compares the codes of node `id` in all images that are clean up to it, and returns how many there are. Every code is
/// stored with the bits `inside`.
fn compare_codes(
    truth: &NodeResult,
    inside: u32,
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
        let expected = u32::from(codes[at]) | inside;
        if found != expected {
            return Err(Difference { at, found: f64::from(found), expected: f64::from(expected) });
        }
        compared += 1;
    }
    Ok(compared)
}

/// Compares the values of node `id` in all images that are clean up to it, and returns the largest error.
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
