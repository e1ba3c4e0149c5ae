//! A small writer of pickles and of the files of `torch.save`. It shares no code with the readers, so that a mistake is
//! found unless both have the same one.

use super::writers::{ZipEntry, zip};

/// An object in a pickle.
#[derive(Clone)]
pub enum Object {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Tuple(Vec<Object>),
    List(Vec<Object>),
    Dict(Vec<(Object, Object)>),
    /// Module and name.
    Global(&'static str, &'static str),
    /// A callable and its arguments.
    Call(Box<Object>, Vec<Object>),
    /// An object and its state.
    Built(Box<Object>, Box<Object>),
    Persistent(Vec<Object>),
    /// Opcodes, written unchanged.
    Raw(Vec<u8>),
}

pub fn text(text: &str) -> Object {
    Object::Str(text.to_owned())
}

pub fn ints(numbers: &[i64]) -> Object {
    Object::Tuple(numbers.iter().map(|&n| Object::Int(n)).collect())
}

pub fn dict(entries: Vec<(&str, Object)>) -> Object {
    Object::Dict(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

pub fn call(module: &'static str, name: &'static str, arguments: Vec<Object>) -> Object {
    Object::Call(Box::new(Object::Global(module, name)), arguments)
}

/// A complete pickle of protocol 2.
pub fn pickle(object: &Object) -> Vec<u8> {
    [b"\x80\x02", &opcodes(object)[..], b"."].concat()
}

/// The opcodes of an object, without header and end of a pickle.
pub fn opcodes(object: &Object) -> Vec<u8> {
    let mut out = Vec::new();
    write(object, &mut out);
    out
}

/// An object that is also stored in the memo.
pub fn memoized(object: &Object, entry: u8) -> Object {
    Object::Raw([&opcodes(object)[..], b"q", &[entry]].concat())
}

/// A reference to an object in the memo.
pub fn from_memo(entry: u8) -> Object {
    Object::Raw(vec![b'h', entry])
}

fn write(object: &Object, out: &mut Vec<u8>) {
    let all = |objects: &[Object], out: &mut Vec<u8>| objects.iter().for_each(|object| write(object, out));
    match object {
        Object::None => out.push(b'N'),
        Object::Bool(true) => out.push(0x88),
        Object::Bool(false) => out.push(0x89),
        Object::Int(n) => {
            out.extend([0x8a, 8]);
            out.extend(n.to_le_bytes());
        }
        Object::Float(x) => {
            out.push(b'G');
            out.extend(x.to_be_bytes());
        }
        Object::Str(text) => {
            out.push(b'X');
            out.extend((text.len() as u32).to_le_bytes());
            out.extend(text.bytes());
        }
        Object::Tuple(items) => {
            out.push(b'(');
            all(items, out);
            out.push(b't');
        }
        Object::List(items) => {
            out.extend(b"](");
            all(items, out);
            out.push(b'e');
        }
        Object::Dict(entries) => {
            out.extend(b"}(");
            for (key, value) in entries {
                write(key, out);
                write(value, out);
            }
            out.push(b'u');
        }
        Object::Global(module, name) => out.extend(format!("c{module}\n{name}\n").bytes()),
        Object::Call(callable, arguments) => {
            write(callable, out);
            write(&Object::Tuple(arguments.clone()), out);
            out.push(b'R');
        }
        Object::Built(object, state) => {
            write(object, out);
            write(state, out);
            out.push(b'b');
        }
        Object::Persistent(id) => {
            write(&Object::Tuple(id.clone()), out);
            out.push(b'Q');
        }
        Object::Raw(opcodes) => out.extend(opcodes),
    }
}

/// A tensor as `torch.save` describes it.
#[derive(Clone)]
pub struct Tensor {
    /// Class of its storage, such as "FloatStorage".
    pub class: &'static str,
    pub key: &'static str,
    /// Number of elements of the storage.
    pub stored: i64,
    pub offset: i64,
    pub shape: Vec<i64>,
    pub strides: Vec<i64>,
    /// Key, first element and length of a view of the storage, in legacy files.
    pub view: Option<(&'static str, i64, i64)>,
}

impl Tensor {
    /// An array in C order that fills its storage.
    pub fn contiguous(class: &'static str, key: &'static str, shape: &[i64]) -> Self {
        let stride = |dim| shape[dim + 1..].iter().product();
        let strides = (0..shape.len()).map(stride).collect();
        Tensor { class, key, stored: shape.iter().product(), offset: 0, shape: shape.to_vec(), strides, view: None }
    }

    /// The call that rebuilds it. Legacy files also describe a view of the storage.
    pub fn object(&self, legacy: bool) -> Object {
        let mut id = vec![text("storage"), Object::Global("torch", self.class), text(self.key), text("cpu")];
        id.push(Object::Int(self.stored));
        if legacy {
            let view = |(key, start, len)| Object::Tuple(vec![text(key), Object::Int(start), Object::Int(len)]);
            id.push(self.view.map_or(Object::None, view));
        }
        let hooks = call("collections", "OrderedDict", vec![]);
        let place = [Object::Persistent(id), Object::Int(self.offset), ints(&self.shape), ints(&self.strides)];
        let arguments = [place.as_slice(), &[Object::Bool(false), hooks]].concat();
        call("torch._utils", "_rebuild_tensor_v2", arguments)
    }
}

/// Storages by key.
pub type Storages<'a> = &'a [(&'a str, Vec<u8>)];

/// The entries of the archive that `torch.save` writes.
pub fn archive_entries(pickle: &[u8], storages: Storages) -> Vec<ZipEntry> {
    let mut entries = vec![ZipEntry::stored("m/data.pkl", pickle), ZipEntry::stored("m/byteorder", b"little")];
    entries.extend(storages.iter().map(|(key, bytes)| ZipEntry::stored(&format!("m/data/{key}"), bytes)));
    entries.push(ZipEntry::stored("m/version", b"3\n"));
    entries
}

pub fn archive(pickle: &[u8], storages: Storages) -> Vec<u8> {
    zip(&archive_entries(pickle, storages), true)
}

/// A legacy file. Each storage has a key, the size of an element in bytes, and its data.
pub fn legacy(content: &[u8], storages: &[(&str, usize, Vec<u8>)]) -> Vec<u8> {
    let magic = Object::Raw(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19".to_vec());
    let machine = dict(vec![("protocol_version", Object::Int(1001)), ("little_endian", Object::Bool(true))]);
    let keys = Object::List(storages.iter().map(|(key, _, _)| text(key)).collect());
    let mut file =
        [pickle(&magic), pickle(&Object::Int(1001)), pickle(&machine), content.to_vec(), pickle(&keys)].concat();
    for (_, element, bytes) in storages {
        file.extend(((bytes.len() / element) as i64).to_le_bytes());
        file.extend(bytes);
    }
    file
}
