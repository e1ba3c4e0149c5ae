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

/// The candidate that `name` was probably meant to be, if any is close: at most a third of its characters differ (a
/// swap of neighbours counts as one difference). Failing that, the shortest that contains `name`.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.to_lowercase().chars().take(LONGEST_COMPARED).collect();
    let text: String = name.iter().collect();
    let (mut similar, mut containing) = (None::<(usize, &str)>, None::<&str>);
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        let distance = edits(&name, &lower.chars().take(LONGEST_COMPARED).collect::<Vec<_>>());
        if distance <= name.len().div_ceil(3) && similar.is_none_or(|(least, _)| distance < least) {
            similar = Some((distance, candidate));
        }
        if name.len() > 2 && lower.contains(&text) && containing.is_none_or(|c| candidate.len() < c.len()) {
            containing = Some(candidate);
        }
    }
    similar.map(|(_, candidate)| candidate).or(containing)
}

/// "; did you mean 'X'?" for the [`closest`] candidate, or nothing.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let other = |meant: &&str| *meant != name;
    closest(name, candidates).filter(other).map_or_else(String::new, |meant| format!("; did you mean '{meant}'?"))
}

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
        let ids = ["alexnet", "resnet-18", "resnet-34", "preact-resnet-18", "vgg-small"];
        for (given, meant) in [
            ("resnet18", Some("resnet-18")),
            ("ResNet-43", Some("resnet-34")),
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
        assert_eq!(did_you_mean("?", ids), "");
        assert_eq!(did_you_mean("vgg-small", ids), "", "what was typed is no suggestion");
    }
}
