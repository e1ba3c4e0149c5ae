//! Wall time and CPU time. On shared machines only the latter says something about a kernel of a software rasteriser.

use std::time::{Duration, Instant};

/// Time that something took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elapsed {
    /// Time on CPUs, summed over all threads of the process; wall time where the system does not tell.
    pub cpu: Duration,
    pub wall: Duration,
}

impl std::ops::Add for Elapsed {
    type Output = Elapsed;

    fn add(self, other: Elapsed) -> Elapsed {
        Elapsed { cpu: self.cpu + other.cpu, wall: self.wall + other.wall }
    }
}

/// Measures from its start on.
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

/// CPU time of the threads that live now, to the nanosecond: the first number of Linux's `schedstat` files.
fn cpu_time() -> Option<Duration> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    let nanoseconds = threads.map(|thread| -> Option<u64> {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().next()?.parse().ok()
    });
    nanoseconds.sum::<Option<u64>>().map(Duration::from_nanos)
}
