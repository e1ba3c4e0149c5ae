//! Instruction counts, and how to judge differences.

use crate::common::verdict::{Tolerance, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// More growth than this fails; more gain than this is worth committing new figures. Changes elsewhere affect what the
/// compiler inlines, which changes small kernels by some thousands of instructions (7 % was seen for an average pool).
const TOLERANCE: Tolerance = Tolerance { percent: 3.0, slack: 20_000.0 };

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The compiler's version and target. Figures of different compilers are not comparable.
    pub compiler: String,
    /// Instruction counts by name; the first word of a name is the instruction set.
    pub instructions: BTreeMap<String, u64>,
}

impl Figures {
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        std::fs::write(path, text + "\n").map_err(|e| format!("{}: {e}", path.display()))
    }

    fn has_set(&self, name: &str) -> bool {
        self.instructions.keys().any(|other| set(other) == set(name))
    }
}

/// The instruction set in a name.
fn set(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

/// One figure, compared.
#[derive(Clone, Debug)]
pub struct Line {
    pub name: String,
    pub expected: Option<u64>,
    pub found: Option<u64>,
    pub verdict: Verdict,
}

/// All figures, sorted by name.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub lines: Vec<Line>,
    /// The compilers of the committed and of the new figures, if they differ.
    pub compilers: Option<[String; 2]>,
}

pub fn compare(expected: &Figures, found: &Figures) -> Comparison {
    let differ = expected.compiler != found.compiler;
    let mut names: Vec<&String> = expected.instructions.keys().chain(found.instructions.keys()).collect();
    names.sort();
    names.dedup();
    let line = |name: &String| {
        let [before, now] = [expected, found].map(|figures| figures.instructions.get(name).copied());
        let verdict = match (before, now) {
            _ if differ => Verdict::Incomparable,
            (Some(before), Some(now)) => TOLERANCE.judge(before as f64, now as f64),
            (None, _) => Verdict::New,
            (_, None) if found.has_set(name) => Verdict::Gone,
            (_, None) => Verdict::Absent,
        };
        Line { name: name.clone(), expected: before, found: now, verdict }
    };
    let compilers = differ.then(|| [expected.compiler.clone(), found.compiler.clone()]);
    Comparison { lines: names.into_iter().map(line).collect(), compilers }
}

impl Comparison {
    /// How many figures fail.
    pub fn failures(&self) -> usize {
        self.lines.iter().filter(|line| line.verdict.fails()).count()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<80} {:>12} {:>12}  change", "instructions", "committed", "now")?;
        let percent = |before: u64, now: u64| 100.0 * (now as f64 / before as f64 - 1.0);
        let number = |n: Option<u64>| n.map_or_else(|| "-".into(), |n| n.to_string());
        for Line { name, expected, found, verdict } in &self.lines {
            let change = expected.zip(*found).map(|(before, now)| format!("{:+.1} %", percent(before, now)));
            let (before, now, change) = (number(*expected), number(*found), change.unwrap_or_default());
            writeln!(f, "{name:<80} {before:>12} {now:>12}  {change:<8} {}", verdict.remark())?;
        }
        if let Some([expected, found]) = &self.compilers {
            writeln!(f, "not comparable: committed with {expected}; now {found}")?;
        }
        Ok(())
    }
}
