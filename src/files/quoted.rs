//! Text from files in messages.

/// Text from a file as messages show it: in quotes, on one line, and cut short.
pub fn quoted(text: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(text).chars().take(200).collect::<String>())
}
