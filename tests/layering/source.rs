//! The crate's source files, and their tokens: as much of Rust's grammar as finding names takes.

use std::path::{Path, PathBuf};

/// A source file and the path of its module; empty for the roots of the library and the binary.
pub struct Source {
    pub module: Vec<String>,
    pub path: PathBuf,
    pub text: String,
}

impl Source {
    /// Whether it is a module of tests in a file of its own, which `#[cfg(test)]` in its parent leaves out.
    pub fn is_for_tests(&self) -> bool {
        self.module.iter().any(|part| part == "tests")
    }
}

pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = files(&root, "rs");
    assert!(files.len() > 10, "the sources are not where this test looks for them");
    let read = |file: PathBuf| {
        let inner = file.strip_prefix(&root).unwrap().with_extension("");
        let mut module: Vec<String> = inner.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
        Source {
            module,
            path: file.strip_prefix(&root).unwrap().to_owned(),
            text: std::fs::read_to_string(file).unwrap(),
        }
    };
    files.into_iter().map(read).collect()
}

/// All files below `folder` with this extension, in order; none if there is no folder.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let file = entry.unwrap().path();
        if file.is_dir() {
            found.extend(files(&file, extension));
        } else if file.extension().is_some_and(|e| e == extension) {
            found.push(file);
        }
    }
    found.sort();
    found
}

pub fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// A name, `::`, or one other character of code.
pub struct Token {
    pub line: usize,
    pub text: String,
}

/// The tokens of a source without comments and literals; as much of Rust's grammar as finding names takes.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| string(rest)).or_else(|| character(rest));
        let len = match skipped {
            Some(len) => len,
            None if first.is_alphanumeric() || first == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            None if rest.starts_with("::") => 2,
            None => first.len_utf8(),
        };
        if skipped.is_none() && !first.is_whitespace() {
            let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
            tokens.push(Token { line, text: rest[..len].to_owned() });
        }
        rest = &rest[len..];
    }
    tokens
}

/// The tokens without the items that are marked `#[cfg(test)]`.
pub fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let marked = MARK.iter().enumerate().all(|(k, mark)| tokens.get(at + k).is_some_and(|t| t.text == *mark));
        if !marked {
            kept.push(Token { line: tokens[at].line, text: tokens[at].text.clone() });
            at += 1;
            continue;
        }
        let mut depth = 0;
        for (k, token) in tokens.iter().enumerate().skip(at + MARK.len()) {
            at = k + 1;
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 && [";", "}"].contains(&token.text.as_str()) {
                break;
            }
        }
    }
    kept
}

/// Length of the comment at the start of `rest`, if there is one. Block comments may be nested.
pub fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then(|| {
        let (mut depth, mut at) = (0, 0);
        while at < rest.len() {
            let two = rest.as_bytes().get(at..at + 2).unwrap_or_default();
            match two {
                b"/*" => depth += 1,
                b"*/" => depth -= 1,
                _ => {
                    at += 1;
                    continue;
                }
            }
            at += 2;
            if depth == 0 {
                break;
            }
        }
        at
    })
}

/// Length of the string literal at the start of `rest`, raw or not, if there is one.
pub fn string(rest: &str) -> Option<usize> {
    let unprefixed = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - unprefixed.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let len = body.find(&end).map_or(body.len(), |at| at + end.len());
        return Some(prefix + 1 + hashes + 1 + len);
    }
    let body = unprefixed.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if c == '"' && !escaped {
            return Some(prefix + 1 + at + 1);
        }
        escaped = c == '\\' && !escaped;
    }
    Some(rest.len())
}

/// Length of the character literal at the start of `rest`; lifetimes are none.
pub fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    if let Some(escape) = body.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return Some(2 + first + escape[first..].find('\'')? + 1);
    }
    let c = body.chars().next()?.len_utf8();
    body[c..].starts_with('\'').then_some(1 + c + 1)
}
