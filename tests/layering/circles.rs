//! Which source file uses which, and the circles among them.
//!
//! A file uses the file that defines what it names. A re-export (`pub use`) of a module that the file does not use itself is a
//! signpost: names are followed through it to the file behind, and the file with the re-export does not count as a user.
//! Code for tests (`#[cfg(test)]`) may use anything.

use crate::source::{Source, Token, is_name, tokens, without_tests};
use std::collections::{BTreeMap, BTreeSet};

type Module = Vec<String>;

/// What one file says: the paths that it uses, the names that it passes on, and the modules that it declares.
struct File {
    uses: Vec<Module>,
    reexports: BTreeMap<String, Module>,
    glob_reexports: Vec<Module>,
}

/// Every circle of files, as the shortest way around it: "a.rs -> b.rs -> a.rs".
pub fn circles(sources: &[Source]) -> Vec<String> {
    let graph = uses(sources);
    let mut found = BTreeSet::new();
    for start in graph.keys() {
        if let Some(way) = shortest_way_back(&graph, start) {
            found.insert(canonical(&way));
        }
    }
    found.into_iter().map(|way| way.join(" -> ")).collect()
}

/// The files that each file uses.
fn uses(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let declared: BTreeMap<Module, String> =
        sources.iter().filter(|s| !is_root(s)).map(|s| (s.module.clone(), s.path.display().to_string())).collect();
    let files: BTreeMap<Module, File> =
        sources.iter().filter(|s| !is_root(s)).map(|s| (s.module.clone(), read(s, &declared))).collect();
    let roots: BTreeMap<Module, File> =
        sources.iter().filter(|s| s.path.ends_with("lib.rs")).map(|s| (Vec::new(), read(s, &declared))).collect();
    let files: BTreeMap<Module, File> = files.into_iter().chain(roots).collect();
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, file) in &files {
        let Some(path) = declared.get(module) else { continue };
        let targets = file.uses.iter().filter_map(|used| definer(used, &files, 0)).filter(|target| target != module);
        graph.entry(path.clone()).or_default().extend(targets.filter_map(|target| declared.get(&target).cloned()));
    }
    graph
}

fn is_root(source: &Source) -> bool {
    source.module.is_empty() || source.is_for_tests()
}

/// The module whose file defines what `path` names, followed through re-exports.
fn definer(path: &[String], files: &BTreeMap<Module, File>, depth: usize) -> Option<Module> {
    let len = (0..=path.len()).rev().find(|&len| files.contains_key(&path[..len]))?;
    let (module, rest) = path.split_at(len);
    let file = &files[module];
    if let Some(name) = rest.first().filter(|_| depth < 8) {
        let longer = |target: &Module| target.iter().chain(&rest[1..]).cloned().collect::<Vec<_>>();
        if let Some(target) = file.reexports.get(name) {
            return definer(&longer(target), files, depth + 1);
        }
        for target in &file.glob_reexports {
            let inner = files.get(target.as_slice());
            if inner.is_some_and(|inner| inner.reexports.contains_key(name)) {
                let path: Vec<_> = target.iter().chain(rest).cloned().collect();
                return definer(&path, files, depth + 1);
            }
        }
    }
    Some(module.to_vec())
}

/// Reads a file's paths. `declared` are the modules of the crate.
fn read(source: &Source, declared: &BTreeMap<Module, String>) -> File {
    let tokens = without_tests(tokens(&source.text));
    let mut file = File { uses: Vec::new(), reexports: BTreeMap::new(), glob_reexports: Vec::new() };
    let text = |at: usize| tokens.get(at).map_or("", |t| t.text.as_str());
    let mut at = 0;
    while at < tokens.len() {
        if text(at) == "use" {
            let end = (at..tokens.len()).find(|&k| text(k) == ";").unwrap_or(tokens.len());
            let public = at > 0 && (text(at - 1) == "pub" || text(at - 1) == ")");
            for (path, name) in leaves(&tokens[at + 1..end]) {
                let Some(path) = absolute(&path, &source.module, declared) else { continue };
                let named_again = || (0..tokens.len()).any(|k| (k < at || k > end) && text(k) == name);
                match name.as_str() {
                    "*" if public => file.glob_reexports.push(path),
                    _ if public && !named_again() => drop(file.reexports.insert(name, path)),
                    _ if public => {
                        file.reexports.insert(name, path.clone());
                        file.uses.push(path);
                    }
                    _ => file.uses.push(path),
                }
            }
            at = end;
        } else if is_name(text(at)) && text(at + 1) == "::" && (at == 0 || text(at - 1) != "::") {
            let path: Vec<String> = (0..)
                .map(|k| at + 2 * k)
                .take_while(|&k| is_name(text(k)) && (k == at || text(k - 1) == "::"))
                .map(|k| text(k).to_owned())
                .collect();
            at += 2 * path.len() - 1;
            file.uses.extend(absolute(&path, &source.module, declared));
            continue;
        }
        at += 1;
    }
    file
}

/// A path from the crate's root. None for what is outside of the crate, or a type's item and not a module's.
fn absolute(path: &[String], module: &[String], declared: &BTreeMap<Module, String>) -> Option<Module> {
    let joined = |base: &[String], rest: &[String]| base.iter().chain(rest).cloned().collect::<Vec<_>>();
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some(joined(module, &path[1..])),
        "super" => {
            let supers = path.iter().take_while(|part| *part == "super").count();
            Some(joined(&module[..module.len().checked_sub(supers)?], &path[supers..]))
        }
        _ => {
            let child = joined(module, &path[..1]);
            declared.contains_key(&child).then(|| joined(module, path))
        }
    }
}

/// Every path of a `use` and the name that it gets here.
fn leaves(tokens: &[Token]) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let mut prefixes: Vec<usize> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut renamed: Option<String> = None;
    let mut at = 0;
    let mut pending = false;
    while at <= tokens.len() {
        let text = tokens.get(at).map_or(",", |t| t.text.as_str());
        match text {
            "{" => {
                prefixes.push(path.len());
                pending = false;
            }
            "," | "}" => {
                if pending {
                    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                        path.pop();
                    }
                    let name = renamed.take().or_else(|| path.last().cloned()).unwrap_or_default();
                    let is_glob = path.pop_if(|last| last == "*").is_some();
                    found.push((path.clone(), if is_glob { "*".into() } else { name }));
                }
                pending = false;
                if text == "}" {
                    prefixes.pop();
                }
                path.truncate(prefixes.last().copied().unwrap_or(0));
            }
            "as" => {
                at += 1;
                renamed = tokens.get(at).map(|t| t.text.clone());
            }
            "::" => {}
            name => {
                path.push(name.to_owned());
                pending = true;
            }
        }
        at += 1;
    }
    found
}

/// The shortest way from `start` back to it, both ends included.
fn shortest_way_back(graph: &BTreeMap<String, BTreeSet<String>>, start: &str) -> Option<Vec<String>> {
    let mut ways: Vec<Vec<&str>> = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in &ways {
            for next in way.last().and_then(|last| graph.get(*last)).into_iter().flatten() {
                let extended: Vec<&str> = way.iter().copied().chain([next.as_str()]).collect();
                if next == start {
                    return Some(extended.into_iter().map(str::to_owned).collect());
                }
                if seen.insert(next) {
                    longer.push(extended);
                }
            }
        }
        ways = longer;
    }
    None
}

/// The same circle from its first file in alphabetical order.
fn canonical(way: &[String]) -> Vec<String> {
    let ring = &way[..way.len() - 1];
    let first = (0..ring.len()).min_by_key(|&k| &ring[k]).unwrap_or(0);
    (0..=ring.len()).map(|k| ring[(first + k) % ring.len()].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn source(path: &str, text: &str) -> Source {
        let inner = PathBuf::from(path).with_extension("");
        let mut module: Module = inner.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        module.pop_if(|last| ["mod", "lib"].contains(&last.as_str()));
        Source { module, path: path.into(), text: text.into() }
    }

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        circles(&files.iter().map(|(path, text)| source(path, text)).collect::<Vec<_>>())
    }

    #[test]
    fn circles_are_named() {
        assert_eq!(
            found(&[("a.rs", "use crate::b::B;"), ("b.rs", "fn f(a: super::a::A) {}")]),
            ["a.rs -> b.rs -> a.rs"]
        );
        let three =
            [("a.rs", "use crate::{b::{self, C}, q};"), ("b.rs", "use crate::c;"), ("c.rs", "use super::a::A as Z;")];
        assert_eq!(found(&three), ["a.rs -> b.rs -> c.rs -> a.rs"]);
        let parent = [("a/mod.rs", "mod b;\nfn f() { b::run() }"), ("a/b.rs", "use super::Thing;")];
        assert_eq!(found(&parent), ["a/b.rs -> a/mod.rs -> a/b.rs"]);
    }

    #[test]
    fn reexports_are_followed() {
        let signpost =
            [("a/mod.rs", "mod b; mod c; pub use b::{B, X as Y};"), ("a/b.rs", ""), ("a/c.rs", "use super::Y;")];
        assert_eq!(found(&signpost), [""; 0]);
        let circle = [
            ("a/mod.rs", "mod b; mod c; pub use b::{B, X as Y};"),
            ("a/b.rs", "use super::c::C;"),
            ("a/c.rs", "use super::Y;"),
        ];
        assert_eq!(found(&circle), ["a/b.rs -> a/c.rs -> a/b.rs"]);
        let used = [("a/mod.rs", "mod b; pub use b::B; fn f() -> B {}"), ("a/b.rs", "use super::f;")];
        assert_eq!(found(&used), ["a/b.rs -> a/mod.rs -> a/b.rs"]);
    }

    #[test]
    fn code_for_tests_is_free() {
        assert_eq!(
            found(&[("a.rs", "use crate::b;"), ("b.rs", "#[cfg(test)]\nmod tests { use crate::a::A; }")]),
            [""; 0]
        );
        assert_eq!(found(&[("a.rs", "use crate::b;"), ("b.rs", "#[cfg(test)] use crate::a::A;")]), [""; 0]);
    }
}
