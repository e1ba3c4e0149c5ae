//! State dicts in several files, with an index that says which variable lies in which: `NAME.index.json` beside
//! `NAME-00001-of-0000N.safetensors` (or `.bin`, as `torch.save` writes them).
//!
//! Source: the index that the `transformers` and `huggingface_hub` libraries write (`metadata`, `weight_map`).

use super::directory::INDEX_END;
use super::evidence::Evidence;
use super::file_form::FileForm;
use super::pieces::Sink;
use super::reader::{CheckpointKind, Reader, open_part};
use super::variable::{MAX_NAME_BYTES, Variable, VariableList, plain_name};
use super::views::{Selection, wrapper_prefix};
use crate::error::{Error, Result};
use crate::files::{ReadExactAt, RegularFile, quoted};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Most bytes of an index: each of its entries has two names.
const MAX_INDEX: usize = 4 * MAX_NAME_BYTES;

/// Most files of a checkpoint.
const MAX_SHARDS: usize = 1024;

/// Most bytes at the start of a shard that tell its form.
const HEAD: usize = 64;

/// What an index says.
#[derive(Debug, Deserialize)]
struct Index {
    /// File of each variable.
    weight_map: BTreeMap<String, String>,
}

/// The variables of all shards.
#[derive(Debug)]
pub(super) struct Shards {
    kind: CheckpointKind,
    parts: Vec<Box<dyn Reader>>,
    /// The shard of each variable, and its name there.
    list: VariableList<(usize, String)>,
    evidence: Evidence,
}

/// Whether a file starts like an index: as JSON, with the map near its start or after some metadata.
pub(super) fn is_index(head: &[u8], path: &Path) -> bool {
    let has = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
    let named = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(INDEX_END));
    head.trim_ascii_start().starts_with(b"{") && (named || has(b"\"weight_map\""))
}

/// Opens the shards that an index names, which lie beside it.
pub(super) fn open(index: &RegularFile) -> Result<(Shards, Vec<RegularFile>)> {
    let bad = |problem: String| Error::bad_checkpoint(index.path(), problem);
    if index.len() > MAX_INDEX {
        return Err(bad(format!("an index of {} bytes, expected at most {MAX_INDEX}", index.len())));
    }
    let text = index.head(MAX_INDEX)?;
    let map = serde_json::from_slice::<Index>(&text).map(|index| index.weight_map);
    let map = map.map_err(|e| bad(format!("no index of shards, expected {{\"weight_map\": {{NAME: FILE}}}}: {e}")))?;
    let names = file_names(&map).map_err(bad)?;
    let mut files = Vec::with_capacity(names.len());
    let mut parts = Vec::with_capacity(names.len());
    for name in &names {
        let (file, part) = shard(index.path(), name)?;
        files.push(file);
        parts.push(part);
    }
    Ok((Shards::new(&map, &names, parts).map_err(bad)?, files))
}

/// The files that a map names, each once. They are plain names: nothing leads out of the folder.
fn file_names(map: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let mut names: Vec<&String> = map.values().collect();
    names.sort();
    names.dedup();
    if names.is_empty() || names.len() > MAX_SHARDS {
        return Err(format!("{} files in its weight_map, expected 1 to {MAX_SHARDS}", names.len()));
    }
    match names.iter().find(|name| plain_name("file", name.as_bytes()).is_err() || name.contains(['/', ':'])) {
        Some(odd) => Err(format!("its weight_map names {}, expected a file beside it", quoted(odd.as_bytes()))),
        None => Ok(names.into_iter().cloned().collect()),
    }
}

/// A shard, parsed.
fn shard(index: &Path, name: &str) -> Result<(RegularFile, Box<dyn Reader>)> {
    let path = index.with_file_name(name);
    let file = open_part(&path, "shard", index)?;
    let bad = |problem| Error::bad_checkpoint(&path, problem);
    let form = FileForm::of(&file.head(HEAD)?);
    let form =
        form.ok_or_else(|| bad("no shard of a state dict, expected .safetensors or what torch.save writes".into()))?;
    let selection = Selection { whole_names: true, ..Selection::default() };
    let part = form.parse(&file, selection).map_err(bad)?;
    Ok((file, part))
}

impl Shards {
    fn new(map: &BTreeMap<String, String>, files: &[String], parts: Vec<Box<dyn Reader>>) -> Result<Self, String> {
        let mut evidence = Evidence::default();
        for part in &parts {
            evidence.merge(part.evidence());
        }
        let found =
            parts.iter().zip(0..).flat_map(|(part, shard)| part.variables().keys().map(move |name| (name, shard)));
        let places: BTreeMap<&String, usize> = found.collect();
        if let Some((name, file)) = map.iter().find(|(name, file)| {
            let shard = places.get(name).and_then(|shard| files.get(*shard));
            shard != Some(file) && !evidence.bookkeeping.contains_key(name.rsplit('.').next().unwrap_or_default())
        }) {
            let (name, file) = (quoted(name.as_bytes()), quoted(file.as_bytes()));
            return Err(format!(
                "its weight_map says that {name} is in {file}, where it is not (or in another file too)"
            ));
        }
        let prefix = wrapper_prefix(places.keys().map(|name| name.as_str()));
        let mut list = VariableList::new();
        for (name, shard) in places {
            let variable = parts.get(shard).and_then(|part| part.variables().get(name)).ok_or("no such variable")?;
            list.insert(name.get(prefix..).unwrap_or_default(), variable.clone(), (shard, name.clone()))?;
        }
        let kind = parts.first().map_or(CheckpointKind::Safetensors, |part| part.kind());
        Ok(Shards { kind, parts, list, evidence })
    }

    fn place(&self, name: &str) -> Result<(&dyn Reader, &str), String> {
        let (shard, whole) = self.list.place(name)?;
        let part = self.parts.get(*shard).ok_or_else(|| format!("shard {shard} of '{name}' is missing"))?;
        Ok((part.as_ref(), whole))
    }
}

impl Reader for Shards {
    fn kind(&self) -> CheckpointKind {
        self.kind
    }

    fn variables(&self) -> &BTreeMap<String, Variable> {
        self.list.variables()
    }

    fn evidence(&self) -> Evidence {
        self.evidence.clone()
    }

    fn shard(&self, name: &str) -> Option<usize> {
        self.list.place(name).ok().map(|(shard, _)| *shard)
    }

    fn stream(&self, file: &dyn ReadExactAt, name: &str, unit: usize, sink: &mut Sink) -> Result<(), String> {
        let (part, whole) = self.place(name)?;
        part.stream(file, whole, unit, sink)
    }
}
