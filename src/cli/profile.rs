//! `--profile FILE`

use super::failure::{Failure, Outcome};
use super::output;
use crate::backend::Timeline;
use crate::bench::perfetto;
use crate::files::{check_replaceable, replace_file};
use crate::session::{Engine, Profile};
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Args, Debug)]
pub(super) struct ProfileArg {
    /// Write a profile of when each part ran, for ui.perfetto.dev or chrome://tracing, and print on standard error how
    /// long each layer took
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

impl ProfileArg {
    /// Does `work`, and writes the profile if it was asked for, even if the work failed.
    pub(super) fn around(&self, work: impl FnOnce(&Profiling) -> Outcome) -> Outcome {
        let Some(path) = &self.profile else { return work(&Profiling::none()) };
        // Better to fail now than after the work.
        check_replaceable(path).map_err(Failure::of_writing)?;
        let profile = Profile::start();
        let outcome = work(&Profiling(Some(profile.clone())));
        let written = write(path, &profile);
        tell(&profile);
        match (outcome, written) {
            (Err(failure), Err(Failure { message: Some(message), .. })) => {
                output::error(&message);
                Err(failure)
            }
            (outcome, written) => outcome.and(written),
        }
    }
}

/// A profile, if it was asked for.
pub(super) struct Profiling(Option<Profile>);

impl Profiling {
    /// No profile.
    pub(super) fn none() -> Self {
        Profiling(None)
    }

    /// Does `work`, under this name in the profile.
    pub(super) fn host<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(profile) => profile.host(name, work),
            None => work(),
        }
    }

    /// The engine, with its nets in the profile.
    pub(super) fn engine(&self, engine: Engine) -> Engine {
        match &self.0 {
            Some(profile) => engine.profiled(profile),
            None => engine,
        }
    }
}

fn write(path: &Path, profile: &Profile) -> Outcome {
    replace_file(path, perfetto(profile).as_bytes()).map_err(Failure::of_writing)
}

/// Prints a table for each net.
fn tell(profile: &Profile) {
    for section in profile.sections() {
        let layers = layers(&section.timeline);
        if layers.is_empty() {
            continue;
        }
        output::note(&section.name);
        output::table_of(&rows(&layers), &[2, 3, 4]).iter().for_each(|row| output::note(row));
        output::note(&format!("timed by {}", section.timeline.clock));
    }
}

/// How long a layer took in one of its kernels.
struct Layer<'a> {
    name: &'a str,
    kernel: &'static str,
    calls: usize,
    total: Duration,
}

/// The layers in the order of the program.
fn layers(timeline: &Timeline) -> Vec<Layer<'_>> {
    // The programs for pixels and for tensors may have different layers at the same step.
    let mut layers: BTreeMap<(usize, &str), Layer> = BTreeMap::new();
    for span in &timeline.spans {
        let Some(step) = span.step else { continue };
        let none = Layer { name: &span.name, kernel: span.kernel, calls: 0, total: Duration::ZERO };
        let layer = layers.entry((step, &span.name)).or_insert(none);
        layer.calls += 1;
        layer.total += span.length;
    }
    layers.into_values().collect()
}

fn rows(layers: &[Layer]) -> Vec<Vec<String>> {
    let all: Duration = layers.iter().map(|layer| layer.total).sum();
    let row = |name: &str, kernel: &str, calls: usize, total: Duration| {
        let share = 100.0 * total.as_secs_f64() / all.as_secs_f64().max(f64::MIN_POSITIVE);
        let milliseconds = format!("{:.3}", 1e3 * total.as_secs_f64());
        vec![name.to_owned(), kernel.to_owned(), calls.to_string(), milliseconds, format!("{share:.1}%")]
    };
    let mut rows = vec![["layer", "kernel", "calls", "ms", "share"].map(str::to_owned).to_vec()];
    rows.extend(layers.iter().map(|layer| row(layer.name, layer.kernel, layer.calls, layer.total)));
    rows.push(row("all", "", layers.iter().map(|layer| layer.calls).sum(), all));
    rows
}
