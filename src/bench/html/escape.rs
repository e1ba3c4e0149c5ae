//! Escapes text for markup. Reports come from anywhere, so all text in a page goes through here.

use crate::text::is_unprintable;

/// Escapes `text` for element content and for attributes in double quotes. Characters that XML forbids and those that
/// change the text direction are replaced by U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if is_unprintable(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An element with attributes, whose values are text, and with the content `inner`, which is markup.
pub(super) fn element(name: &str, attributes: &[(&str, &str)], inner: &str) -> String {
    format!("<{name}{}>{inner}</{name}>", written(attributes))
}

/// An element without content.
pub(super) fn empty(name: &str, attributes: &[(&str, &str)]) -> String {
    format!("<{name}{} />", written(attributes))
}

fn written(attributes: &[(&str, &str)]) -> String {
    attributes.iter().map(|(name, value)| format!(" {name}=\"{}\"", escape(value))).collect()
}

/// The same JSON value without `<`, `>` and `&`, for a `<script>` element: such an element ends at the first
/// `</script`, even in a string.
pub(super) fn script_json(json: &str) -> String {
    // In JSON these characters only occur in strings.
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A `data:` URL with the content `text`.
pub(super) fn data_address(kind: &str, text: &str) -> String {
    let mut address = format!("data:{kind};charset=utf-8,");
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b',' => address.push(char::from(byte)),
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_controls_become_harmless() {
        assert_eq!(escape("<b a='1'>\"&"), "&lt;b a=&#39;1&#39;&gt;&quot;&amp;");
        assert_eq!(
            escape("a\u{0}\u{1b}[31m\u{202e}b\u{7f}\n\u{fffe}"),
            "a\u{fffd}\u{fffd}[31m\u{fffd}b\u{fffd}\n\u{fffd}"
        );
        assert_eq!(element("a", &[("title", "\"><x")], "y"), "<a title=\"&quot;&gt;&lt;x\">y</a>");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ "</script><!--": "a & b" });
        let script = script_json(&value.to_string());
        assert!(!script.contains(['<', '>', '&']));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&script).unwrap(), value);
    }

    #[test]
    fn addresses_hold_no_other_characters() {
        assert_eq!(data_address("text/csv", "a,\"é\"\n"), "data:text/csv;charset=utf-8,a,%22%C3%A9%22%0A");
    }
}
