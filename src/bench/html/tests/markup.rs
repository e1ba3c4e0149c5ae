//! A minimal markup parser for checking pages. It rejects anything that is not written out in full.

/// An element. Elements are in order of their start tags.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// Its own text, without that of its children.
    pub text: String,
    /// Index of the element around it.
    pub parent: Option<usize>,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> f64 {
        self.attribute(name).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{name} of {self:?}"))
    }
}

/// All elements of a document; panics at the first that is not closed properly.
pub(crate) fn elements(document: &str) -> Vec<Element> {
    let mut rest = document.strip_prefix("<!DOCTYPE html>").unwrap_or(document);
    let (mut all, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        if let Some(&parent) = open.last() {
            all[parent].text.push_str(&unescaped(&rest[..at]));
        } else {
            assert_eq!(rest[..at].trim(), "", "text outside of all elements");
        }
        let end = at + rest[at..].find('>').expect("a tag that does not end");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let opened = open.pop().expect("an end without a beginning");
            assert_eq!(all[opened].name, name, "closed while {:?} is open", all[opened]);
            continue;
        }
        let (name, attributes) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag, ""));
        let parent = open.last().copied();
        all.push(Element {
            name: name.to_owned(),
            attributes: self::attributes(attributes),
            text: String::new(),
            parent,
        });
        if !tag.ends_with('/') {
            open.push(all.len() - 1);
        }
        // Their content is raw text.
        if ["script", "style"].contains(&name) {
            let length = rest.find(&format!("</{name}")).expect("raw text that does not end");
            all.last_mut().unwrap().text = rest[..length].to_owned();
            rest = &rest[length..];
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "open at the end: {open:?}");
    all
}

fn attributes(mut text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    while let Some((name, after)) = text.trim_start().split_once("=\"") {
        let (value, rest) = after.split_once('"').expect("an attribute that does not end");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "attribute {name:?}");
        all.push((name.to_owned(), unescaped(value)));
        text = rest;
    }
    assert_eq!(text.trim(), "", "not an attribute");
    all
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(';').expect("a bare &");
        whole.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            other => panic!("&{other};"),
        });
        whole.push_str(rest);
    }
    whole
}
