//! Reads Python pickles as data: an interpreter of the opcodes that `torch.save` writes, which imports nothing, calls
//! nothing and makes no object. A name stays a name, a call stays a record of its name and arguments. The caller picks
//! out the few that it understands and skips the rest.
//!
//! Source: CPython's Lib/pickletools.py, which documents every opcode, and Lib/pickle.py, which writes and reads them.
//!
//! Values are in one flat list and refer to each other by index, so that neither deep nesting nor repeated values cost
//! more memory than their bytes in the pickle. All memory is paid from a [`Budget`].

mod cursor;
mod machine;
mod memory;
mod names;
mod opcodes;
mod value;

pub(super) use machine::load;
pub(super) use value::{Budget, Global, Node, Pickle, Steps, Value};

/// First bytes of a pickle of protocol 2 to 5: the opcode PROTO and the protocol.
pub(crate) fn has_magic(head: &[u8]) -> bool {
    matches!(head, [opcodes::PROTO, 2..=5, ..])
}
