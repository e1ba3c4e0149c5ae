//! The text of an `.npy` header: a Python dict, such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.

use crate::files::quoted;

/// Most dimensions that are read (NumPy 1 has the same limit).
const MAX_DIMS: usize = 32;

/// The entries of the dict.
pub(super) struct HeaderDict<'a> {
    /// The element type, in NumPy's notation.
    pub(super) descr: &'a str,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

impl<'a> HeaderDict<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let mut p = Literal { rest: text };
        let (mut descr, mut order, mut shape) = (None, None, None);
        p.expect('{')?;
        while !p.eat('}') {
            let key = p.string()?;
            p.expect(':')?;
            let seen = match key {
                "descr" => descr.replace(p.descr()?).is_some(),
                "fortran_order" => order.replace(p.boolean()?).is_some(),
                "shape" => shape.replace(p.shape()?).is_some(),
                _ => {
                    return Err(format!(
                        "key {}, expected descr, fortran_order and shape only",
                        quoted(key.as_bytes())
                    ));
                }
            };
            if seen {
                return Err(format!("key '{key}' comes twice"));
            }
            if !p.eat(',') {
                p.expect('}')?;
                break;
            }
        }
        if !p.rest.trim().is_empty() {
            return Err(format!("{} after the closing brace", quoted(p.rest.as_bytes())));
        }
        match (descr, order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(HeaderDict { descr, fortran_order, shape }),
            _ => Err("expected the keys descr, fortran_order and shape".into()),
        }
    }
}

/// The few forms of Python literals that such a header is made of.
struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    fn eat(&mut self, token: char) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expect(&mut self, token: char) -> Result<(), String> {
        if self.eat(token) {
            Ok(())
        } else {
            Err(format!("expected '{token}' before {}", quoted(self.rest.as_bytes())))
        }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let mark = if self.eat('"') { '"' } else { '\'' };
        if mark == '\'' {
            self.expect(mark)?;
        }
        let (text, rest) = self.rest.split_once(mark).ok_or("a string without its closing quote")?;
        self.rest = rest;
        Ok(text)
    }

    fn descr(&mut self) -> Result<&'a str, String> {
        if self.eat('[') {
            return Err("structured array, expected a plain array of numbers".into());
        }
        self.string()
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(format!("expected True or False before {}", quoted(self.rest.as_bytes())))
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        let mut shape = Vec::new();
        self.expect('(')?;
        while !self.eat(')') {
            if shape.len() == MAX_DIMS {
                return Err(format!("more than {MAX_DIMS} dimensions"));
            }
            shape.push(self.number()?);
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn number(&mut self) -> Result<usize, String> {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        // Python 2 wrote long integers as 3L.
        let rest_after = rest.strip_prefix('L').unwrap_or(rest);
        let number =
            digits.parse().map_err(|_| format!("expected a dimension, found {}", quoted(self.rest.as_bytes())))?;
        self.rest = rest_after;
        Ok(number)
    }
}
