//! Tensors as a pickle rebuilds them: a window into a storage.

use std::ops::Range;

use crate::convert::checkpoint::{MAX_DIMS, plain_name};
use crate::convert::element::Element;
use crate::convert::pickle::{Node, Pickle, Value};
use crate::convert::views::View;
use crate::convert::zip_directory::shown;

/// PyTorch's classes of storages (torch/storage.py `_dtype_to_storage_type_map`).
const STORAGES: [(&str, Element); 18] = [
    ("BFloat16Storage", Element::BF16),
    ("BoolStorage", Element::Other("bool", 1)),
    ("ByteStorage", Element::Other("uint8", 1)),
    ("CharStorage", Element::Other("int8", 1)),
    ("ComplexDoubleStorage", Element::Other("complex128", 16)),
    ("ComplexFloatStorage", Element::Other("complex64", 8)),
    ("DoubleStorage", Element::F64),
    ("FloatStorage", Element::F32),
    ("HalfStorage", Element::F16),
    ("IntStorage", Element::Other("int32", 4)),
    ("LongStorage", Element::Other("int64", 8)),
    ("QInt32Storage", Element::Other("qint32", 4)),
    ("QInt8Storage", Element::Other("qint8", 1)),
    ("QUInt2x4Storage", Element::Other("quint2x4", 1)),
    ("QUInt4x2Storage", Element::Other("quint4x2", 1)),
    ("QUInt8Storage", Element::Other("quint8", 1)),
    ("ShortStorage", Element::Other("int16", 2)),
    ("UntypedStorage", Element::Other("uint8", 1)),
];

/// Types without a storage class of their own, which `_rebuild_tensor_v3` names (torch/storage.py `_new_dtypes`).
const NEW_DTYPES: [(&str, usize); 8] = [
    ("complex32", 4),
    ("float8_e4m3fn", 1),
    ("float8_e4m3fnuz", 1),
    ("float8_e5m2", 1),
    ("float8_e5m2fnuz", 1),
    ("uint16", 2),
    ("uint32", 4),
    ("uint64", 8),
];

/// A storage as its persistent id describes it.
pub(super) struct StorageId<'a> {
    pub(super) key: &'a str,
    pub(super) element: Element,
    /// Number of elements.
    pub(super) len: usize,
    /// First element and number of elements, if only a part is meant.
    pub(super) view: Option<[usize; 2]>,
}

impl StorageId<'_> {
    /// Compares the size with the bytes that were found.
    pub(super) fn check_len(&self, found: usize) -> Result<(), String> {
        let Self { key, element, len, .. } = self;
        if len.checked_mul(element.size()) == Some(found) {
            return Ok(());
        }
        Err(format!(
            "storage {} has {found} bytes, expected {len} elements of {}",
            shown(key.as_bytes()),
            element.name()
        ))
    }
}

/// `("storage", class, key, device, elements)`, and in legacy files None or `(key of view, first element, elements)`.
pub(super) fn storage_id<'a>(pickle: &Pickle<'a>, node: Node) -> Result<StorageId<'a>, String> {
    let (class, key, len, view) = match *pickle.parts(node) {
        [Value::Str("storage"), class, Value::Str(key), _, len] => (class, key, len, Value::None),
        [Value::Str("storage"), class, Value::Str(key), _, len, view] => (class, key, len, view),
        _ => return Err("a persistent id that describes no storage".into()),
    };
    plain_name("storage", key.as_bytes())?;
    let view = match pickle.items(view) {
        Some(&[_, start, len]) => Some([extent(pickle, start)?, extent(pickle, len)?]),
        Some(_) => return Err(format!("a bad view of storage {}", shown(key.as_bytes()))),
        None => None,
    };
    Ok(StorageId { key, element: element_of(pickle, class)?, len: extent(pickle, len)?, view })
}

fn element_of(pickle: &Pickle, class: Value) -> Result<Element, String> {
    let found = pickle.global(class).filter(|g| ["torch", "torch.cuda", "torch.storage"].contains(&g.module));
    let found = found.and_then(|g| STORAGES.iter().find(|(name, _)| *name == g.name.trim_start_matches('_')));
    found.map(|(_, element)| *element).ok_or_else(|| format!("{} is no known kind of storage", pickle.describe(class)))
}

fn extent(pickle: &Pickle, value: Value) -> Result<usize, String> {
    let found = match value {
        Value::Int(extent) => match usize::try_from(extent) {
            Ok(extent) => return Ok(extent),
            Err(_) => extent.to_string(),
        },
        other => pickle.describe(other),
    };
    Err(format!("{found} as a size, stride or offset"))
}

/// A tuple of sizes or strides; beyond the most dimensions that are read, one more tells that there are too many.
fn extents<'a>(pickle: &Pickle<'a>, value: Value<'a>) -> Result<Vec<usize>, String> {
    let tuple = match pickle.call(value) {
        Some((global, [tuple])) if global.is("torch", "Size") => *tuple,
        _ => value,
    };
    let items = pickle.items(tuple).ok_or_else(|| format!("{} as sizes or strides", pickle.describe(tuple)))?;
    items.iter().take(MAX_DIMS + 1).map(|&item| extent(pickle, item)).collect()
}

/// Whether a value is a tensor or a parameter.
pub(super) fn is_tensor<'a>(pickle: &Pickle<'a>, value: Value<'a>) -> bool {
    rebuilt(pickle, value).is_some()
}

/// The window that a tensor or parameter is; `place` finds a storage in the file.
pub(super) fn view<'a>(
    pickle: &Pickle<'a>,
    value: Value<'a>,
    place: &mut dyn FnMut(&StorageId) -> Result<Range<usize>, String>,
) -> Result<View, String> {
    let (function, arguments) = rebuilt(pickle, value).ok_or("no tensor")?;
    let &[Value::Persistent(storage), offset, size, stride, ref rest @ ..] = arguments else {
        return Err(format!("bad arguments of {function}"));
    };
    let id = storage_id(pickle, storage)?;
    let element = element(pickle, function, rest, id.element)?;
    let (shape, strides) = (extents(pickle, size)?, extents(pickle, stride)?);
    let (bytes, offset) = (place(&id)?, extent(pickle, offset)?);
    let start = offset.checked_mul(element.size()).and_then(|offset| bytes.start.checked_add(offset));
    match start {
        Some(start) if start <= bytes.end => Ok(View { element, shape, strides, bytes: start..bytes.end }),
        _ => Err(format!("starts at element {offset} of a storage of {} bytes", bytes.len())),
    }
}

/// Type of a tensor's elements, from the arguments behind the place: requires_grad, backward_hooks, in version 3 the type,
/// and metadata, which tell of operations that have not been carried out yet.
fn element(pickle: &Pickle, function: &str, rest: &[Value], stored: Element) -> Result<Element, String> {
    let (element, metadata) = match (function, rest) {
        ("_rebuild_tensor", []) => (stored, rest),
        ("_rebuild_tensor_v2", [_, _, metadata @ ..]) => (stored, metadata),
        ("_rebuild_tensor_v3", [_, _, dtype, metadata @ ..]) => (dtype_of(pickle, *dtype)?, metadata),
        _ => return Err(format!("bad arguments of {function}")),
    };
    if metadata.iter().any(|&metadata| !pickle.pairs(metadata).is_empty()) {
        return Err("a lazily negated or conjugated tensor; save tensor.resolve_neg() instead".into());
    }
    Ok(element)
}

/// The function that rebuilds a tensor, and its arguments. Parameters only wrap one.
fn rebuilt<'p, 'a>(pickle: &'p Pickle<'a>, value: Value<'a>) -> Option<(&'a str, &'p [Value<'a>])> {
    let call = |value| pickle.call(value).filter(|(global, _)| global.module == "torch._utils");
    let (mut global, mut arguments) = call(value)?;
    if let ("_rebuild_parameter" | "_rebuild_parameter_with_state", [tensor, ..]) = (global.name, arguments) {
        (global, arguments) = call(*tensor)?;
    }
    let known = ["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"].contains(&global.name);
    known.then_some((global.name, arguments))
}

/// A type by its name in `torch`.
fn dtype_of(pickle: &Pickle, dtype: Value) -> Result<Element, String> {
    let name = pickle.global(dtype).filter(|global| global.module == "torch").map(|global| global.name);
    let new =
        NEW_DTYPES.iter().find(|(dtype, _)| Some(*dtype) == name).map(|(dtype, size)| Element::Other(dtype, *size));
    new.ok_or_else(|| format!("{} is no known type of tensors", pickle.describe(dtype)))
}
