//! Formats quantities for sentences.

/// A time, such as "0.42 ms".
pub(super) fn time(seconds: f64) -> String {
    scaled(seconds, &[(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")])
}

/// A size, such as "3.2 MB".
pub(super) fn bytes(count: f64) -> String {
    scaled(count, &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")])
}

/// A count, such as "1.8 million".
pub(super) fn count(count: f64) -> String {
    scaled(count, &[(1e9, "billion"), (1e6, "million"), (1e3, "thousand"), (1.0, "")]).trim_end().to_owned()
}

/// A percentage, such as "42 %"; below ten with one decimal.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// In the largest unit that is not above it, with two decimals below ten and one below a hundred.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let unit = units.iter().find(|(size, _)| value >= *size).or(units.last());
    let (size, name) = unit.copied().unwrap_or((1.0, ""));
    match value / size {
        n if n < 10.0 && n.fract() != 0.0 => format!("{n:.2} {name}"),
        n if n < 100.0 && n.fract() != 0.0 => format!("{n:.1} {name}"),
        n => format!("{n:.0} {name}"),
    }
}
