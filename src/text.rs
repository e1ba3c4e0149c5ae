//! Text to show: from files of unknown origin, made safe; in lines; numbers with units.

/// `text` on one line, without characters that control a terminal or change the direction of writing.
pub fn plain(text: &str) -> String {
    text.replace(|c| char::is_control(c) || is_unprintable(c), "\u{fffd}")
}

/// Control characters other than tab and line feed, noncharacters, and marks that change the direction of writing.
pub fn is_unprintable(c: char) -> bool {
    let direction =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}');
    direction || (c.is_control() && !matches!(c, '\t' | '\n')) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// `text` in lines of at most `width` characters, broken at spaces. Every line begins with `indent`, and all but the
/// first with two more spaces. A word that is longer than a line gets a line of its own.
pub fn wrapped(text: &str, indent: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("{indent}  {word}")),
            None => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

/// "1 picture", "2 pictures".
pub fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// The candidate that `name` was most likely meant to be: the one that contains it, or the most similar one.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    meant(name, candidates).first().copied()
}

/// "; did you mean 'X'?", or "'X', 'Y' or 'Z'", for what was probably meant by `name`, or nothing.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let meant: Vec<String> = meant(name, candidates).iter().map(|meant| format!("'{meant}'")).collect();
    match meant.split_last() {
        _ if meant.contains(&format!("'{name}'")) => String::new(),
        None => String::new(),
        Some((last, [])) => format!("; did you mean {last}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

/// The candidates that `name` was probably meant to be, the shortest first: those that contain it, whatever the punctuation,
/// and have the same digits. Failing that, the one that is most similar, if at most a third of the characters differ (a swap
/// of neighbours counts as one difference) and rather with the same digits; or those that contain it.
fn meant<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let all: Vec<&str> = candidates.into_iter().collect();
    let name: String = name.to_lowercase().chars().take(LONGEST_COMPARED).collect();
    let characters: Vec<char> = name.chars().collect();
    let (bare, digits) = (only(&name, char::is_alphanumeric), only(&name, char::is_numeric));
    let has_digits = |candidate: &str| only(candidate, char::is_numeric) == digits;
    let contains = |candidate: &&str| bare.len() > 2 && only(candidate, char::is_alphanumeric).contains(&bare);
    let mut containing: Vec<&str> = all.iter().copied().filter(contains).collect();
    containing.sort_by_key(|candidate| candidate.len());
    if containing.iter().any(|candidate| has_digits(candidate)) {
        containing.retain(|candidate| has_digits(candidate));
    } else {
        let differences = |candidate: &str| {
            let other: Vec<char> = candidate.to_lowercase().chars().take(LONGEST_COMPARED).collect();
            (edits(&characters, &other), !has_digits(candidate))
        };
        let similar = all.iter().map(|&candidate| (differences(candidate), candidate));
        let similar = similar.filter(|((count, _), _)| *count <= characters.len().div_ceil(3));
        let best = similar.min_by_key(|((count, other_digits), _)| (*other_digits, *count));
        if let Some((_, best)) = best {
            return vec![best];
        }
    }
    containing.truncate(SUGGESTED);
    containing
}

/// The characters of a text, in lower case, that are of a kind.
fn only(text: &str, is: fn(char) -> bool) -> String {
    text.to_lowercase().chars().filter(|&c| is(c)).collect()
}

/// Most names that are suggested.
const SUGGESTED: usize = 3;

/// Characters of a name that are compared: the effort grows with their square.
const LONGEST_COMPARED: usize = 64;

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let mut least = (row[j] + 1).min(next[j - 1] + 1).min(row[j - 1] + usize::from(a[i - 1] != b[j - 1]));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

/// A number of bytes with a readable unit.
pub fn bytes(n: usize) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        _ => format!("{:.2} MB", n as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_controls_a_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\n\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}c");
    }

    #[test]
    fn lines_are_short() {
        let text = "word ".repeat(60);
        let lines = wrapped(&text, "", 110);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() <= 110), "{lines:?}");
        assert_eq!(lines.join(" ").split_whitespace().count(), 60);
        assert_eq!(wrapped("a bb ccc", " ", 5), [" a bb", "   ccc"]);
    }

    #[test]
    fn slips_are_understood() {
        let ids =
            ["alexnet", "resnet-18", "resnet-34", "resnet-50", "preact-resnet-18", "cifar-resnet-20", "vgg-small"];
        for (given, meant) in [
            ("resnet18", Some("resnet-18")),
            ("ResNet-43", Some("resnet-34")),
            ("resnet20", Some("cifar-resnet-20")),
            ("resnet_50", Some("resnet-50")),
            ("resnett-50", Some("resnet-50")),
            ("resnet", Some("resnet-18")),
            ("alexnte", Some("alexnet")),
            ("small", Some("vgg-small")),
            ("preact", Some("preact-resnet-18")),
            ("mobilenet", None),
            ("18", None),
            ("", None),
        ] {
            assert_eq!(closest(given, ids), meant, "{given}");
        }
        assert_eq!(did_you_mean("vgg-smal", ids), "; did you mean 'vgg-small'?");
        assert_eq!(did_you_mean("resnet18", ids), "; did you mean 'resnet-18' or 'preact-resnet-18'?");
        assert_eq!(did_you_mean("resnet", ids), "; did you mean 'resnet-18', 'resnet-34' or 'resnet-50'?");
        assert_eq!(did_you_mean("?", ids), "");
        assert_eq!(did_you_mean("vgg-small", ids), "", "what was typed is no suggestion");
    }
}
