//! Text from files of unknown origin, made safe to show.

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
}
