//! Spans: neighbouring invocations that compute neighbouring output channels for the same pixels
//! (`shaders/include/lanes.wgsl`).

use super::super::header::Header;
use super::launch::Launch;
use super::rounds::rounds;
use super::variant::{Span, Target, WORKGROUP_SIZE};
use crate::quant::{WORD_BITS, words};

/// Cycles that an invocation waits for what it reads from memory.
pub(super) const LATENCY: usize = 400;
/// Cycles of one SIMD unit that a workgroup takes besides its own: being started, loading its shape, finding its place.
const START: usize = 300;
/// Workgroups of a SIMD unit that wait for memory at the same time.
const WAITING: usize = 8;
/// Fewest channels of a span: narrower layers leave some of them unused.
const LEAST: usize = 8;

/// The ways to divide `channels` channels on this device, the one with the widest spans first.
pub(super) fn of(channels: usize, target: &Target) -> Vec<Span> {
    let covering = channels.next_power_of_two().max(LEAST);
    let size = target.workgroup_size as usize;
    let fitting = |most: usize| {
        let channels = covering.min(most.max(WORD_BITS));
        Span { channels, workgroup_size: size.max(channels) as u32 }
    };
    // A workgroup of one span is best, because then its pixels are the same for all of its invocations.
    let widest = fitting(size);
    let narrow = Span { workgroup_size: WORD_BITS as u32, ..fitting(WORD_BITS) };
    let whole = !channels.is_multiple_of(widest.channels)
        && channels.next_multiple_of(WORD_BITS) < channels.next_multiple_of(widest.channels);
    let mut spans = if whole { vec![narrow, widest] } else { vec![widest, narrow] };
    spans.dedup();
    // Devices whose subgroups are wider leave half of a small workgroup idle.
    let idle = |span: &Span| target.least_subgroup.is_some_and(|least| least > span.workgroup_size);
    if spans.iter().any(|span| !idle(span)) {
        spans.retain(|span| !idle(span));
    }
    spans.retain(|span| span.layers(channels) <= target.fold as usize);
    spans
}

/// Cycles until `workgroups` workgroups are done on a device with so many SIMD units, of which each executes for `busy` cycles
/// and waits for memory `waits` times.
pub(super) fn cycles(simd_units: usize, workgroups: usize, busy: usize, waits: usize) -> usize {
    let of_unit = workgroups.div_ceil(simd_units.max(1));
    let (busy, waiting) = (busy + START, waits * LATENCY);
    (of_unit * busy).max(of_unit.div_ceil(WAITING) * (busy + waiting))
}

impl Span {
    /// The widest that fit workgroups of the usual size.
    pub(super) fn usual(channels: usize) -> Self {
        let most = WORKGROUP_SIZE as usize;
        Span { channels: channels.next_power_of_two().clamp(LEAST, most), workgroup_size: WORKGROUP_SIZE }
    }

    /// Spans of a layer.
    pub(super) fn layers(&self, channels: usize) -> usize {
        channels.div_ceil(self.channels)
    }

    /// Spans of a workgroup.
    pub(super) fn at_once(&self) -> usize {
        self.workgroup_size as usize / self.channels
    }

    /// A launch with one span for each of `tiles` tiles and each span of a layer's channels.
    pub(super) fn launch(&self, tiles: usize, channels: usize) -> Launch {
        let mut launch = Launch::new(tiles * self.channels, &[]);
        (launch.workgroup_size, launch.layers) = (self.workgroup_size, self.layers(channels));
        launch
    }

    /// Adds the constants of spans and of the codes of tiles of `pixels` pixels, which have `planes` planes.
    pub(super) fn describe(&self, header: &mut Header, channels: usize, pixels: usize, planes: usize) {
        header.number("SPAN", self.channels).number("SPANS_AT_ONCE", self.at_once());
        header.number("GROUPS_AT_ONCE", self.groups()).number("WORD_CHANNELS", self.channels.min(WORD_BITS));
        header.number("TILE_BITS", (pixels * planes).max(1)).shape("GROUPS", words(channels));
    }

    /// Rounds of the loop that turns the codes of a tile, `bits` bits per channel, into words.
    pub(super) fn code_rounds(&self, bits: usize) -> usize {
        rounds((self.groups() * bits).div_ceil(self.channels), 0)
    }

    /// Words of a plane that a span's channels fill.
    fn groups(&self) -> usize {
        self.channels.div_ceil(WORD_BITS)
    }
}
