//! The digest of logits.

use crate::pointers::{array, array_mut, room_for};
use crate::status::{Status, outcome};
use lq_infer::Digest;
use std::ffi::c_char;

/// Bytes of a digest as text, with the zero byte at its end.
pub const LQ_DIGEST_SIZE: usize = 65;

/// SHA-256 of `numbers` logits with the low byte first, in hex: the same on every device. Of the logits of one image,
/// it is what `lq-infer --logits --json` prints. `digest` is room for `room` bytes, at least LQ_DIGEST_SIZE, of which
/// none is written on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_digest(logits: *const f32, numbers: usize, digest: *mut c_char, room: usize) -> Status {
    // SAFETY: the caller gives so many logits, and room for so many bytes.
    outcome(|| unsafe {
        let (logits, out) = (array(logits, numbers, "logits")?, array_mut(digest.cast::<u8>(), room, "digest")?);
        let text = Digest::of(logits) + "\0";
        room_for(out, text.len(), "bytes")?.copy_from_slice(text.as_bytes());
        Ok(())
    })
}
