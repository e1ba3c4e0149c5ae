//! Why a network is as fast as it is, and what fewer bits can do about it.

use super::text::{percent, time};
use super::{Context, Prediction, Sort};
use crate::bench::report::Rival;

/// From this share of a run on, a part is worth a sentence.
const PART: f64 = 0.15;

pub fn answers(context: &Context, predictions: &[Prediction], rival: Option<&Rival>) -> Vec<String> {
    let mut answers = vec![bits(context)];
    answers.extend(one_bit(context, predictions));
    answers.extend(parts(context));
    answers.extend(rival.map(float));
    answers
}

/// The whole of a run that launches and what is between them come to.
fn whole(context: &Context) -> f64 {
    context.outside() + context.steps.iter().map(|step| step.seconds).sum::<f64>()
}

fn bits(context: &Context) -> String {
    let (bits, whole) = (context.seconds(Sort::Bits), whole(context));
    if bits == 0.0 {
        return "No layer is a bit convolution: the widths of this network do not matter to its speed.".into();
    }
    let rest = whole - bits;
    format!(
        "Bit convolutions take {} of a run. The other {} are the same at any width: no width makes it more than {:.1} times as \
         fast.",
        percent(bits / whole),
        time(rest),
        whole / rest.max(f64::MIN_POSITIVE)
    )
}

/// What a single plane of each would bring.
fn one_bit(context: &Context, predictions: &[Prediction]) -> Option<String> {
    let one = predictions.iter().find(|p| p.weights == 1 && p.activations.unwrap_or(1) == 1)?;
    let words = |planes: bool| -> f64 {
        context.of(Sort::Bits).map(|s| if planes { s.words } else { s.words / least_planes(s.planes, one) }).sum()
    };
    let fewer = words(true) / words(false);
    let name = one.activations.map_or("1-bit weights".to_owned(), |_| "1/1".to_owned());
    Some(match fewer < 1.05 {
        true => "It has single planes already: there are no bits left to save.".into(),
        false => format!(
            "{name} would count {fewer:.1} times less, and take {} by prediction, {:.1} times as fast.",
            time(one.seconds),
            one.speedup
        ),
    })
}

/// By how much the words of a convolution shrink.
fn least_planes(planes: Option<[usize; 2]>, one: &Prediction) -> f64 {
    let [w, a] = planes.unwrap_or([1, 1]);
    (w * if one.activations.is_some() { a } else { 1 }) as f64
}

/// The parts of a run that are no bit convolutions and large.
fn parts(context: &Context) -> Vec<String> {
    let whole = whole(context);
    let mut answers = Vec::new();
    let mut tell = |seconds: f64, sentence: String| {
        if seconds >= PART * whole {
            answers.push(sentence);
        }
    };
    let count = context.steps.len();
    let launches = context.limits.launch * count as f64;
    tell(
        launches,
        format!(
            "{count} launches at {} each are {} of the time, whatever they do; larger batches share them.",
            time(context.limits.launch),
            percent(launches / whole)
        ),
    );
    let float = context.seconds(Sort::Float);
    tell(
        float,
        format!(
            "The layers that stay float take {} ({}): exact products of limbs, which bits do not shrink.",
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
            "{} ({}) pass outside of all launches: making and sending the input, waiting, reading the result.",
            percent(outside / whole),
            time(outside)
        ),
    );
    answers
}

fn float(rival: &Rival) -> String {
    let how = if rival.times >= 1.0 { "slower" } else { "faster" };
    let times = rival.times.max(1.0 / rival.times);
    format!(
        "{} takes {} on this device: {times:.1} times {how} than this network.",
        rival.name,
        time(rival.wall.median)
    )
}
