//! The machine, and what other programs do on it meanwhile.

use super::report::Host;
use std::time::Instant;

/// Describes this machine.
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

/// Measures how much of the processors other programs use (on Linux).
pub struct OtherLoad {
    start: Instant,
    busy: Option<f64>,
}

impl OtherLoad {
    /// Starts measuring.
    pub fn start() -> Self {
        OtherLoad { start: Instant::now(), busy: others() }
    }

    /// The average number of threads that other programs kept busy since the start; None if the operating system does
    /// not report it.
    pub fn threads(&self) -> Option<f64> {
        let seconds = self.start.elapsed().as_secs_f64();
        Some(((others()? - self.busy?) / seconds.max(0.01)).max(0.0))
    }
}

/// CPU seconds since boot that were not spent on this program: on other programs, or stolen by the hypervisor. Both
/// files count in ticks of a hundredth of a second.
fn others() -> Option<f64> {
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let all = stat.lines().next()?.split_ascii_whitespace().skip(1).map(|n| n.parse::<f64>().ok());
    let all = all.collect::<Option<Vec<f64>>>()?;
    // user nice system idle iowait irq softirq steal; guest time is included in user.
    let busy: f64 = all.iter().take(8).sum::<f64>() - all.get(3)? - all.get(4)?;
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name, the second field, is in parentheses and may contain anything. User and system time are fields
    // 14 and 15.
    let fields: Vec<&str> = own.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let own = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some((busy - own) / TICKS)
}
