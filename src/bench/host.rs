//! The machine that measures, and what else it is doing.

use super::report::Host;
use std::time::Instant;

/// This machine.
pub fn host() -> Host {
    let field = |file: &str, name: &str| -> Option<String> {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once([':', '='])?.1.trim().trim_matches('"').to_owned())
    };
    let kilobytes = |text: String| text.split_ascii_whitespace().next()?.parse::<u64>().ok();
    Host {
        os: field("/etc/os-release", "PRETTY_NAME").unwrap_or_else(|| std::env::consts::OS.to_owned()),
        architecture: std::env::consts::ARCH.to_owned(),
        cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory: field("/proc/meminfo", "MemTotal").and_then(kilobytes).map(|kb| kb * 1024),
    }
}

/// Watches what share of the processors other programs use, where the system tells (Linux).
pub struct OthersWatch {
    start: Instant,
    busy: Option<f64>,
}

impl OthersWatch {
    /// Begins to watch.
    pub fn start() -> Self {
        OthersWatch { start: Instant::now(), busy: others() }
    }

    /// Threads that other programs kept busy since the start, on average.
    pub fn threads(&self) -> Option<f64> {
        let seconds = self.start.elapsed().as_secs_f64();
        Some(((others()? - self.busy?) / seconds.max(0.01)).max(0.0))
    }
}

/// CPU seconds of all programs but this one since the machine started, and those that its host kept from it. Both files count
/// in the kernel's ticks, which are hundredths of a second for programs.
fn others() -> Option<f64> {
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let all = stat.lines().next()?.split_ascii_whitespace().skip(1).map(|n| n.parse::<f64>().ok());
    let all = all.collect::<Option<Vec<f64>>>()?;
    // user nice system idle iowait irq softirq steal; guests are counted in user.
    let busy: f64 = all.iter().take(8).sum::<f64>() - all.get(3)? - all.get(4)?;
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold anything; user and system time are fields 14 and 15, of which it is the second.
    let fields: Vec<&str> = own.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let own = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some((busy - own) / TICKS)
}
