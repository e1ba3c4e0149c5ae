//! Says why a launch is not faster, in one sentence that is derived from its figures and those of the other launches.

use super::context::{Context, Sort, numbers, pairs};
use super::explanation::Remark;
use super::text::{bytes, count, percent, time};
use crate::bench::layers::BELIEVED;
use crate::bench::report::{Bound, StepTime};

/// A launch that reaches at least this fraction of its bound is explained by the bound.
const AT_ITS_BOUND: f64 = 0.6;
/// Something that takes at least this fraction of a launch's time is worth mentioning.
const PART: f64 = 0.3;
/// Bits of a word.
const WORD: f64 = 32.0;

/// Remarks on the slowest launches.
pub(super) fn remarks(context: &Context) -> Vec<Remark> {
    let slowest = context.slowest().into_iter();
    let remark = |step: &StepTime| Remark {
        layer: step.layer.clone(),
        kernel: step.kernel.clone(),
        seconds: step.seconds,
        reason: reason(context, step),
    };
    slowest.map(remark).collect()
}

fn reason(context: &Context, step: &StepTime) -> String {
    let (peaks, launch) = (context.ceiling.peaks, context.ceiling.launch);
    let [words, products, memory] = step.at_peaks(&peaks);
    let work = words.max(products).max(memory);
    let share = percent(step.share);
    if memory > BELIEVED * step.seconds && (step.bound == Bound::Launch || step.share < PART) {
        return format!(
            "its {} take {}, less than main memory allows ({}): they stay in caches; {}",
            bytes(step.bytes),
            time(step.seconds),
            time(memory),
            per_number(context, step)
        );
    }
    match step.bound {
        Bound::Launch if step.seconds <= 3.0 * launch => {
            format!(
                "launching it costs {}, its work takes {}: only fewer launches{} help",
                time(launch),
                time(work),
                if context.cpu { "" } else { " or larger batches" }
            )
        }
        Bound::Launch => format!(
            "its work would take {} and launching it {}; the rest of the {} is {}",
            time(work),
            time(launch),
            time(step.seconds),
            per_number(context, step)
        ),
        Bound::Memory if step.share >= AT_ITS_BOUND => format!(
            "memory: {} at {}/s take {} of the {}",
            bytes(step.bytes),
            bytes(peaks.bytes),
            time(memory),
            time(step.seconds)
        ),
        Bound::Memory => format!(
            "memory would take {} ({share}), launching it {}: it is bound by instructions, {}",
            time(memory),
            time(launch),
            per_number(context, step)
        ),
        Bound::Popcount if step.share >= AT_ITS_BOUND => {
            format!("it counts at {share} of the device's peak: only fewer planes or fewer channels make it faster")
        }
        Bound::Popcount => sentence(format!("{share} of the popcount peak"), counting(context, step)),
        Bound::ByteProducts => sentence(format!("{share} of the peak of byte products"), multiplying(context, step)),
    }
}

/// A sentence with the causes, or one that says that none of the known causes applies.
fn sentence(what: String, causes: Vec<String>) -> String {
    match causes.is_empty() {
        true => format!(
            "{what}; the rest goes to instructions that the peak's probe does not execute: loads, addresses, the epilogue"
        ),
        false => format!("{what}: {}", causes.join("; ")),
    }
}

fn per_number(context: &Context, step: &StepTime) -> String {
    let numbers = numbers(step, context.batch);
    format!("{} for each of {} numbers", time(step.seconds / numbers.max(1.0)), count(numbers))
}

/// Causes for bit convolutions.
fn counting(context: &Context, step: &StepTime) -> Vec<String> {
    let mut causes = Vec::new();
    let sums = numbers(step, context.batch) * pairs(step);
    let length = step.words / sums.max(1.0);
    let extra = words_of_a_sum(context).filter(|extra| *extra >= length / 2.0);
    if let Some(extra) = extra {
        causes.push(format!(
            "{length:.0} words per sum, and the fixed cost of each sum equals counting {extra:.0} (estimated from all bit \
             convolutions here)"
        ));
    }
    let used = step.network_macs * pairs(step) / (WORD * step.words);
    if used > 0.0 && used < 0.75 {
        causes.push(format!("its channels fill {} of the words' bits", percent(used)));
    }
    causes.extend(shared(context, step));
    causes
}

/// Causes for limb convolutions.
fn multiplying(context: &Context, step: &StepTime) -> Vec<String> {
    let mut causes = Vec::new();
    let each = step.byte_products / step.network_macs.max(1.0);
    if each >= 1.5 {
        causes.push(format!("a float layer, exact in bytes: {each:.0} products of bytes for each multiplication"));
    }
    causes.extend(shared(context, step));
    causes
}

/// Causes that apply to any convolution.
fn shared(context: &Context, step: &StepTime) -> Vec<String> {
    let mut causes = Vec::new();
    let memory = step.bytes / context.ceiling.peaks.bytes;
    // A prediction above the measured time is wrong and explains nothing: data may be in caches, which are faster than
    // memory.
    let tells = |seconds: f64| (PART * step.seconds..=step.seconds).contains(&seconds);
    if tells(memory) {
        causes.push(format!("moving {} takes {} of its {}", bytes(step.bytes), time(memory), time(step.seconds)));
    }
    let launch = context.ceiling.launch;
    if tells(launch) {
        causes.push(format!("launching it costs {} of its {}", time(launch), time(step.seconds)));
    }
    let best = context.of(Sort::of(step)).max_by(|a, b| a.share.total_cmp(&b.share));
    let size = |step: &StepTime| numbers(step, context.batch);
    if let Some(best) = best.filter(|best| best.share >= 2.0 * step.share && size(best) >= 3.0 * size(step)) {
        let [h, w, c] = step.output;
        causes.push(format!(
            "with {h}x{w} pixels of {c} channels it is small for the device: '{}', which computes {:.0} times as many numbers, \
             reaches {}",
            best.layer,
            size(best) / size(step),
            percent(best.share)
        ));
    }
    causes
}

/// The fixed cost of a sum, expressed as the number of words that could be counted in the same time. Found by a
/// least-squares fit of seconds = a * words + b * sums to the times of all bit convolutions, weighted by their times.
/// None if these are too few or too similar.
fn words_of_a_sum(context: &Context) -> Option<f64> {
    let points: Vec<[f64; 2]> = context
        .of(Sort::Bits)
        .filter(|step| step.seconds > 0.0 && step.bound == Bound::Popcount)
        .map(|step| [step.words / step.seconds, numbers(step, context.batch) * pairs(step) / step.seconds])
        .collect();
    let lengths = || points.iter().map(|[words, sums]| words / sums);
    let (shortest, longest) = lengths().fold((f64::INFINITY, 0.0f64), |(s, l), n| (s.min(n), l.max(n)));
    if points.len() < 3 || longest < 1.5 * shortest {
        return None;
    }
    let sum = |of: &dyn Fn(&[f64; 2]) -> f64| points.iter().map(of).sum::<f64>();
    let (xx, xy, yy) = (sum(&|p| p[0] * p[0]), sum(&|p| p[0] * p[1]), sum(&|p| p[1] * p[1]));
    let (x, y) = (sum(&|p| p[0]), sum(&|p| p[1]));
    let determinant = xx * yy - xy * xy;
    let (per_word, per_sum) = ((x * yy - y * xy) / determinant, (y * xx - x * xy) / determinant);
    (per_word > 0.0 && per_sum > 0.0 && determinant > 0.0).then(|| per_sum / per_word)
}
