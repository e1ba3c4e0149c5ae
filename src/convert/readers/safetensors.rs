//! State dicts as `.safetensors`, a header in JSON and the bytes of all tensors behind it.
//!
//! Source: the crate `safetensors`, which checks that the tensors fill the file without gaps or overlaps.

use super::bookkeeping;
use super::evidence::{Evidence, SettingValue};
use super::pieces::Sink;
use super::reader::{CheckpointKind, Reader};
use super::strided::StridedView;
use super::variable::{MAX_DIMS, Variable};
use super::views::{Selection, Views};
use crate::files::{ReadExactAt, RegularFile, quoted};
use crate::format::{ElementType, GRAPH_KEY, METADATA_KEY, safetensors_header};
use safetensors::Dtype;
use std::collections::BTreeMap;

/// A parsed file.
#[derive(Debug)]
pub struct SafetensorsFile {
    views: Views,
    evidence: Evidence,
}

impl SafetensorsFile {
    /// Lists the tensors of the file whose bytes are given; they themselves are not touched.
    pub fn parse(file: &dyn ReadExactAt) -> Result<Self, String> {
        Self::parse_selected(file, Selection::default())
    }

    /// The same for some of the tensors.
    pub(super) fn parse_selected(file: &dyn ReadExactAt, selection: Selection) -> Result<Self, String> {
        let (header, metadata) = safetensors_header(file)?;
        let has_entry = |key| metadata.metadata().as_ref().is_some_and(|entries| entries.contains_key(key));
        if has_entry(METADATA_KEY) {
            return Err("this is a packed model already; use it as it is (see `lq-infer inspect`)".into());
        }
        let data = size_of::<u64>() + header;
        let mut tensors: BTreeMap<_, _> = metadata.tensors().into_iter().collect();
        let mut evidence = Evidence::default();
        // Names of an exported network are those of its graph, to the letter.
        let mut prefix = 0;
        if !has_entry(GRAPH_KEY) {
            metadata.metadata().iter().flatten().for_each(|(key, text)| {
                evidence.add("", key, SettingValue::Text(text.clone()));
                evidence.add_text(&format!("{key}."), text);
            });
            tensors.retain(|name, info| !bookkeeping::note(name, info.shape.iter().product(), &mut evidence));
            prefix = selection.prefix(tensors.keys().map(String::as_str));
        }
        let mut views = Views::new();
        for (name, info) in &tensors {
            let (start, end) = info.data_offsets;
            let named = |problem| format!("variable {}: {problem}", quoted(name.as_bytes()));
            let element = element(info.dtype).map_err(named)?;
            if info.shape.len() > MAX_DIMS {
                return Err(named(format!("{} dimensions, expected at most {MAX_DIMS}", info.shape.len())));
            }
            let view = StridedView::contiguous(element, info.shape.clone(), data + start..data + end);
            views.insert(name.get(prefix..).unwrap_or_default(), view, file.size())?;
        }
        Ok(SafetensorsFile { views, evidence })
    }
}

impl Reader for SafetensorsFile {
    fn kind(&self) -> CheckpointKind {
        CheckpointKind::Safetensors
    }

    fn variables(&self) -> &BTreeMap<String, Variable> {
        self.views.variables()
    }

    fn evidence(&self) -> Evidence {
        self.evidence.clone()
    }

    fn stream(&self, file: &dyn ReadExactAt, name: &str, unit: usize, sink: &mut Sink) -> Result<(), String> {
        self.views.stream(file, name, unit, sink)
    }
}

/// A metadata entry of a file.
pub(in crate::convert) fn metadata(file: &RegularFile, key: &str) -> Result<Option<String>, String> {
    let (_, metadata) = safetensors_header(file)?;
    Ok(metadata.metadata().as_ref().and_then(|entries| entries.get(key)).cloned())
}

/// Whether a file starts like safetensors: with the length of the header, and its first brace.
pub(super) fn has_magic(head: &[u8]) -> bool {
    // No header has 4 GiB, so the upper half of its length is zero.
    matches!(head, [_, _, _, _, 0, 0, 0, 0, b'{', ..])
}

/// The element type.
fn element(dtype: Dtype) -> Result<ElementType, String> {
    Ok(match dtype {
        Dtype::F16 => ElementType::F16,
        Dtype::BF16 => ElementType::BF16,
        Dtype::F32 => ElementType::F32,
        Dtype::F64 => ElementType::F64,
        Dtype::BOOL => ElementType::Bool,
        Dtype::U8 => ElementType::U8,
        Dtype::I8 => ElementType::I8,
        Dtype::F8_E4M3 => ElementType::Other("float8_e4m3fn", 1),
        Dtype::F8_E5M2 => ElementType::Other("float8_e5m2", 1),
        Dtype::U16 => ElementType::U16,
        Dtype::I16 => ElementType::I16,
        Dtype::U32 => ElementType::U32,
        Dtype::I32 => ElementType::I32,
        Dtype::U64 => ElementType::U64,
        Dtype::I64 => ElementType::I64,
        Dtype::C64 => ElementType::Complex64,
        other => return Err(format!("elements of type {other}, which no state dict has")),
    })
}
