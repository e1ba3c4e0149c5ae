//! The layers of the design, enforced: a module imports strictly lower ranks only, no files use each other in a circle,
//! wgpu stays in its corner, and every shader has its reference. Code for tests (`#[cfg(test)]`) may import anything.

#![allow(unreachable_pub)] // a program has no callers outside

mod circles;
mod source;

use source::{Token, files, is_name, sources, tokens, without_tests};
use std::path::{Path, PathBuf};

/// Ranks of the top-level modules. A module may use those of lower rank, and itself.
const RANKS: [(&str, u32); 27] = [
    ("error", 1),
    ("tensor", 0),
    ("instructions", 0),
    ("files", 2),
    ("platform", 0),
    ("random", 0),
    ("text", 0),
    ("threads", 2),
    ("quant", 1),
    ("fixed", 1),
    ("graph", 2),
    ("zoo", 3),
    ("float", 3),
    ("format", 3),
    ("lower", 3),
    ("convert", 4),
    ("quantize", 4),
    ("plan", 4),
    ("backend", 5),
    ("train", 6),
    ("session", 6),
    ("image", 3),
    ("bench", 7),
    ("compare", 7),
    ("cli", 8),
    // Re-exports at the root of the crate.
    ("Error", 1),
    ("Result", 1),
];

/// Parts of the library that may name wgpu, as module paths.
const WGPU_USERS: [&str; 2] = ["backend::gpu", "session"];

#[test]
fn modules_import_lower_ranks_only() {
    let sources = sources();
    let for_use = sources.iter().filter(|file| !file.is_for_tests());
    let problems: Vec<String> = for_use.flat_map(|file| check_imports(&file.module, &file.text)).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let circles = circles::circles(&sources());
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n"));
}

#[test]
fn only_the_gpu_backend_and_the_session_name_wgpu() {
    let problems: Vec<String> = sources().iter().flat_map(|file| check_wgpu(&file.module, &file.text)).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_shader_has_a_reference_of_its_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Files under `include` are parts of kernels, not kernels; those under `probes` measure devices; those under `float` are the
    // float32 baseline, whose reference is one file, src/backend/reference/float.rs; those under `texture` are parts of `pixels`;
    // those under `train` are twins of src/train/steps.
    let others = ["include", "probes", "float", "texture", "train"].map(|folder| root.join("shaders").join(folder));
    let is_kernel = |path: &PathBuf| others.iter().all(|folder| !path.starts_with(folder));
    for shader in files(&root.join("shaders"), "wgsl").into_iter().filter(is_kernel) {
        // What follows a dot is the name of a variant.
        let name = shader.file_name().unwrap().to_str().unwrap().split('.').next().unwrap();
        let reference = match name {
            // What the host does to pixels; the shader does the same to a texture.
            "pixels" => root.join("src/session/feed.rs"),
            _ => root.join(format!("src/backend/reference/{name}.rs")),
        };
        assert!(reference.is_file(), "{} has no reference {}", shader.display(), reference.display());
    }
}

#[test]
fn the_checks_can_fail() {
    let imports = |module: &[&str], text: &str| check_imports(&path(module), text);
    assert_eq!(imports(&["plan"], "use crate::lower::Program; use crate::{Error, quant::{pack, words}};"), [""; 0]);
    assert_eq!(imports(&["lower", "emit"], "use super::bitconv; use super::super::graph::Graph;"), [""; 0]);
    assert_eq!(imports(&["plan"], "mod tests { use super::*; }"), [""; 0]);
    assert_eq!(
        imports(&["fixed"], "// crate::graph\nconst A: &str = \"crate::graph\"; const B: char = '\"';"),
        [""; 0]
    );
    for (module, text, named) in [
        (vec!["quant"], "use crate::fixed::split;", "fixed"),
        (vec!["lower"], "fn f() { crate::plan::Plan::new(); }", "plan"),
        (vec!["graph", "facts"], "use crate::{error::Error, lower::{self, Program}};", "lower"),
        (vec!["plan"], "use super::backend::Backend;", "backend"),
        (vec!["fixed"], "mod tests { use super::super::{graph, tensor}; }", "graph"),
        (vec!["lower", "emit"], "use super::super::plan::Plan;", "plan"),
        (vec!["zoo"], "use crate::newcomer::Thing;", "add it to the table"),
        (vec!["newcomer"], "use crate::error::Error;", "add it to the table"),
    ] {
        let problems = imports(&module, text);
        assert!(problems.len() == 1 && problems[0].contains(named), "{module:?} {text}: {problems:?}");
    }
    assert_eq!(check_wgpu(&path(&["backend", "gpu", "context"]), "use wgpu::Device;"), [""; 0]);
    assert_eq!(check_wgpu(&path(&[]), "pub use session::wgpu; // wgpu"), [""; 0]);
    assert_eq!(check_wgpu(&path(&["backend", "cpu"]), "use wgpu::Device;").len(), 1);
    assert_eq!(check_wgpu(&path(&["cli"]), "fn f(d: ::wgpu::Device) {}").len(), 1);
}

fn path(module: &[&str]) -> Vec<String> {
    module.iter().map(|s| (*s).to_owned()).collect()
}

/// Imports of `module` that its rank forbids. The roots may import everything.
fn check_imports(module: &[String], text: &str) -> Vec<String> {
    let Some(own) = module.first() else { return Vec::new() };
    let unknown = |name: &str| format!("module '{name}' has no rank: add it to the table in tests/layering/main.rs");
    let Some(rank) = rank(own) else { return vec![unknown(own)] };
    let mut problems = Vec::new();
    for (line, name) in root_imports(module, &without_tests(tokens(text))) {
        let problem = match self::rank(&name) {
            _ if name == *own => continue,
            Some(other) if other < rank => continue,
            Some(other) => format!("rank {rank} imports '{name}' of rank {other}"),
            None => unknown(&name),
        };
        problems.push(format!("{}, line {line}: {problem}", module.join("::")));
    }
    problems
}

fn rank(module: &str) -> Option<u32> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

/// Places that name the crate wgpu where it must not be. `session::wgpu` is a re-export, `::wgpu` the crate.
fn check_wgpu(module: &[String], text: &str) -> Vec<String> {
    let place = module.join("::");
    if WGPU_USERS.iter().any(|user| place == *user || place.starts_with(&format!("{user}::"))) {
        return Vec::new();
    }
    let tokens = tokens(text);
    let is_path = |at: usize| at > 1 && tokens[at - 1].text == "::" && is_name(&tokens[at - 2].text);
    let named = (0..tokens.len()).filter(|&at| tokens[at].text == "wgpu" && !is_path(at));
    named.map(|at| format!("{place}, line {}: names wgpu", tokens[at].line)).collect()
}

/// Line and name of every item of the crate's root that is named through `crate` or enough `super`s.
fn root_imports(module: &[String], tokens: &[Token]) -> Vec<(usize, String)> {
    let text = |at: usize| tokens.get(at).map_or("", |t| t.text.as_str());
    let mut found = Vec::new();
    let mut inline: Vec<usize> = Vec::new(); // brace depths at which inline modules opened
    let mut depth = 0;
    for at in 0..tokens.len() {
        match text(at) {
            "{" => {
                depth += 1;
                if at >= 2 && text(at - 2) == "mod" {
                    inline.push(depth);
                }
            }
            "}" => {
                inline.pop_if(|opened| *opened == depth);
                depth -= 1;
            }
            "crate" if text(at + 1) == "::" => found.extend(named_at(tokens, at + 2)),
            "super" if at < 2 || text(at - 2) != "super" => {
                let supers = (0..).take_while(|k| text(at + 2 * k) == "super").count();
                if supers >= module.len() + inline.len() {
                    found.extend(named_at(tokens, at + 2 * supers));
                }
            }
            _ => {}
        }
    }
    found
}

/// The first names of a path or of the paths of a group.
fn named_at(tokens: &[Token], at: usize) -> Vec<(usize, String)> {
    let Some(first) = tokens.get(at) else { return Vec::new() };
    if first.text != "{" {
        return vec![(first.line, first.text.clone())];
    }
    let mut names = Vec::new();
    let mut depth = 0;
    for (k, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            name if depth == 1 && is_name(name) && ["{", ","].contains(&tokens[k - 1].text.as_str()) => {
                names.push((token.line, name.to_owned()));
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}
