//! Compares what shaders compile to with committed figures.

use crate::division::Division;
use crate::verdict::{Tolerance, Verdict};
use lq_infer::internals::bench::model::{Figure, Figures};
use std::collections::BTreeMap;
use std::fmt;

/// Gains of any size are worth committing; growth up to this is noise of the compiler's scheduling.
const SIZE: Tolerance = Tolerance { percent: 3.0, slack: 16.0 };
const ISSUE: Tolerance = Tolerance { percent: 1.0, slack: 0.0 };
/// For kernels that multiply nothing, and whose loops are small.
const SMALL_ISSUE: Tolerance = Tolerance { percent: 5.0, slack: 8.0 };
const REGISTERS: Tolerance = Tolerance { percent: 0.0, slack: 8.0 };
const EXACT: Tolerance = Tolerance { percent: 0.0, slack: 0.0 };

/// A figure that differs from the committed one.
#[derive(Clone, Debug)]
pub struct Change {
    /// The shader or dispatch.
    pub name: String,
    /// Which of its figures; empty for all of them.
    pub figure: String,
    pub before: f64,
    pub now: f64,
    pub verdict: Verdict,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { name, figure, before, now, verdict } = self;
        match figure.is_empty() {
            true => write!(f, "{name}: {}", verdict.remark()),
            false => write!(f, "{name}: {figure} {before} -> {now}  {}", verdict.remark()),
        }
    }
}

/// A figure that is judged.
struct Judged {
    name: String,
    value: f64,
    tolerance: Tolerance,
    /// Whether it should be large.
    large: bool,
}

fn small(name: &str, value: f64, tolerance: Tolerance) -> Judged {
    Judged { name: name.to_owned(), value, tolerance, large: false }
}

fn large(name: &str, value: f64) -> Judged {
    Judged { name: name.to_owned(), value, tolerance: EXACT, large: true }
}

/// The figures of a shader that are judged.
fn of_shader(figure: &Figure) -> Vec<Judged> {
    let products = figure.products.max(1) as f64;
    let per = |loads: u64| (1e4 * loads as f64 / products).round() / 1e4;
    let issue = match figure.products {
        0 => small("instructions of a step", figure.issue, SMALL_ISSUE),
        _ => small("instructions of a step per product", figure.per_product, ISSUE),
    };
    vec![
        small("instructions", figure.instructions as f64, SIZE),
        issue,
        small("vector loads of a step per product", per(figure.loads.vector), ISSUE),
        small("scalar loads of a step per product", per(figure.loads.scalar), ISSUE),
        small("local accesses of a step per product", per(figure.loads.local), ISSUE),
        small("vector registers", figure.vgprs as f64, REGISTERS),
        small("scalar registers", figure.sgprs as f64, REGISTERS),
        large("waves", figure.waves as f64),
        small("spilled registers", figure.spills as f64, EXACT),
        small("bytes of scratch memory", figure.scratch as f64, EXACT),
    ]
}

/// Those of a dispatch. Fewer workgroups leave more of a device idle.
fn of_division(division: &Division) -> Vec<Judged> {
    vec![small("steps", division.steps as f64, EXACT), large("workgroups", division.workgroups as f64)]
}

/// Judges the shaders of a family. Nothing is judged if the compilers differ.
pub fn shaders(expected: &Figures, found: &Figures) -> Vec<Change> {
    if expected.compiler != found.compiler {
        return Vec::new();
    }
    compared(&expected.shaders, &found.shaders, of_shader)
}

/// Judges how dispatches divide their work.
pub fn divisions(expected: &BTreeMap<String, Division>, found: &BTreeMap<String, Division>) -> Vec<Change> {
    compared(expected, found, of_division)
}

fn compared<T>(
    expected: &BTreeMap<String, T>,
    found: &BTreeMap<String, T>,
    judged: fn(&T) -> Vec<Judged>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, now) in found {
        match expected.get(name) {
            None => changes.push(Change::whole(name, Verdict::New)),
            Some(before) => {
                let pairs = judged(before).into_iter().zip(judged(now));
                changes.extend(pairs.filter_map(|(before, now)| Change::of(name, &before, &now)));
            }
        }
    }
    let gone = expected.keys().filter(|name| !found.contains_key(*name));
    changes.extend(gone.map(|name| Change::whole(name, Verdict::Gone)));
    changes
}

impl Change {
    fn whole(name: &str, verdict: Verdict) -> Self {
        Change { name: name.to_owned(), figure: String::new(), before: 0.0, now: 0.0, verdict }
    }

    /// None if the figures are alike.
    fn of(name: &str, before: &Judged, now: &Judged) -> Option<Self> {
        let verdict = match now.large {
            true => now.tolerance.judge(-before.value, -now.value),
            false => now.tolerance.judge(before.value, now.value),
        };
        let (name, figure) = (name.to_owned(), now.name.clone());
        (verdict != Verdict::Same).then_some(Change { name, figure, before: before.value, now: now.value, verdict })
    }
}
