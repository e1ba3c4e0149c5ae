//! Wall time and CPU time. On a shared machine, only CPU time is meaningful for software rasterizers.

use std::time::{Duration, Instant};

/// How long something took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elapsed {
    /// CPU time of all threads of the process; wall time if the operating system does not report it.
    pub cpu: Duration,
    /// Wall time.
    pub wall: Duration,
}

impl std::ops::Add for Elapsed {
    type Output = Elapsed;

    fn add(self, other: Elapsed) -> Elapsed {
        Elapsed { cpu: self.cpu + other.cpu, wall: self.wall + other.wall }
    }
}

/// Measures the time since its start.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    cpu: Option<Duration>,
    wall: Instant,
}

impl Stopwatch {
    /// Starts measuring.
    pub fn start() -> Self {
        Stopwatch { cpu: cpu_time(), wall: Instant::now() }
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Elapsed {
        let wall = self.wall.elapsed();
        let cpu = self.cpu.zip(cpu_time()).map_or(wall, |(from, to)| to.saturating_sub(from));
        Elapsed { cpu, wall }
    }
}

/// CPU time of the threads that exist now, in nanoseconds: the first number in Linux's `schedstat` files.
fn cpu_time() -> Option<Duration> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    let nanoseconds = threads.map(|thread| -> Option<u64> {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse().ok()
    });
    nanoseconds.sum::<Option<u64>>().map(Duration::from_nanos)
}
