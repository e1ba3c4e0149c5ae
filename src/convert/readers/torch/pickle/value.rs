//! The contents of a pickle: values by index in one flat list.

use crate::files::quoted;

/// Index of a value that has parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node(usize);

/// A value. Text is borrowed from the file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer that needs more than 64 bits, in little-endian two's complement.
    Long(&'a [u8]),
    Float(f64),
    Str(&'a str),
    /// Bytes, which are never needed.
    Bytes,
    Tuple(Node),
    List(Node),
    /// Keys and values in turn.
    Dict(Node),
    /// A set, whose items are never needed.
    Set,
    /// The name of a function or class: module and name.
    Global(Node),
    /// A call that Python would make: what is called, the tuple of arguments, and the dicts and states given to the
    /// result, if any.
    Call(Node),
    /// An object outside of the pickle: the parts of the tuple that identifies it.
    Persistent(Node),
}

/// A function or class by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Global<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
}

/// Memory that pickles may still claim, in bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
}

/// Bytes of an entry of a list: twice its size, since lists grow by doubling.
const VALUE: usize = 2 * size_of::<Value>();
const NODE: usize = 2 * size_of::<Vec<Value>>();

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Budget { left: bytes }
    }

    /// Pays for `nodes` values with parts and `values` entries of lists.
    pub(super) fn pay(&mut self, nodes: usize, values: usize) -> Result<(), String> {
        let cost = nodes.saturating_mul(NODE).saturating_add(values.saturating_mul(VALUE));
        let left = self.left.checked_sub(cost);
        self.left = left.ok_or("it holds too many Python objects; save the state_dict alone")?;
        Ok(())
    }
}

/// Entries that a search through a pickle may still look at. Objects may share a state, so a small pickle could
/// otherwise take long.
#[derive(Debug)]
pub(crate) struct Steps(usize);

impl Steps {
    /// As many as the largest real checkpoint needs, many times over.
    pub(crate) fn new() -> Self {
        Steps(1024 * 1024)
    }

    /// Pays for the entries of a value; false if too few steps are left.
    pub(crate) fn pay(&mut self, pickle: &Pickle, value: Value) -> bool {
        let left = self.0.checked_sub(pickle.entries(value).count() + 1);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// A pickle that has been read.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    /// The value of the pickle as a whole.
    pub(crate) root: Value<'a>,
    /// Bytes it takes, from PROTO to STOP.
    pub(crate) len: usize,
    /// Everything outside of the pickle that it refers to, in order.
    pub(crate) persistent: Vec<Node>,
    nodes: Vec<Vec<Value<'a>>>,
}

impl<'a> Pickle<'a> {
    pub(super) fn new() -> Self {
        Pickle { root: Value::None, len: 0, persistent: Vec::new(), nodes: Vec::new() }
    }

    pub(super) fn add(&mut self, parts: Vec<Value<'a>>, budget: &mut Budget) -> Result<Node, String> {
        budget.pay(1, parts.len())?;
        self.nodes.push(parts);
        Ok(Node(self.nodes.len() - 1))
    }

    /// Appends to the parts of a value.
    pub(super) fn extend(&mut self, node: Node, parts: &[Value<'a>], budget: &mut Budget) -> Result<(), String> {
        // One more than needed, because the smallest list has capacity for four.
        budget.pay(0, parts.len() + 1)?;
        self.nodes.get_mut(node.0).map(|all| all.extend_from_slice(parts)).ok_or_else(|| "no such value".into())
    }

    /// The parts of a value.
    pub(crate) fn parts(&self, node: Node) -> &[Value<'a>] {
        self.nodes.get(node.0).map_or(&[], Vec::as_slice)
    }

    /// Keys and values of a dict; none of anything else.
    pub(crate) fn pairs(&self, value: Value<'a>) -> &[[Value<'a>; 2]] {
        if let Value::Dict(node) = value { self.parts(node).as_chunks().0 } else { &[] }
    }

    /// Keys and values of a dict, of an object of a class derived from dict, and of the attributes of any object.
    pub(crate) fn entries(&self, value: Value<'a>) -> impl Iterator<Item = &[Value<'a>; 2]> + Clone {
        let own = self.pairs(value).iter();
        own.chain(self.states(value).iter().flat_map(|&state| {
            // With `__slots__`, the state is a pair of dicts.
            let slots = if let Value::Tuple(node) = state { self.parts(node) } else { &[] };
            self.pairs(state).iter().chain(slots.iter().flat_map(|&slot| self.pairs(slot)))
        }))
    }

    /// The items of a tuple or list.
    pub(crate) fn items(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        if let Value::Tuple(node) | Value::List(node) = value { Some(self.parts(node)) } else { None }
    }

    /// The name, if the value is one.
    pub(crate) fn global(&self, value: Value<'a>) -> Option<Global<'a>> {
        let Value::Global(node) = value else { return None };
        let [Value::Str(module), Value::Str(name)] = *self.parts(node) else { return None };
        Some(Global { module, name })
    }

    /// What a call calls, if that is a plain name, and its arguments.
    pub(crate) fn call(&self, value: Value<'a>) -> Option<(Global<'a>, &[Value<'a>])> {
        let Value::Call(node) = value else { return None };
        let [callable, arguments, ..] = *self.parts(node) else { return None };
        self.global(callable).zip(self.items(arguments))
    }

    /// The dicts and states that were given to the result of a call: items of a class derived from dict, attributes of
    /// any object.
    pub(crate) fn states(&self, value: Value<'a>) -> &[Value<'a>] {
        let Value::Call(node) = value else { return &[] };
        self.parts(node).get(2..).unwrap_or_default()
    }

    /// What a value is, for messages.
    pub(crate) fn describe(&self, value: Value<'a>) -> String {
        let what = match value {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Int(_) | Value::Long(_) => "an int",
            Value::Float(_) => "a float",
            Value::Str(_) => "a string",
            Value::Bytes => "bytes",
            Value::Tuple(_) => "a tuple",
            Value::List(_) => "a list",
            Value::Dict(_) => "a dict",
            Value::Set => "a set",
            Value::Persistent(_) => "a storage or class",
            Value::Global(_) => return self.global(value).map_or("a name".into(), |global| global.quoted()),
            Value::Call(node) => {
                let callable = self.parts(node).first().copied().and_then(|callable| self.class(callable));
                return callable.map_or("an object".into(), |global| format!("an object of {}", global.quoted()));
            }
        };
        what.into()
    }

    /// A class by its name. A legacy PyTorch file wraps those of modules together with their source code.
    fn class(&self, callable: Value<'a>) -> Option<Global<'a>> {
        let Value::Persistent(node) = callable else { return self.global(callable) };
        self.parts(node).get(1).copied().and_then(|class| self.global(class))
    }
}

impl Global<'_> {
    /// Whether this is `name` of `module`.
    pub(crate) fn is(self, module: &str, name: &str) -> bool {
        self.module == module && self.name == name
    }

    /// The dotted name, for messages.
    pub(crate) fn quoted(self) -> String {
        quoted(format!("{}.{}", self.module, self.name).as_bytes())
    }
}
