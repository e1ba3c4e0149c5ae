//! The stack machine that runs a pickle (Lib/pickle.py `_Unpickler`), here on inert values.

use super::cursor::{Cursor, text};
use super::memory::{Memo, Stack};
use super::value::{Budget, Global, Node, Pickle, Value};
use super::{names, opcodes as op};

/// Longest name of a function or class, with its module.
const MAX_NAME: usize = 1024;

/// Reads the pickle at the start of `bytes`.
pub(crate) fn load<'a>(bytes: &'a [u8], budget: &mut Budget) -> Result<Pickle<'a>, String> {
    let mut machine = Machine {
        input: Cursor::new(bytes),
        stack: Stack::default(),
        memo: Memo::default(),
        pickle: Pickle::new(),
        budget,
    };
    let done = machine.run();
    let at = machine.input.at();
    done.map_err(|problem| format!("bad pickle, before byte {at}: {problem}"))?;
    Ok(machine.pickle)
}

struct Machine<'a, 'b> {
    input: Cursor<'a>,
    stack: Stack<'a>,
    memo: Memo<'a>,
    pickle: Pickle<'a>,
    budget: &'b mut Budget,
}

impl<'a> Machine<'a, '_> {
    fn run(&mut self) -> Result<(), String> {
        loop {
            match self.input.byte()? {
                op::STOP => break,
                opcode => self.step(opcode)?,
            }
        }
        self.pickle.root = self.stack.pop()?;
        self.pickle.len = self.input.at();
        if !self.stack.is_empty() {
            return Err("it ends with several values, expected one".into());
        }
        Ok(())
    }

    fn step(&mut self, opcode: u8) -> Result<(), String> {
        match opcode {
            op::PROTO => self.protocol(),
            op::FRAME => self.frame(),
            op::MARK => self.stack.mark(),
            op::POP => self.stack.pop_any(),
            op::POP_MARK => self.stack.since_mark().map(drop),
            op::FROZENSET => self.stack.since_mark().and_then(|_| self.stack.push(Value::Set)),
            op::BINGET | op::LONG_BINGET => self.get(opcode),
            op::BINPUT | op::LONG_BINPUT | op::MEMOIZE => self.put(opcode),
            op::TUPLE1 => self.stack.take(1).and_then(|parts| self.tuple(parts)),
            op::TUPLE2 => self.stack.take(2).and_then(|parts| self.tuple(parts)),
            op::TUPLE3 => self.stack.take(3).and_then(|parts| self.tuple(parts)),
            op::TUPLE => self.stack.since_mark().and_then(|parts| self.tuple(parts)),
            op::APPEND => self.stack.take(1).and_then(|items| self.extend(&items, op::APPENDS)),
            op::SETITEM => self.stack.take(2).and_then(|items| self.extend(&items, op::SETITEMS)),
            op::APPENDS | op::SETITEMS | op::ADDITEMS => {
                self.stack.since_mark().and_then(|items| self.extend(&items, opcode))
            }
            op::GLOBAL | op::STACK_GLOBAL => self.global(opcode),
            op::REDUCE | op::NEWOBJ => self.call(),
            // Drops keyword arguments: nothing that is understood here has any.
            op::NEWOBJ_EX => self.stack.pop().and_then(|_| self.call()),
            op::BUILD => self.build(),
            op::BINPERSID => self.persistent(),
            _ => {
                let value = self.constant(opcode)?;
                self.stack.push(value)
            }
        }
    }

    /// A value that follows from the opcode and its operand alone.
    fn constant(&mut self, opcode: u8) -> Result<Value<'a>, String> {
        Ok(match opcode {
            op::NONE => Value::None,
            op::NEWTRUE => Value::Bool(true),
            op::NEWFALSE => Value::Bool(false),
            op::BININT => Value::Int(i32::from_le_bytes(self.input.array()?).into()),
            op::BININT1 => Value::Int(self.input.byte()?.into()),
            op::BININT2 => Value::Int(u16::from_le_bytes(self.input.array()?).into()),
            op::LONG1 => integer(self.input.counted::<1>()?),
            op::LONG4 => integer(self.input.counted::<4>()?),
            op::BINFLOAT => Value::Float(f64::from_be_bytes(self.input.array()?)),
            op::SHORT_BINUNICODE => Value::Str(text(self.input.counted::<1>()?)?),
            op::BINUNICODE => Value::Str(text(self.input.counted::<4>()?)?),
            op::BINUNICODE8 => Value::Str(text(self.input.counted::<8>()?)?),
            op::SHORT_BINSTRING => text_or_bytes(self.input.counted::<1>()?),
            op::BINSTRING => text_or_bytes(self.input.counted::<4>()?),
            op::SHORT_BINBYTES => self.input.counted::<1>().map(|_| Value::Bytes)?,
            op::BINBYTES => self.input.counted::<4>().map(|_| Value::Bytes)?,
            op::BINBYTES8 | op::BYTEARRAY8 => self.input.counted::<8>().map(|_| Value::Bytes)?,
            op::EMPTY_TUPLE => Value::Tuple(self.add(Vec::new())?),
            op::EMPTY_LIST => Value::List(self.add(Vec::new())?),
            op::EMPTY_DICT => Value::Dict(self.add(Vec::new())?),
            op::EMPTY_SET => Value::Set,
            other => return Err(format!("opcode {other:#04x}, which torch.save does not write")),
        })
    }

    fn protocol(&mut self) -> Result<(), String> {
        match self.input.byte()? {
            2..=5 => Ok(()),
            other => Err(format!("protocol {other}, expected 2 to 5")),
        }
    }

    /// Frames only help to read a pickle from a stream.
    fn frame(&mut self) -> Result<(), String> {
        self.input.array::<8>().map(drop)
    }

    fn add(&mut self, parts: Vec<Value<'a>>) -> Result<Node, String> {
        self.pickle.add(parts, self.budget)
    }

    fn index(&mut self, opcode: u8) -> Result<usize, String> {
        match opcode {
            op::MEMOIZE => Ok(self.memo.len()),
            op::BINGET | op::BINPUT => Ok(self.input.byte()?.into()),
            _ => Ok(usize::try_from(u32::from_le_bytes(self.input.array()?)).unwrap_or(usize::MAX)),
        }
    }

    fn get(&mut self, opcode: u8) -> Result<(), String> {
        let index = self.index(opcode)?;
        self.stack.push(self.memo.get(index)?)
    }

    fn put(&mut self, opcode: u8) -> Result<(), String> {
        let index = self.index(opcode)?;
        self.memo.put(index, self.stack.top()?, self.budget)
    }

    fn tuple(&mut self, parts: Vec<Value<'a>>) -> Result<(), String> {
        let node = self.add(parts)?;
        self.stack.push(Value::Tuple(node))
    }

    /// Puts items into the container on top of the stack.
    fn extend(&mut self, items: &[Value<'a>], opcode: u8) -> Result<(), String> {
        match (opcode, self.stack.top()?) {
            (op::SETITEMS, Value::Dict(_)) if !items.len().is_multiple_of(2) => Err("a key without a value".into()),
            (op::APPENDS, Value::List(node)) | (op::SETITEMS, Value::Dict(node)) => {
                self.pickle.extend(node, items, self.budget)
            }
            // An object of a class derived from dict.
            (op::SETITEMS, Value::Call(node)) if items.len().is_multiple_of(2) => {
                let dict = self.add(items.to_vec())?;
                self.pickle.extend(node, &[Value::Dict(dict)], self.budget)
            }
            // Items of a set, or of an object whose class is not interpreted.
            (op::ADDITEMS, Value::Set) | (_, Value::Call(_)) => Ok(()),
            (_, other) => Err(format!("items for {}", self.pickle.describe(other))),
        }
    }

    fn global(&mut self, opcode: u8) -> Result<(), String> {
        let (module, name) = if opcode == op::GLOBAL {
            (self.input.line()?, self.input.line()?)
        } else {
            let (name, module) = (self.stack.pop()?, self.stack.pop()?);
            let (Value::Str(module), Value::Str(name)) = (module, name) else {
                return Err("a name that is no string".into());
            };
            (module, name)
        };
        if module.len() + name.len() > MAX_NAME {
            return Err(format!("a name of {} bytes, expected at most {MAX_NAME}", module.len() + name.len()));
        }
        names::check(Global { module, name })?;
        let node = self.add(vec![Value::Str(module), Value::Str(name)])?;
        self.stack.push(Value::Global(node))
    }

    /// Records a call. Only ordered dicts are created here, because items may follow.
    fn call(&mut self) -> Result<(), String> {
        let (arguments, callable) = (self.stack.pop()?, self.stack.pop()?);
        let Value::Tuple(node) = arguments else {
            return Err(format!("{} as arguments, expected a tuple", self.pickle.describe(arguments)));
        };
        let made = match callable {
            Value::Global(_) if self.pickle.global(callable).is_some_and(|g| g.is("collections", "OrderedDict")) => {
                Value::Dict(self.ordered_dict(node)?)
            }
            Value::Global(_) | Value::Persistent(_) => Value::Call(self.add(vec![callable, arguments])?),
            other => return Err(format!("a call of {}, expected a function or class", self.pickle.describe(other))),
        };
        self.stack.push(made)
    }

    /// `OrderedDict()`, or `OrderedDict([[key, value], ...])` as Python 2 writes it.
    fn ordered_dict(&mut self, arguments: Node) -> Result<Node, String> {
        let dict = self.add(Vec::new())?;
        let Some(&list) = self.pickle.parts(arguments).first() else { return Ok(dict) };
        let count = self.pickle.items(list).ok_or("an OrderedDict of no list")?.len();
        for i in 0..count {
            let pair = self.pickle.items(list).and_then(|list| list.get(i)).and_then(|&pair| self.pickle.items(pair));
            let Some(&[key, value]) = pair else { return Err("an OrderedDict of no pairs".into()) };
            self.pickle.extend(dict, &[key, value], self.budget)?;
        }
        Ok(dict)
    }

    /// Attaches the state to an object.
    fn build(&mut self) -> Result<(), String> {
        let state = self.stack.pop()?;
        match self.stack.top()? {
            Value::Call(node) => self.pickle.extend(node, &[state], self.budget),
            // Attributes of a dict or list of a class derived from it, such as the `_metadata` of a state_dict.
            Value::Dict(_) | Value::List(_) | Value::Set => Ok(()),
            other => Err(format!("state for {}", self.pickle.describe(other))),
        }
    }

    fn persistent(&mut self) -> Result<(), String> {
        let Value::Tuple(node) = self.stack.pop()? else { return Err("a persistent id that is no tuple".into()) };
        self.budget.pay(1, 0)?;
        self.pickle.persistent.push(node);
        self.stack.push(Value::Persistent(node))
    }
}

/// Little-endian two's complement of any length.
fn integer(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Long(bytes);
    }
    let sign = if bytes.last().is_some_and(|b| *b >= 0x80) { 0xff } else { 0 };
    let mut wide = [sign; 8];
    wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Value::Int(i64::from_le_bytes(wide))
}

/// Python 2 has one type for text and bytes.
fn text_or_bytes(bytes: &[u8]) -> Value<'_> {
    text(bytes).map_or(Value::Bytes, Value::Str)
}
