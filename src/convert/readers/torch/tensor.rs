//! Tensors as a pickle describes them: views of a storage.

use crate::files::quoted;
use std::ops::Range;

use super::odd;
use super::pickle::{Global, Node, Pickle, Value};
use crate::convert::readers::strided::StridedView;
use crate::convert::readers::variable::{MAX_DIMS, plain_name};
use crate::format::ElementType;

/// Where PyTorch keeps the functions that rebuild tensors.
const UTILS: &str = "torch._utils";
const TENSOR_MODULES: [&str; 2] = [UTILS, "torch._tensor"];
/// How their names start.
const REBUILD: &str = "_rebuild_";
/// Those of tensors that are views of a storage.
const PLAIN: [&str; 3] = ["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"];

/// PyTorch's classes of storages (torch/storage.py `_dtype_to_storage_type_map`).
const STORAGES: [(&str, ElementType); 18] = [
    ("BFloat16Storage", ElementType::BF16),
    ("BoolStorage", ElementType::Bool),
    ("ByteStorage", ElementType::U8),
    ("CharStorage", ElementType::I8),
    ("ComplexDoubleStorage", ElementType::Complex128),
    ("ComplexFloatStorage", ElementType::Complex64),
    ("DoubleStorage", ElementType::F64),
    ("FloatStorage", ElementType::F32),
    ("HalfStorage", ElementType::F16),
    ("IntStorage", ElementType::I32),
    ("LongStorage", ElementType::I64),
    ("QInt32Storage", ElementType::Other("qint32", 4)),
    ("QInt8Storage", ElementType::Other("qint8", 1)),
    ("QUInt2x4Storage", ElementType::Other("quint2x4", 1)),
    ("QUInt4x2Storage", ElementType::Other("quint4x2", 1)),
    ("QUInt8Storage", ElementType::Other("quint8", 1)),
    ("ShortStorage", ElementType::I16),
    ("UntypedStorage", ElementType::U8),
];

/// Types without a storage class of their own, which `_rebuild_tensor_v3` names (torch/storage.py `_new_dtypes`).
const NEW_DTYPES: [ElementType; 8] = [
    ElementType::Other("complex32", 4),
    ElementType::Other("float8_e4m3fn", 1),
    ElementType::Other("float8_e4m3fnuz", 1),
    ElementType::Other("float8_e5m2", 1),
    ElementType::Other("float8_e5m2fnuz", 1),
    ElementType::U16,
    ElementType::U32,
    ElementType::U64,
];

/// A storage as its persistent id describes it.
pub(super) struct StorageId<'a> {
    pub(super) key: &'a str,
    pub(super) element: ElementType,
    /// Number of elements.
    pub(super) len: usize,
    /// First element and number of elements, if only a part is meant.
    pub(super) view: Option<[usize; 2]>,
    /// Whether it lies on the device that keeps no data.
    meta: bool,
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
            quoted(key.as_bytes()),
            element.name()
        ))
    }
}

/// `("storage", class, key, device, elements)`, and in legacy files None or `(key of view, first element, elements)`.
pub(super) fn storage_id<'a>(pickle: &Pickle<'a>, node: Node) -> Result<StorageId<'a>, String> {
    let (class, key, device, len, view) = match *pickle.parts(node) {
        [Value::Str("storage"), class, Value::Str(key), device, len] => (class, key, device, len, Value::None),
        [Value::Str("storage"), class, Value::Str(key), device, len, view] => (class, key, device, len, view),
        _ => return Err("a persistent id that describes no storage".into()),
    };
    plain_name("storage", key.as_bytes())?;
    let view = match pickle.items(view) {
        Some(&[_, start, len]) => Some([extent(pickle, start)?, extent(pickle, len)?]),
        Some(_) => return Err(format!("a bad view of storage {}", quoted(key.as_bytes()))),
        None => None,
    };
    let meta = matches!(device, Value::Str("meta"));
    Ok(StorageId { key, element: element_of(pickle, class)?, len: extent(pickle, len)?, view, meta })
}

fn element_of(pickle: &Pickle, class: Value) -> Result<ElementType, String> {
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

/// A tuple of sizes or strides, cut off after one more than the most dimensions that are read: enough to refuse it.
fn extents<'a>(pickle: &Pickle<'a>, value: Value<'a>) -> Result<Vec<usize>, String> {
    let tuple = match pickle.call(value) {
        Some((global, [tuple])) if global.is("torch", "Size") => *tuple,
        _ => value,
    };
    let items = pickle.items(tuple).ok_or_else(|| format!("{} as sizes or strides", pickle.describe(tuple)))?;
    items.iter().take(MAX_DIMS + 1).map(|&item| extent(pickle, item)).collect()
}

/// Whether a value is a tensor or a parameter, of whatever kind.
pub(super) fn is_tensor<'a>(pickle: &Pickle<'a>, value: Value<'a>) -> bool {
    match rebuilt(pickle, value) {
        Some(Rebuilt { function, .. }) => {
            TENSOR_MODULES.contains(&function.module) && function.name.starts_with(REBUILD) || odd::is_lazy(function)
        }
        None => false,
    }
}

/// Number of elements of a tensor, if it is of a kind that is read.
pub(super) fn numbers<'a>(pickle: &Pickle<'a>, value: Value<'a>) -> usize {
    let shape = rebuilt(pickle, value).and_then(|rebuilt| match *rebuilt.arguments {
        [Value::Persistent(_), _, size, ..] => extents(pickle, size).ok(),
        _ => None,
    });
    shape.map_or(0, |shape| shape.into_iter().fold(1, usize::saturating_mul))
}

/// The view that a tensor or parameter is; `place` finds a storage in the file.
pub(super) fn view<'a>(
    pickle: &Pickle<'a>,
    value: Value<'a>,
    place: &mut dyn FnMut(&StorageId) -> Result<Range<usize>, String>,
) -> Result<StridedView, String> {
    let Rebuilt { function, arguments } = rebuilt(pickle, value).ok_or("no tensor")?;
    if !(function.module == UTILS && PLAIN.contains(&function.name)) {
        let stored = match arguments {
            [Value::Persistent(storage), ..] => storage_id(pickle, *storage).ok().map(|id| id.element),
            _ => None,
        };
        return Err(odd::describe(pickle, function, arguments, stored));
    }
    let function = function.name;
    let &[Value::Persistent(storage), offset, size, stride, ref rest @ ..] = arguments else {
        return Err(format!("bad arguments of {function}"));
    };
    let id = storage_id(pickle, storage)?;
    if id.meta {
        return Err(odd::META.into());
    }
    let element = element(pickle, function, rest, id.element)?;
    let (shape, strides) = (extents(pickle, size)?, extents(pickle, stride)?);
    let (bytes, offset) = (place(&id)?, extent(pickle, offset)?);
    let start = offset.checked_mul(element.size()).and_then(|offset| bytes.start.checked_add(offset));
    match start {
        Some(start) if start <= bytes.end => Ok(StridedView { element, shape, strides, bytes: start..bytes.end }),
        _ => Err(format!("starts at element {offset} of a storage of {} bytes", bytes.len())),
    }
}

/// Type of a tensor's elements, from the arguments after storage, offset, size and stride: requires_grad,
/// backward_hooks, in version 3 the type, and metadata, which record operations that have not been carried out yet.
fn element(pickle: &Pickle, function: &str, rest: &[Value], stored: ElementType) -> Result<ElementType, String> {
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

/// The call that rebuilds a tensor when Python loads it.
struct Rebuilt<'p, 'a> {
    function: Global<'a>,
    arguments: &'p [Value<'a>],
}

/// The call that rebuilds a value. A parameter is a wrapper around a tensor, and so is a tensor of a class of its own.
fn rebuilt<'p, 'a>(pickle: &'p Pickle<'a>, value: Value<'a>) -> Option<Rebuilt<'p, 'a>> {
    let (mut function, mut arguments) = pickle.call(value)?;
    if let ("_rebuild_parameter" | "_rebuild_parameter_with_state", [tensor, ..]) = (function.name, arguments)
        && function.module == UTILS
    {
        (function, arguments) = pickle.call(*tensor)?;
    }
    // `(function, class, arguments, state)`
    if let ("_rebuild_from_type_v2", &[inner, _, tuple, ..]) = (function.name, arguments)
        && let (Some(inner), Some(tuple)) = (pickle.global(inner), pickle.items(tuple))
    {
        (function, arguments) = (inner, tuple);
    }
    Some(Rebuilt { function, arguments })
}

/// A type by its name in `torch`.
fn dtype_of(pickle: &Pickle, dtype: Value) -> Result<ElementType, String> {
    let name = pickle.global(dtype).filter(|global| global.module == "torch").map(|global| global.name);
    let new = NEW_DTYPES.into_iter().find(|dtype| Some(dtype.name()) == name);
    new.ok_or_else(|| format!("{} is no known type of tensors", pickle.describe(dtype)))
}
