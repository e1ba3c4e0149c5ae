//! How a thread waits that has to look again and again.

use std::time::Duration;

/// For how long a waiting thread looks without sleeping. The shortest sleep is about as long as a small network takes
/// on a hardware GPU.
const SPIN: Duration = Duration::from_millis(1);
/// Bounds of one sleep. In between it is a fixed share of the time waited so far, so that noticing the end late costs
/// at most that share.
const SLEEP: [Duration; 2] = [Duration::from_micros(50), Duration::from_millis(1)];
const SHARE: u32 = 32;

/// For how long a thread that has waited for `waited` should sleep before it looks again; `None` if it should not. `software` says
/// whether it waits for a rasteriser, which needs the very processor that looking would occupy.
pub(super) fn sleep(waited: Duration, software: bool) -> Option<Duration> {
    let [least, most] = SLEEP;
    (waited >= SPIN || software).then(|| (waited / SHARE).clamp(least, most))
}
