//! The loops of a program, and what each part of it costs.

use super::class::Class;
use super::mix::Mix;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// The instructions of a shader by how often they run. A *step* is a round of the hot loop, the innermost loop that does most of
/// the work; a *turn* is a round of the outermost loop around it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Code {
    /// Those that run once.
    pub once: Mix,
    /// Those of a turn outside the hot loop.
    pub turn: Mix,
    /// Those of a step.
    pub step: Mix,
    /// Those of one round of each other loop.
    pub others: Mix,
}

/// What the instructions that do the work of a shader look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// They count words.
    Words,
    /// They multiply bytes: by dot products if there are any, else in whichever way.
    Bytes,
    /// They may be of any sort.
    Any,
}

impl Sought {
    /// Work among `mix`, a part of a program that has `whole` in loops.
    fn work(self, mix: &Mix, whole: &Mix) -> f64 {
        let is_work = |class: Class| match self {
            Sought::Words => class == Class::Count,
            Sought::Bytes if whole.of(Class::Dot) > 0.0 => class == Class::Dot,
            Sought::Bytes => matches!(class, Class::Short | Class::Multiply | Class::Fma | Class::Float),
            Sought::Any => class.is_vector(),
        };
        mix.iter().filter(|(class, _)| is_work(*class)).map(|(_, count)| count).sum()
    }
}

/// The lines of a program that are instructions, and its loops as ranges of them.
struct Listing<'a> {
    instructions: Vec<&'a str>,
    loops: Vec<Range<usize>>,
}

impl<'a> Listing<'a> {
    /// From a disassembly. Labels look like `BB3:`; a branch to a label before it ends a loop.
    fn parse(text: &'a str) -> Self {
        let (mut instructions, mut labels) = (Vec::new(), HashMap::new());
        for line in text.lines() {
            let line = line.split(';').next().unwrap_or_default().trim();
            match line.strip_suffix(':') {
                Some(label) if label.starts_with("BB") => drop(labels.insert(label, instructions.len())),
                _ if line.starts_with(|c: char| c.is_ascii_lowercase()) => instructions.push(line),
                _ => {}
            }
        }
        // A loop whose rounds end in several places has one beginning and several branches back to it.
        let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
        for (at, instruction) in instructions.iter().enumerate() {
            let mut words = instruction.split_whitespace();
            let branches =
                words.next().is_some_and(|name| name.starts_with("s_branch") || name.starts_with("s_cbranch"));
            let target = words.next().and_then(|label| labels.get(label)).filter(|start| branches && **start <= at);
            if let Some(start) = target {
                let end = ends.entry(*start).or_default();
                *end = at.max(*end);
            }
        }
        Listing { instructions, loops: ends.into_iter().map(|(start, end)| start..end + 1).collect() }
    }

    fn mix(&self, range: Range<usize>) -> Mix {
        let mut mix = Mix::default();
        self.instructions[range].iter().for_each(|instruction| mix.add(instruction));
        mix
    }

    /// The hot loop, or the whole program if nothing loops. It is the smallest loop with most of the program's work; there may
    /// be loops within it, such as those that compilers make of exchanges between lanes. If no loop has most of the work, it
    /// is the innermost loop with more of it than the others.
    fn hot(&self, sought: Sought) -> Range<usize> {
        let mut looped = Mix::default();
        let outermost =
            self.loops.iter().filter(|l| !self.loops.iter().any(|other| other != *l && is_within(l, other)));
        outermost.for_each(|l| looped.add_times(&self.mix(l.clone()), 1.0));
        let work = |l: &Range<usize>| sought.work(&self.mix(l.clone()), &looped);
        let most = self.loops.iter().filter(|l| sought != Sought::Any && 2.0 * work(l) > sought.work(&looped, &looped));
        let innermost =
            self.loops.iter().filter(|l| !self.loops.iter().any(|other| other != *l && is_within(other, l)));
        let hot = most.min_by_key(|l| l.len()).or_else(|| innermost.max_by(|a, b| work(a).total_cmp(&work(b))));
        hot.cloned().unwrap_or(0..self.instructions.len())
    }
}

fn is_within(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

impl Code {
    /// What the disassembly `text` says about a program whose work is done by instructions as `sought`.
    ///
    /// # Errors
    /// There are no instructions in it.
    pub fn parse(text: &str, sought: Sought) -> Result<Self, String> {
        let listing = Listing::parse(text);
        if listing.instructions.is_empty() {
            return Err("the disassembly has no instructions".into());
        }
        let hot = listing.hot(sought);
        let around = listing.loops.iter().filter(|l| **l != hot && is_within(&hot, l)).max_by_key(|l| l.len());
        let mut code = Code::default();
        for (at, instruction) in listing.instructions.iter().enumerate() {
            let part = match at {
                _ if hot.contains(&at) => &mut code.step,
                _ if around.is_some_and(|around| around.contains(&at)) => &mut code.turn,
                _ if listing.loops.iter().any(|l| l.contains(&at)) => &mut code.others,
                _ => &mut code.once,
            };
            part.add(instruction);
        }
        Ok(code)
    }

    /// The instructions that an invocation executes in `turns` turns of `steps` steps. Other loops are taken to make as many
    /// rounds as a turn has steps: in convolutions they walk the same window.
    pub fn executed(&self, turns: usize, steps: usize) -> Mix {
        let mut mix = self.once.clone();
        mix.add_times(&self.turn, turns as f64);
        mix.add_times(&self.step, (turns * steps) as f64);
        mix.add_times(&self.others, steps as f64);
        mix
    }
}
