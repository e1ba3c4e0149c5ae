//! Formats numbers for readers.

/// `number` with three significant digits and no exponent.
pub(super) fn digits(number: f64) -> String {
    if !number.is_finite() {
        return "?".to_owned();
    }
    let before = if number == 0.0 { 1 } else { number.abs().log10().floor() as i32 + 1 };
    let decimals = (3 - before).clamp(0, 6) as usize;
    format!("{number:.decimals$}")
}

/// A time in a suitable unit.
pub(super) fn time(seconds: f64) -> String {
    let (factor, unit) = match seconds.abs() {
        s if s >= 1.0 || s == 0.0 => (1.0, "s"),
        s if s >= 1e-3 => (1e3, "ms"),
        s if s >= 1e-6 => (1e6, "µs"),
        _ => (1e9, "ns"),
    };
    format!("{} {unit}", digits(factor * seconds))
}

/// A number with a decimal prefix, to be followed by a unit ("12.3 G").
pub(super) fn prefixed(number: f64) -> String {
    let (factor, prefix) = match number.abs() {
        n if n >= 1e15 => return format!("{number:.2e} "),
        n if n >= 1e12 => (1e-12, "T"),
        n if n >= 1e9 => (1e-9, "G"),
        n if n >= 1e6 => (1e-6, "M"),
        n if n >= 1e3 => (1e-3, "k"),
        _ => (1.0, ""),
    };
    format!("{} {prefix}", digits(factor * number))
}

/// A fraction as a percentage.
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        p if !p.is_finite() => "?".to_owned(),
        p if p.abs() < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// A ratio ("1.25x").
pub(super) fn times(ratio: f64) -> String {
    format!("{}x", digits(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_a_unit() {
        let times = [0.0, 2.7e-3, 59.978e-3, 1.2345e-6, 3e-9, 12.0, 123_456.0].map(time);
        assert_eq!(times, ["0.00 s", "2.70 ms", "60.0 ms", "1.23 µs", "3.00 ns", "12.0 s", "123456 s"]);
        assert_eq!(
            [0.5, 1234.0, 5.6e9, 7e12, 1e20].map(prefixed),
            ["0.500 ", "1.23 k", "5.60 G", "7.00 T", "1.00e20 "]
        );
        assert_eq!([0.0, 0.0123, 0.5, f64::NAN].map(percent), ["0.0 %", "1.2 %", "50 %", "?"]);
        assert_eq!([digits(f64::INFINITY), digits(-1.5), super::times(1.254)], ["?", "-1.50", "1.25x"]);
    }
}
