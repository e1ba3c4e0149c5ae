//! Times each launch of a prepared network, and compares it with the device's peak.

use super::clock::{Elapsed, Stopwatch};
use crate::error::Result;
use crate::lower::{Kernel, Program, Work};
use std::fmt::Write;
use std::time::Duration;

/// How long the repetitions of one measurement should take in total.
const LONG_ENOUGH: Duration = Duration::from_millis(20);

/// A network that was prepared for a device, and that device's peak.
pub trait Subject {
    /// The layer and kernel of each launch, in order.
    fn launches(&self) -> Vec<(String, &'static str)>;
    /// How many images a launch computes.
    fn images(&self) -> usize;
    /// Runs one launch `repeats` times and waits for it.
    fn rerun(&self, launch: usize, repeats: usize) -> Result<()>;
    /// Repeats the operation that limits this network as fast as the device can, for some milliseconds: counting the
    /// ones of 32-bit words, or multiplying and adding floats. Returns how many operations it did.
    fn peak(&self) -> Result<u64>;
    /// Runs a whole batch, from words on the host to words on the host.
    fn run(&self, input: &[u32]) -> Result<()>;
    /// The host's time for one batch if it only submits work to a device: the median of `rounds` measurements.
    fn host_time(&self, _rounds: usize) -> Result<Option<Duration>> {
        Ok(None)
    }
}

/// The results. Each time is the least of all rounds.
#[derive(Clone, Debug)]
pub struct StepTimes {
    /// The layer, kernel and time of each launch.
    pub launches: Vec<(String, &'static str, Elapsed)>,
    /// How many operations the peak's probe did, and how long they took.
    pub peak: (u64, Elapsed),
    /// How many images each launch computed.
    pub images: usize,
}

/// Measures each launch `rounds` times, alternating with the probe so that noise of the machine affects both.
pub fn time_steps(subject: &dyn Subject, rounds: usize) -> Result<StepTimes> {
    let launches = subject.launches();
    let mut repeats = vec![1; launches.len()];
    for (index, repeats) in repeats.iter_mut().enumerate() {
        subject.rerun(index, 1)?;
        let once = time(|| subject.rerun(index, 1))?.wall.max(Duration::from_micros(20));
        *repeats = (LONG_ENOUGH.as_nanos() / once.as_nanos()).clamp(1, 1000) as usize;
    }
    let mut words = subject.peak()?;
    let (mut peaks, mut times) = (Vec::new(), vec![Vec::new(); launches.len()]);
    for _ in 0..rounds.max(1) {
        let start = Stopwatch::start();
        words = subject.peak()?;
        peaks.push(start.elapsed());
        for (index, times) in times.iter_mut().enumerate() {
            let elapsed = time(|| subject.rerun(index, repeats[index]))?;
            let each = |d: Duration| d / repeats[index] as u32;
            times.push(Elapsed { cpu: each(elapsed.cpu), wall: each(elapsed.wall) });
        }
    }
    let launches = launches.into_iter().zip(&times).map(|((layer, kernel), t)| (layer, kernel, least(t)));
    Ok(StepTimes { launches: launches.collect(), peak: (words, least(&peaks)), images: subject.images() })
}

/// How long `work` takes.
pub fn time<T>(work: impl FnOnce() -> Result<T>) -> Result<Elapsed> {
    let start = Stopwatch::start();
    work()?;
    Ok(start.elapsed())
}

/// The least CPU time and the least wall time.
pub fn least(times: &[Elapsed]) -> Elapsed {
    let of = |part: fn(&Elapsed) -> Duration| times.iter().map(part).min().unwrap_or_default();
    Elapsed { cpu: of(|t| t.cpu), wall: of(|t| t.wall) }
}

impl StepTimes {
    /// A table of all launches with the rates of bit convolutions, their total, and the share of the peak that 3x3 bit
    /// convolutions reach. CPU milliseconds are summed over threads.
    pub fn table(&self, program: &Program) -> String {
        let find = |layer: &str, kernel: &str| -> Option<&Kernel> {
            program.steps.iter().find(|s| s.name == layer && s.kernel.name() == kernel).map(|s| &s.kernel)
        };
        let rate = |words: u64, time: Duration| words as f64 / time.as_secs_f64() / 1e9;
        let (peak_words, peak) = self.peak;
        let (cpu_peak, wall_peak) = (rate(peak_words, peak.cpu), rate(peak_words, peak.wall));
        let mut table = format!("peak: {cpu_peak:.2} Gw per CPU second, {wall_peak:.2} per second\n");
        let (mut all, mut square, mut square_words) = (Elapsed::default(), Elapsed::default(), 0);
        for (layer, kernel, time) in &self.launches {
            let step = find(layer, kernel);
            let words = step.map_or(0, |k| Work::of(program, k).words) * self.images as u64;
            all = all + *time;
            if words > 0 && step.and_then(|k| k.facts().window()).is_some_and(|w| w.kernel == [3, 3]) {
                square = square + *time;
                square_words += words;
            }
            let speed = if words > 0 { format!("{:.2} Gw/s", rate(words, time.cpu)) } else { String::new() };
            let _ = writeln!(table, "{layer:<32} {kernel:<10} {time}  {speed}");
        }
        let share = |time: Duration, peak: f64| 100.0 * rate(square_words, time) / peak;
        let (cpu, wall) = (share(square.cpu, cpu_peak), share(square.wall, wall_peak));
        let _ = writeln!(table, "{} launches: {all}", self.launches.len());
        let _ = writeln!(
            table,
            "3x3 bit convolutions: {square}, {cpu:.0} % of the peak by CPU time, {wall:.0} % by wall time"
        );
        table
    }
}

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let milliseconds = |d: Duration| d.as_secs_f64() * 1e3;
        write!(f, "{:9.3} CPU-ms {:9.3} ms", milliseconds(self.cpu), milliseconds(self.wall))
    }
}
