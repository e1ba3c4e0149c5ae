//! Colours have enough contrast with their background, in light and dark mode (WCAG 2: 4.5 for text, 3 for the rest).

use std::collections::HashMap;

/// Colours by name, in light and in dark mode.
fn themes() -> Vec<HashMap<String, [f64; 3]>> {
    let blocks = super::super::page::CHART.split(":root, .chart {").skip(1);
    let theme = |block: &str| {
        let declarations = block.split('}').next().unwrap().split(';').filter_map(|d| d.trim().split_once(": #"));
        declarations.map(|(name, hex)| (name.to_owned(), colour(hex))).collect()
    };
    blocks.map(theme).collect()
}

/// Linear red, green and blue, from 0 to 1.
fn colour(hex: &str) -> [f64; 3] {
    [0, 2, 4].map(|at| {
        let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    })
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let [a, b] = [a, b].map(|[r, g, b]| 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05);
    if a > b { a / b } else { b / a }
}

#[test]
fn colours_differ_enough() {
    assert_eq!((contrast(colour("000000"), colour("ffffff")) * 10.0).round(), 210.0);
    let themes = themes();
    assert_eq!(themes.len(), 2, "light and dark");
    for theme in themes {
        let of = |name: &str| theme[&format!("--{name}")];
        let check = |front: &str, back: &str, least: f64| {
            let found = contrast(of(front), of(back));
            assert!(found >= least, "{front} on {back}: {found:.2}, expected {least}");
        };
        for text in ["fg", "dim", "bad", "warn", "good", "bar"] {
            check(text, "bg", 4.5);
        }
        for shape in ["float32", "memory"] {
            check(shape, "bg", 3.0);
        }
        for back in ["float32", "k0", "k1", "k2", "k3", "k4", "k5", "k6"] {
            check("ink", back, 4.5);
        }
    }
}
