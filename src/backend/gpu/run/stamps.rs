//! Timestamps that a GPU writes between its commands, and the intervals they make.

use super::buffers::bytes;
use crate::backend::gpu::device::Gpu;
use crate::error::Result;
use std::time::Duration;

/// Most timestamps of a query set, by the specification of WebGPU.
const MOST: usize = 4096;
/// By their timestamps, the dispatches of a pass must take at least this share of the pass, which contains nothing
/// else. If they take less, the driver did not write the timestamps between the dispatches.
const SHARE_OF_PASS: f64 = 0.5;
/// Tolerated ratio of a run's duration on the GPU's clock to that on the host's.
const CLOCK_RATIO: f64 = 1.01;

/// Where the timestamps of a run are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marks {
    /// At the beginning and the end of its only pass.
    Run,
    /// There, and after each dispatch.
    Dispatches,
    /// At the beginnings and ends of passes with one dispatch each.
    Passes,
}

impl Marks {
    /// Number of timestamps of a run of so many dispatches.
    fn count(self, dispatches: usize) -> usize {
        match self {
            Marks::Run => 2,
            Marks::Dispatches => dispatches + 2,
            Marks::Passes => 2 * dispatches,
        }
    }

    /// Beginning and end of the pass, or of each dispatch. A GPU does not say when it began a dispatch within a pass,
    /// so that counts as the end of those before it; then the times of dispatches that overlap add up to what they
    /// took together. None if the timestamps make no sense.
    pub(crate) fn intervals(self, stamps: &[f64]) -> Option<Vec<[f64; 2]>> {
        let (&first, &last) = (stamps.first()?, stamps.last()?);
        if !stamps.is_sorted() || last <= first {
            return None;
        }
        let intervals: Vec<[f64; 2]> = match self {
            Marks::Run => vec![[first, last]],
            Marks::Dispatches => stamps[..stamps.len() - 1].windows(2).map(|pair| [pair[0], pair[1]]).collect(),
            Marks::Passes => stamps.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect(),
        };
        let sum: f64 = intervals.iter().map(|[begin, end]| end - begin).sum();
        let enough = if self == Marks::Dispatches { SHARE_OF_PASS * (last - first) } else { 0.0 };
        (sum > 0.0 && sum >= enough).then_some(intervals)
    }
}

/// Start and length of intervals of nanoseconds, moved so that the last ends at `end`. None if they take longer than
/// that, so that they cannot be nanoseconds.
pub(crate) fn end_at(intervals: &[[f64; 2]], end: Duration) -> Option<Vec<[Duration; 2]>> {
    let (&[begin, _], &[_, last]) = (intervals.first()?, intervals.last()?);
    let (long, room) = (last - begin, end.as_nanos() as f64);
    if long > CLOCK_RATIO * room {
        return None;
    }
    let scale = if long > room { room / long } else { 1.0 };
    let time = |ns: f64| Duration::from_nanos((room - scale * (last - ns)).max(0.0) as u64);
    Some(intervals.iter().map(|&[begin, end]| [time(begin), time(end) - time(begin)]).collect())
}

/// Timestamps of one run.
#[derive(Debug)]
pub(crate) struct Stamps {
    /// Where they are written.
    pub marks: Marks,
    /// How many there are.
    pub count: usize,
    gpu: Gpu,
    set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    result: wgpu::Buffer,
}

impl Stamps {
    /// Those for a run of so many dispatches; None if the device cannot write them.
    pub(crate) fn new(gpu: &Gpu, marks: Marks, dispatches: usize) -> Option<Self> {
        let inside = if marks == Marks::Dispatches {
            wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES
        } else {
            wgpu::Features::empty()
        };
        let count = marks.count(dispatches);
        let able = gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY | inside);
        if !able || !(2..=MOST).contains(&count) {
            return None;
        }
        let make = || Stamps {
            marks,
            count,
            gpu: gpu.clone(),
            set: gpu.device().create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: count as u32,
            }),
            resolved: buffer(gpu, count, wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            result: buffer(gpu, count, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
        };
        // A run can do without timestamps, whatever the error is.
        gpu.guarded("making timestamps", make).ok()
    }

    /// A pass that writes a timestamp at its beginning and one at its end.
    pub(crate) fn pass<'a>(
        &self,
        encoder: &'a mut wgpu::CommandEncoder,
        begin: usize,
        end: usize,
    ) -> wgpu::ComputePass<'a> {
        let timestamp_writes = Some(wgpu::ComputePassTimestampWrites {
            query_set: &self.set,
            beginning_of_pass_write_index: Some(begin as u32),
            end_of_pass_write_index: Some(end as u32),
        });
        encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some("lq-infer, timed"), timestamp_writes })
    }

    /// Writes a timestamp once everything before it in the pass is done.
    pub(crate) fn write(&self, pass: &mut wgpu::ComputePass, index: usize) {
        pass.write_timestamp(&self.set, index as u32);
    }

    /// Copies them to [`Stamps::result`] once the commands before are done.
    pub(crate) fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.set, 0..self.count as u32, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.result, 0, self.result.size());
    }

    /// The buffer that must be mapped before [`Stamps::read`].
    pub(crate) fn result(&self) -> &wgpu::Buffer {
        &self.result
    }

    /// Nanoseconds since the first timestamp.
    pub(crate) fn read(&self) -> Result<Vec<f64>> {
        let ticks: Vec<u64> = self.gpu.read_mapped(&self.result, self.result.size())?;
        let first = ticks.first().copied().unwrap_or(0);
        let period = f64::from(self.gpu.queue().get_timestamp_period());
        // Signed, so that a timestamp from before the first is not taken for one from long after it.
        Ok(ticks.iter().map(|tick| tick.wrapping_sub(first) as i64 as f64 * period).collect())
    }
}

fn buffer(gpu: &Gpu, stamps: usize, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    let size = bytes(2 * stamps);
    let descriptor = wgpu::BufferDescriptor { label: Some("timestamps"), size, usage, mapped_at_creation: false };
    gpu.device().create_buffer(&descriptor)
}

#[cfg(test)]
mod tests {
    use super::{Marks, end_at};
    use std::time::Duration;

    #[test]
    fn timestamps_become_intervals() {
        assert_eq!(Marks::Run.intervals(&[0.0, 7.0]), Some(vec![[0.0, 7.0]]));
        let inside = Marks::Dispatches.intervals(&[0.0, 3.0, 3.0, 8.0, 9.0]);
        assert_eq!(inside, Some(vec![[0.0, 3.0], [3.0, 3.0], [3.0, 8.0]]));
        let passes = Marks::Passes.intervals(&[0.0, 1.0, 5.0, 7.0]);
        assert_eq!(passes, Some(vec![[0.0, 1.0], [5.0, 7.0]]));
    }

    #[test]
    fn timestamps_that_mean_nothing_are_told() {
        for marks in [Marks::Run, Marks::Dispatches, Marks::Passes] {
            assert_eq!(marks.intervals(&[0.0, 0.0, 0.0, 0.0]), None, "they all are the same");
            assert_eq!(marks.intervals(&[0.0, 5.0, 3.0, 7.0]), None, "they go back");
            assert_eq!(marks.intervals(&[]), None);
        }
        assert_eq!(Marks::Dispatches.intervals(&[0.0, 1.0, 2.0, 9.0]), None, "two of nine are inside");
        assert_eq!(Marks::Passes.intervals(&[0.0, 0.0, 5.0, 5.0]), None, "passes take no time");
    }

    #[test]
    fn intervals_end_when_the_host_hears_of_it() {
        let ns = Duration::from_nanos;
        let times = end_at(&[[0.0, 10.0], [15.0, 40.0]], ns(100)).unwrap();
        assert_eq!(times, [[ns(60), ns(10)], [ns(75), ns(25)]]);
        // A clock that is a little fast.
        assert_eq!(end_at(&[[0.0, 100.5]], ns(100)).unwrap(), [[ns(0), ns(100)]]);
        assert_eq!(end_at(&[[0.0, 150.0]], ns(100)), None);
        assert_eq!(end_at(&[], ns(100)), None);
    }
}
