//! Sentences about why a network is as fast as it is, and what fewer bits would change.

use super::context::{Context, Sort};
use super::explanation::Prediction;
use super::text::{percent, time};
use crate::backend::Clock;
use crate::bench::report::Float32Baseline;
use crate::fixed::VALUE_PLANES;

/// A part of a run that takes at least this fraction of it is worth a sentence.
const PART: f64 = 0.15;
/// If everything else takes less than this fraction of a run, it is not mentioned beside the bit convolutions.
const NOTHING: f64 = 0.01;

/// All sentences.
pub(super) fn answers(context: &Context, predictions: &[Prediction], float32: Option<&Float32Baseline>) -> Vec<String> {
    let mut answers = vec![bits(context)];
    answers.extend(one_bit(context, predictions));
    answers.extend(parts(context));
    answers.extend(float32.map(compared));
    answers
}

/// The share of the bit convolutions.
fn bits(context: &Context) -> String {
    let (bits, whole) = (context.seconds(Sort::Bits), context.wall);
    if bits == 0.0 {
        return "No layer is a bit convolution: the widths of this network do not matter to its speed.".into();
    }
    let rest = whole - bits;
    let take = format!("Bit convolutions take {} of a run.", percent(bits / whole));
    if rest < NOTHING * whole {
        return take;
    }
    format!(
        "{take} The other {} stay the same at any width: no width makes it more than {:.1} times as fast.",
        time(rest),
        whole / rest
    )
}

/// What single planes would gain.
fn one_bit(context: &Context, predictions: &[Prediction]) -> Option<String> {
    let one = predictions.iter().find(|p| p.weights == 1 && p.activations.unwrap_or(1) == 1)?;
    let words = |planes: bool| -> f64 {
        context.of(Sort::Bits).map(|s| if planes { s.words } else { s.words / least_planes(s.planes, one) }).sum()
    };
    let fewer = words(true) / words(false);
    let name = one.activations.map_or("1-bit weights".to_owned(), |_| "1/1".to_owned());
    Some(match fewer < 1.05 {
        true => {
            let planes = if one.activations.is_some() { "single planes" } else { "single weight planes" };
            format!("It has {planes} already: there are no bits left to save.")
        }
        false => format!(
            "{name} would count {fewer:.1} times less, and take {} by prediction, {:.1} times as fast.",
            time(one.seconds),
            one.speedup
        ),
    })
}

/// The factor by which the words of a convolution would shrink; float activations keep their planes.
fn least_planes(planes: Option<[usize; 2]>, one: &Prediction) -> f64 {
    let [w, a] = planes.unwrap_or([1, 1]);
    let activations = if one.activations.is_some() && a < VALUE_PLANES { a } else { 1 };
    w as f64 * activations as f64
}

/// The large parts of a run that are not bit convolutions.
fn parts(context: &Context) -> Vec<String> {
    let whole = context.wall;
    let mut answers = Vec::new();
    let mut tell = |seconds: f64, sentence: String| {
        if seconds >= PART * whole {
            answers.push(sentence);
        }
    };
    if let Some((launches, sentence)) = launches(context) {
        tell(launches, sentence);
    }
    let float = context.seconds(Sort::Float);
    tell(
        float,
        format!(
            "The layers that stay float take {} ({}): exact products of limbs, which do not depend on the widths.",
            percent(float / whole),
            time(float)
        ),
    );
    let other = context.seconds(Sort::Other);
    tell(other, format!("Pools, additions and conversions take {} ({}).", percent(other / whole), time(other)));
    let outside = context.outside();
    tell(
        outside,
        format!(
            "{} ({}) pass outside of all launches: preparing and sending the input, waiting, reading the result.",
            percent(outside / whole),
            time(outside)
        ),
    );
    answers
}

/// Seconds spent on launching, and a sentence about that. None if unknown: submissions take longer than the launches of
/// a run, and a CPU launches each step for each image, several images at the same time.
fn launches(context: &Context) -> Option<(f64, String)> {
    if context.clock == Clock::Submissions || (context.cpu && context.batch > 1) {
        return None;
    }
    let (count, each) = (context.steps.len(), context.overlap() * context.ceiling.launch);
    let launches = count as f64 * each;
    let share = percent(launches / context.wall);
    let remedy = if context.cpu { "" } else { "; larger batches share them" };
    Some((
        launches,
        format!("{count} launches at {} each are {share} of the time, whatever they do{remedy}.", time(each)),
    ))
}

/// The comparison with the float32 baseline.
fn compared(float32: &Float32Baseline) -> String {
    let how = if float32.times >= 1.0 { "slower" } else { "faster" };
    let times = float32.times.max(1.0 / float32.times);
    format!(
        "{} takes {} on this device: {times:.1} times {how} than this network.",
        float32.name,
        time(float32.wall.median)
    )
}
