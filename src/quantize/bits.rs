//! How many bits each layer gets: "2/2", or "2/2,layer4.*=3/3" with later patterns overruling earlier ones.

use crate::quant::MAX_BITS;
use std::str::FromStr;

/// What stands for float in "4/32".
const FLOAT: usize = 32;

/// Bits of one layer; `None` leaves it in float.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayerBits {
    /// Of its weights.
    pub weights: Option<usize>,
    /// Of the activations that it reads.
    pub activations: Option<usize>,
}

/// Bits of all layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits {
    usual: LayerBits,
    /// Patterns in which `*` stands for any text, with the bits of the layers whose names they match.
    patterns: Vec<(String, LayerBits)>,
}

impl Bits {
    /// The bits of `layer` if it is quantized unless a pattern says otherwise.
    pub fn of(&self, layer: &str) -> LayerBits {
        self.told(layer).unwrap_or(self.usual)
    }

    /// What the last pattern that matches `layer` says.
    pub(super) fn told(&self, layer: &str) -> Option<LayerBits> {
        self.patterns.iter().rev().find(|(pattern, _)| matches(pattern, layer)).map(|(_, bits)| *bits)
    }

    /// The same with at most as many bits as `most` has; what is in float stays so.
    pub(super) fn at_most(&self, most: LayerBits) -> Self {
        let patterns = self.patterns.iter().map(|(pattern, bits)| (pattern.clone(), bits.at_most(most)));
        Bits { usual: self.usual.at_most(most), patterns: patterns.collect() }
    }

    /// The same but for some layers.
    pub(super) fn with(&self, layers: impl Iterator<Item = (String, LayerBits)>) -> Self {
        Bits { usual: self.usual, patterns: self.patterns.iter().cloned().chain(layers).collect() }
    }

    /// The patterns that match none of `layers`.
    pub(super) fn unmatched<'a>(&'a self, layers: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let unused = |pattern: &&str| !layers.iter().any(|layer| matches(pattern, layer));
        self.patterns.iter().map(|(pattern, _)| pattern.as_str()).filter(unused)
    }
}

impl LayerBits {
    fn at_most(self, most: LayerBits) -> Self {
        let least = |own: Option<usize>, most: Option<usize>| own.map(|own| most.map_or(own, |most| own.min(most)));
        LayerBits { weights: least(self.weights, most.weights), activations: least(self.activations, most.activations) }
    }
}

impl FromStr for Bits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut usual = None;
        let mut patterns = Vec::new();
        for part in text.split(',').map(str::trim) {
            match part.rsplit_once('=') {
                Some((pattern, bits)) => patterns.push((pattern.trim().to_owned(), bits.trim().parse()?)),
                None if usual.is_none() => usual = Some(part.parse()?),
                None => return Err(format!("'{part}' is the second width for all layers")),
            }
        }
        let usual = usual.ok_or("begins with the bits of all layers, as in 2/2,layer4.*=3/3")?;
        Ok(Bits { usual, patterns })
    }
}

impl FromStr for LayerBits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (weights, activations) = text
            .split_once('/')
            .ok_or_else(|| format!("'{text}': give two numbers, weights/activations, as in 4/4"))?;
        let width = |text: &str, what: &str| match text.trim().parse() {
            Ok(FLOAT) => Ok(None),
            Ok(bits) if (1..=MAX_BITS).contains(&bits) => Ok(Some(bits)),
            _ => Err(format!("{what} may have 1 to {MAX_BITS} bits, or {FLOAT} for float, not '{text}'")),
        };
        let (weights, activations) = (width(weights, "weights")?, width(activations, "activations")?);
        Ok(LayerBits { weights, activations })
    }
}

impl std::fmt::Display for LayerBits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.weights.unwrap_or(FLOAT), self.activations.unwrap_or(FLOAT))
    }
}

impl std::fmt::Display for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.usual)?;
        self.patterns.iter().try_for_each(|(pattern, bits)| write!(f, ",{pattern}={bits}"))
    }
}

/// Whether `name` is `pattern` with any text for each `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(first) else { return false };
    // Each part may be taken where it first occurs, but for the last, which ends the name.
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    let mut left = name;
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(weights: usize, activations: usize) -> LayerBits {
        LayerBits { weights: Some(weights), activations: Some(activations) }
    }

    #[test]
    fn the_last_pattern_that_matches_counts() {
        let all: Bits = "2/2, layer4.*=3/3,*.conv2=4/32,layer4.0.conv2=32/5".parse().unwrap();
        assert_eq!(all.of("layer1.0.conv1"), bits(2, 2));
        assert_eq!(all.of("layer4.1.conv1"), bits(3, 3));
        assert_eq!(all.of("layer1.0.conv2"), LayerBits { weights: Some(4), activations: None });
        assert_eq!(all.of("layer4.0.conv2"), LayerBits { weights: None, activations: Some(5) });
        assert_eq!(all.to_string(), "2/2,layer4.*=3/3,*.conv2=4/32,layer4.0.conv2=32/5");
        assert_eq!(all.unmatched(&["layer4.0.conv2"]).count(), 0);
        assert_eq!(all.unmatched(&["layer4.conv1"]).collect::<Vec<_>>(), ["*.conv2", "layer4.0.conv2"]);
    }

    #[test]
    fn widths_are_limited_and_replaced() {
        let all: Bits = "4/32,a*=32/2,b=1/3".parse().unwrap();
        assert_eq!(all.at_most(bits(2, 2)).to_string(), "2/32,a*=32/2,b=1/2");
        assert_eq!(all.at_most(LayerBits { weights: Some(3), activations: None }).to_string(), "3/32,a*=32/2,b=1/3");
        assert_eq!(all.with([("ab".to_owned(), bits(5, 6))].into_iter()).of("ab"), bits(5, 6));
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, expected) in [
            ("a*b", "ab", true),
            ("a*b", "axxb", true),
            ("a*b", "axbx", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("*x*y", "xyxy", true),
            ("*x*x", "x", false),
            ("conv", "conv1", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} for {name}");
        }
    }

    #[test]
    fn wrong_widths_are_refused() {
        for (text, part) in [
            ("", "'': give two numbers"),
            ("4", "'4': give two numbers, weights/activations, as in 4/4"),
            ("2/", "activations may have 1 to 8 bits, or 32 for float, not ''"),
            ("0/2", "weights may have 1 to 8 bits, or 32 for float, not '0'"),
            ("9/4", "weights may have 1 to 8 bits, or 32 for float, not '9'"),
            ("2/33", "activations may have 1 to 8 bits, or 32 for float, not '33'"),
            ("2/2,3/3", "'3/3' is the second width"),
            ("a=2/2", "begins with the bits of all layers"),
            ("2/2,a=x", "'x': give two numbers"),
        ] {
            let error = text.parse::<Bits>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
