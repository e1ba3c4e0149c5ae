//! The stack and the memo of the machine.

use super::value::{Budget, Value};

/// Most values on the stack, and most open marks. Python pickles lists and dicts in batches of 1000.
const MAX_STACK: usize = 256 * 1024;

const EMPTY: &str = "its stack is empty";

/// Values that have not been put into a container yet.
#[derive(Default)]
pub(super) struct Stack<'a> {
    values: Vec<Value<'a>>,
    /// Heights of the stack at the open marks. Values below the last mark cannot be reached until it is closed.
    marks: Vec<usize>,
}

impl<'a> Stack<'a> {
    pub(super) fn push(&mut self, value: Value<'a>) -> Result<(), String> {
        if self.values.len() >= MAX_STACK {
            return Err(format!("more than {MAX_STACK} values on its stack"));
        }
        self.values.push(value);
        Ok(())
    }

    pub(super) fn mark(&mut self) -> Result<(), String> {
        if self.marks.len() >= MAX_STACK {
            return Err(format!("more than {MAX_STACK} open marks"));
        }
        self.marks.push(self.values.len());
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.marks.is_empty()
    }

    /// Height of the stack at the last open mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn top(&self) -> Result<Value<'a>, String> {
        let above = self.values.get(self.floor()..).unwrap_or_default();
        above.last().copied().ok_or_else(|| EMPTY.into())
    }

    pub(super) fn pop(&mut self) -> Result<Value<'a>, String> {
        let top = self.top()?;
        self.values.pop();
        Ok(top)
    }

    /// Pops a value, or a mark if none lies above it.
    pub(super) fn pop_any(&mut self) -> Result<(), String> {
        match self.pop() {
            Err(_) if self.marks.pop().is_some() => Ok(()),
            popped => popped.map(drop),
        }
    }

    /// Takes the top `len` values.
    pub(super) fn take(&mut self, len: usize) -> Result<Vec<Value<'a>>, String> {
        let at = self.values.len().checked_sub(len).filter(|&at| at >= self.floor());
        Ok(self.values.split_off(at.ok_or(EMPTY)?))
    }

    /// Closes the last mark and takes the values above it.
    pub(super) fn since_mark(&mut self) -> Result<Vec<Value<'a>>, String> {
        let mark = self.marks.pop().ok_or("no mark is open")?;
        Ok(self.values.split_off(mark.min(self.values.len())))
    }
}

/// Values that the pickle refers to again, by number.
#[derive(Default)]
pub(super) struct Memo<'a>(Vec<Option<Value<'a>>>);

impl<'a> Memo<'a> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, index: usize) -> Result<Value<'a>, String> {
        self.0.get(index).copied().flatten().ok_or_else(|| format!("memo entry {index} is missing"))
    }

    /// Writers number from 0 without gaps, or from 1 (Python 2). A larger gap would only waste memory.
    pub(super) fn put(&mut self, index: usize, value: Value<'a>, budget: &mut Budget) -> Result<(), String> {
        if index > self.len() + 1 {
            return Err(format!("memo entry {index} after {} entries", self.len()));
        }
        while self.len() <= index {
            budget.pay(0, 1)?;
            self.0.push(None);
        }
        if let Some(slot) = self.0.get_mut(index) {
            *slot = Some(value);
        }
        Ok(())
    }
}
