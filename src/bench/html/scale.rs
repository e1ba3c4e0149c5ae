//! Axes: the positions of numbers, and where to put ticks.

/// A linear axis from 0 to `most`.
#[derive(Clone, Copy)]
pub(super) struct Linear {
    /// The number at its end.
    pub most: f64,
    /// The position of its start.
    pub from: f64,
    /// The position of its end.
    pub to: f64,
}

impl Linear {
    /// The position of `value`, clamped to the axis.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.most > 0.0 { value / self.most } else { 0.0 };
        self.from + (self.to - self.from) * if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// About `count` round numbers, starting with 0.
    pub(super) fn ticks(&self, count: usize) -> Vec<f64> {
        if self.most <= 0.0 || !self.most.is_finite() {
            return vec![0.0];
        }
        let rough = self.most / count.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|&s| s >= rough).unwrap_or(rough);
        (0..=count).map(|n| n as f64 * step).take_while(|&tick| tick <= self.most * (1.0 + 1e-9)).collect()
    }
}

/// A logarithmic axis over whole decades.
#[derive(Clone, Copy)]
pub(super) struct Log {
    low: i32,
    high: i32,
    from: f64,
    to: f64,
}

impl Log {
    /// An axis from position `from` to `to` that includes all of `values` that have a logarithm; None if none has.
    pub(super) fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Log> {
        let logs: Vec<f64> = values.filter(|v| *v > 0.0 && v.is_finite()).map(f64::log10).collect();
        let low = logs.iter().copied().reduce(f64::min)?.floor() as i32;
        let high = logs.iter().copied().reduce(f64::max)?.ceil() as i32;
        Some(Log { low, high: high.max(low + 1), from, to })
    }

    /// The position of `value`, clamped to the axis.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + (self.to - self.from) * if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// At most `count` decades, evenly spaced.
    pub(super) fn ticks(&self, count: i32) -> Vec<f64> {
        let step = ((self.high - self.low) as u32).div_ceil(count.max(1) as u32).max(1) as usize;
        (self.low..=self.high).step_by(step).map(|power| 10f64.powi(power)).collect()
    }

    /// The numbers at both ends.
    pub(super) fn range(&self) -> [f64; 2] {
        [10f64.powi(self.low), 10f64.powi(self.high)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_within() {
        let axis = |most| Linear { most, from: 100.0, to: 200.0 };
        assert_eq!(axis(437.0).ticks(5), [0.0, 100.0, 200.0, 300.0, 400.0]);
        assert_eq!(axis(0.9).ticks(4), [0.0, 0.25, 0.5, 0.75]);
        assert_eq!((axis(4.0).at(1.0), axis(4.0).at(9.0), axis(4.0).at(-1.0)), (125.0, 200.0, 100.0));
        assert_eq!((axis(0.0).at(1.0), axis(f64::NAN).at(1.0)), (100.0, 100.0));
        assert_eq!((axis(0.0).ticks(3), axis(f64::INFINITY).ticks(3)), (vec![0.0], vec![0.0]));
    }

    #[test]
    fn logarithmic_axes_span_decades() {
        let axis = Log::over([0.3, 50.0, 0.0, f64::NAN].into_iter(), 0.0, 300.0).unwrap();
        assert_eq!(axis.range(), [0.1, 100.0]);
        assert_eq!((axis.at(1.0), axis.at(1e9), axis.at(0.0)), (100.0, 300.0, 0.0));
        assert_eq!((axis.ticks(9).len(), axis.ticks(2).len()), (4, 2));
        assert!(Log::over([0.0].into_iter(), 0.0, 1.0).is_none());
        assert_eq!(Log::over([1.0].into_iter(), 0.0, 1.0).unwrap().range(), [1.0, 10.0]);
    }
}
