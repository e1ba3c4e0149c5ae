//! Headers of safetensors files, of packed models and of checkpoints alike.

use super::foreign::{Foreign, HEAD};
use crate::files::{ReadExactAt, quoted, read_range};
use crate::graph::MAX_NODES;
use safetensors::tensor::Metadata;

/// Longest safetensors header that is read or written, and longest graph file. The largest networks
/// of the zoo take about 200 kB, one with as many layers as a graph may have about 6 MB.
pub const MAX_HEADER: usize = 8 << 20;

/// Metadata entry of a packed model. A single entry keeps the file's bytes independent of hash order.
pub(crate) const METADATA_KEY: &str = "lq-infer";
/// Metadata entry of an exported network: the text of a graph file.
#[cfg(feature = "convert")]
pub(crate) const GRAPH_KEY: &str = "lq-infer-graph";

/// Most strings in a header. A tensor takes five: its name, three keys and the type. A layer has at most four tensors.
const MAX_STRINGS: usize = 5 * 4 * MAX_NODES + 64;

/// Most commas in a header outside of strings. A tensor takes four and one for each dimension after the first.
const MAX_COMMAS: usize = 2 * MAX_STRINGS;

/// Length and contents of the header of a safetensors file, of which only the header is read. The crate `safetensors`
/// checks that the tensors follow each other without gaps or overlaps.
pub(crate) fn safetensors_header(file: &dyn ReadExactAt) -> Result<(usize, Metadata), String> {
    let mut head = [0; HEAD];
    let head = &mut head[..HEAD.min(file.size())];
    if file.read_exact_at(0, head).is_ok()
        && let Some(kind) = Foreign::of(head)
    {
        return Err(format!("is {}, no safetensors file", kind.name()));
    }
    let mut start = [0; size_of::<u64>()];
    let length = file.read_exact_at(0, &mut start).map_or(Err(TOO_SHORT.into()), |()| header_length(&start))?;
    let (data, len) = (start.len() + length, file.size());
    if data > len {
        return Err(format!("its safetensors header claims {length} bytes, but the file has {len} in all"));
    }
    let text = read_range(file, start.len()..data, MAX_HEADER, "its header")?;
    let (strings, commas) = count_json(&text);
    if strings > MAX_STRINGS || commas > MAX_COMMAS {
        return Err(format!(
            "its safetensors header has {strings} strings and {commas} commas, expected at most {MAX_STRINGS} and {MAX_COMMAS}"
        ));
    }
    // The message may quote the file.
    let invalid = |e: serde_json::Error| format!("no valid safetensors file: {}", quoted(e.to_string().as_bytes()));
    let header: Metadata = serde_json::from_slice(&text).map_err(invalid)?;
    match data.checked_add(header.data_len()) {
        Some(end) if end == len => Ok((length, header)),
        _ => Err(format!("has {} bytes of tensors, its header describes {}", len - data, header.data_len())),
    }
}

/// Length of the header as its first bytes state it, within the limit: the header is parsed into several times its
/// size.
pub(crate) fn header_length(file: &[u8]) -> Result<usize, String> {
    let length = file.first_chunk().map(|b| u64::from_le_bytes(*b)).ok_or(TOO_SHORT)?;
    let within = usize::try_from(length).ok().filter(|length| *length <= MAX_HEADER);
    within.ok_or_else(|| format!("its safetensors header claims {length} bytes, at most {MAX_HEADER} are read"))
}

const TOO_SHORT: &str = "too short for a safetensors file";

/// Strings and commas outside of strings in JSON. They bound the memory that its parsed form takes.
fn count_json(text: &[u8]) -> (usize, usize) {
    let (mut quotes, mut commas, mut escaped) = (0usize, 0, false);
    for &byte in text {
        let in_string = !quotes.is_multiple_of(2);
        match byte {
            b'"' if !escaped => quotes += 1,
            b',' if !in_string => commas += 1,
            _ => {}
        }
        escaped = byte == b'\\' && in_string && !escaped;
    }
    (quotes / 2, commas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_commas_in_strings_do_not_count() {
        assert_eq!(count_json(br#"{"a":[1,2],"b,\"c,":"d\\","e":{}}"#), (4, 3));
    }

    #[test]
    fn files_of_other_kinds_are_named() {
        let refused = |bytes: &[u8]| safetensors_header(&bytes).unwrap_err();
        assert_eq!(refused(b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0"), "is a picture, no safetensors file");
        assert_eq!(
            refused(b"PK\x03\x04\0\0\x08\x08\0\0\0\0\0\0\0\0"),
            "is a checkpoint in another format, no safetensors file"
        );
        assert_eq!(refused(b"P6 1 1 255\n"), "is a picture, no safetensors file");
        // A header of 123 bytes, the first byte of whose length is "{".
        assert!(!refused(b"{\0\0\0\0\0\0\0{\"a\":{}}").contains("is text"));
    }

    #[test]
    fn lengths_have_a_limit() {
        assert_eq!(header_length(&[1, 2, 0, 0, 0, 0, 0, 0, b'{']), Ok(513));
        assert!(header_length(&[0; 7]).unwrap_err().contains("too short"));
        assert!(header_length(&[0xff; 8]).unwrap_err().contains("claims 18446744073709551615 bytes"));
    }
}
