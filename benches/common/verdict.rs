//! Judging figures by committed ones.

/// How far a figure may be from the committed one.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Percent of the committed figure.
    pub percent: f64,
    /// Added to that, in units of the figure.
    pub slack: f64,
}

/// How a figure compares with the committed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Same,
    /// This fails.
    Worse,
    /// Worth committing.
    Better,
    /// It was found but is not committed. This fails, because it could get worse unnoticed.
    New,
    /// It is committed but was not found. This fails.
    Gone,
    /// It is committed, but what it needs is not at hand.
    Absent,
    /// Other tools were used, so it cannot be judged.
    Incomparable,
}

impl Tolerance {
    /// Judges a figure that should be small.
    pub fn judge(self, before: f64, now: f64) -> Verdict {
        let room = before * self.percent / 100.0 + self.slack;
        match now {
            now if now > before + room => Verdict::Worse,
            now if now + room < before => Verdict::Better,
            _ => Verdict::Same,
        }
    }
}

impl Verdict {
    pub fn fails(self) -> bool {
        matches!(self, Verdict::Worse | Verdict::New | Verdict::Gone)
    }

    /// A word or two for tables.
    pub fn remark(self) -> &'static str {
        match self {
            Verdict::Same | Verdict::Incomparable => "",
            Verdict::Worse => "WORSE",
            Verdict::Better => "better: update the figures",
            Verdict::New => "NOT COMMITTED",
            Verdict::Gone => "NOT FOUND",
            Verdict::Absent => "not at hand",
        }
    }
}
