//! What is different in a browser: the only thread is the page's, which must not wait, and the system's clock is missing.

/// Whether this is compiled for browsers. There, whatever needs an answer of the GPU has to be awaited.
pub(crate) const BROWSER: bool = cfg!(all(target_arch = "wasm32", target_os = "unknown"));

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(crate) use std::time::Instant;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use web_time::Instant;

/// The number of this process; the same for all of a browser's pages.
pub(crate) fn process() -> u32 {
    if BROWSER { 0 } else { std::process::id() }
}
