//! Statistics of times.

use super::Stats;

/// Number of parts of a run whose medians are compared.
const PARTS: usize = 8;

impl Stats {
    /// The statistics of times in the order in which they were measured; None if there are none.
    ///
    /// The spread is the range of the medians of eight successive parts of the run, relative to the overall median. The
    /// overall median has less than half the noise of a part's median, slow changes of the machine differ between parts
    /// as they would between runs, and the range of eight samples is about 2.8 standard deviations. So the median of
    /// another run should lie within the spread.
    pub fn of(times: &[f64]) -> Option<Stats> {
        let sorted = sorted(times);
        let median = middle(&sorted)?;
        let length = times.len().div_ceil(PARTS);
        let medians: Vec<f64> = times.chunks(length).filter_map(|part| middle(&self::sorted(part))).collect();
        let most = medians.iter().copied().fold(f64::MIN, f64::max);
        let least = medians.iter().copied().fold(f64::MAX, f64::min);
        Some(Stats {
            count: times.len(),
            least: *sorted.first()?,
            median,
            p95: rank(&sorted, 0.95)?,
            p99: rank(&sorted, 0.99)?,
            spread: if median > 0.0 { (most - least) / median } else { 0.0 },
        })
    }
}

/// The median; 0 if there are no times.
pub(crate) fn median_of(times: &[f64]) -> f64 {
    middle(&sorted(times)).unwrap_or(0.0)
}

fn sorted(times: &[f64]) -> Vec<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 { upper } else { 0.5 * (sorted[middle - 1] + upper) })
}

/// The smallest time that a fraction `share` of all times do not exceed.
fn rank(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::Stats;

    #[test]
    fn by_hand() {
        assert_eq!(Stats::of(&[]), None);
        let one = Stats::of(&[3.0]).unwrap();
        assert_eq!((one.count, one.least, one.median, one.p95, one.p99, one.spread), (1, 3.0, 3.0, 3.0, 3.0, 0.0));
        // 100 down to 1: parts of 13 times, the last one of 9.
        let times: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let stats = Stats::of(&times).unwrap();
        assert_eq!((stats.least, stats.median, stats.p95, stats.p99), (1.0, 50.5, 95.0, 99.0));
        assert_eq!(stats.spread, (94.0 - 5.0) / 50.5);
    }

    #[test]
    fn single_outliers_do_not_spread() {
        let mut times = vec![1.0; 80];
        times[7] = 100.0;
        assert_eq!(Stats::of(&times).unwrap().spread, 0.0);
        // Half of the run at another speed does spread.
        times[40..].fill(1.5);
        // 39 times of 1, 40 of 1.5 and the outlier: the overall median is 1.5.
        assert_eq!(Stats::of(&times).unwrap().spread, 0.5 / 1.5);
    }
}
