//! Variables in pieces: the largest are hundreds of megabytes, and none has to be held in memory to be converted.

use crate::format::ElementType;
use std::io::{self, Read};

/// About how many bytes are read at a time.
pub(super) const PIECE: usize = 1024 * 1024;

/// Receives the elements of a variable, piece by piece in C order.
pub type Sink<'a> = dyn FnMut(&[f32]) -> Result<(), String> + 'a;

/// Passes the next `len` bytes of `reader` on, in pieces of a whole number of `unit` bytes.
pub(super) fn each_piece(
    mut reader: impl Read,
    len: usize,
    unit: usize,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let unit = unit.clamp(1, len.max(1));
    let mut buffer = vec![0; len.min(PIECE.max(unit) / unit * unit)];
    let mut left = len;
    while left > 0 {
        let most = left.min(buffer.len());
        let piece = buffer.get_mut(..most).unwrap_or_default();
        reader.read_exact(piece).map_err(truncated)?;
        take(piece)?;
        left -= piece.len();
    }
    Ok(())
}

/// Passes the elements in the next `len` bytes of `reader` on, in pieces of a whole number of `unit` elements.
pub(super) fn each_f32(
    element: ElementType,
    reader: impl Read,
    len: usize,
    unit: usize,
    sink: &mut Sink,
) -> Result<(), String> {
    let mut values = Vec::new();
    each_piece(reader, len, unit.saturating_mul(element.size()), |raw| {
        values.clear();
        element.decode(raw, &mut values);
        sink(&values)
    })
}

/// The message about bytes that cannot be read or unpacked.
pub(super) fn truncated(error: io::Error) -> String {
    format!("cannot read it, the file is damaged or truncated ({error})")
}

/// All elements of a variable of this shape. Memory is reserved when the first piece is there: only then is it known
/// that the variable can be read.
pub(super) fn collect(
    shape: &[usize],
    stream: impl FnOnce(&mut Sink) -> Result<(), String>,
) -> Result<Vec<f32>, String> {
    let len = shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim));
    let mut all = Vec::new();
    stream(&mut |piece| {
        let missing = len.map(|len| len.saturating_sub(all.len()));
        match missing.map(|missing| all.try_reserve_exact(missing)) {
            Some(Ok(())) => all.extend_from_slice(piece),
            _ => return Err(format!("not enough memory for an array of shape {shape:?}")),
        }
        Ok(())
    })?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_units_and_everything() {
        for (len, unit) in [(0, 4), (12, 4), (3 * PIECE, 1), (3 * PIECE, 12), (5 * PIECE, PIECE + 4), (8, 16)] {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let mut found = Vec::new();
            each_piece(&bytes[..], len, unit, |piece| {
                assert!(piece.len() % unit == 0 || found.len() + piece.len() == len);
                assert!(piece.len() <= PIECE.max(unit));
                found.extend_from_slice(piece);
                Ok(())
            })
            .unwrap();
            assert!(found == bytes, "{len} bytes in units of {unit}");
        }
        assert!(each_piece(&[0; 3][..], 4, 1, |_| Ok(())).unwrap_err().contains("truncated"));
    }
}
