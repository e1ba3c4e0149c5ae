//! Limits of what is decoded, so that a hostile file cannot take all memory.

/// Largest picture file that is read.
pub const MAX_FILE: usize = 1 << 30;
/// Longest accepted edge of a picture file, in pixels.
pub const MAX_SIDE: usize = 1 << 15;
/// Most pixels accepted in one picture file.
pub const MAX_PIXELS: usize = 1 << 27;
/// Most bytes that a decoded picture may take in its file's own colour type.
pub const MAX_DECODED_BYTES: u64 = 512 << 20;
/// A file of n bytes may decode to `UNPACKED_BYTES + UNPACKED_BYTES_PER_BYTE * n` bytes. Deflate, the densest coding
/// of the accepted formats on real pictures, packs at most 1032 bytes into one, so a header that announces more is
/// wrong. With this limit, decoding a small file takes less than 64 MiB in all.
const UNPACKED_BYTES: u64 = 8 << 20;
const UNPACKED_BYTES_PER_BYTE: u64 = 1032;

/// Most bytes that a file of `len` bytes may decode to.
pub(super) fn most_unpacked(len: usize) -> u64 {
    (len as u64).saturating_mul(UNPACKED_BYTES_PER_BYTE).saturating_add(UNPACKED_BYTES).min(MAX_DECODED_BYTES)
}

/// Checks the size of a picture that takes `bytes` bytes decoded, of which `allowed` are.
pub(super) fn check_size(width: u32, height: u32, bytes: u64, allowed: u64) -> Result<(), String> {
    let too_long = width.max(height) as usize > MAX_SIDE;
    if too_long || u64::from(width) * u64::from(height) > MAX_PIXELS as u64 {
        return Err(format!(
            "the picture is {width} x {height}; at most {MAX_SIDE} pixels on a side and {MAX_PIXELS} in all are allowed"
        ));
    }
    // Grey pictures become three times as large.
    if bytes.max(3 * u64::from(width) * u64::from(height)) > allowed {
        return Err(format!(
            "the picture is {width} x {height} and takes {bytes} bytes decoded; \
             at most {allowed} are allowed for a file of its size"
        ));
    }
    if width == 0 || height == 0 {
        return Err(format!("the picture is {width} x {height}; it has no pixels"));
    }
    Ok(())
}

/// The error where a decoder would take more than the `allowed` bytes.
pub(super) fn too_much(allowed: u64) -> String {
    format!("decoding it takes more memory than the {allowed} bytes allowed for a file of its size")
}

/// A decoder's error on one line.
pub(super) fn one_line(error: &impl ToString) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
