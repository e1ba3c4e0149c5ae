//! Files of other kinds, known by how they begin.

/// Bytes from which a kind is told.
pub(super) const HEAD: usize = 16;

/// What a file is that is certainly no safetensors file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    Picture,
    /// Of PyTorch, TensorFlow or Keras.
    Checkpoint,
    NumpyArray,
    Json,
    Gzip,
}

impl Foreign {
    /// The kind of a file that begins like this.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        const KINDS: [(&[u8], Foreign); 14] = [
            (b"\x89PNG\r\n", Foreign::Picture),
            (b"\xff\xd8\xff", Foreign::Picture),
            (b"GIF8", Foreign::Picture),
            (b"RIFF", Foreign::Picture),
            (b"II*\0", Foreign::Picture),
            (b"MM\0*", Foreign::Picture),
            (b"P5", Foreign::Picture),
            (b"P6", Foreign::Picture),
            (b"PK\x03\x04", Foreign::Checkpoint),
            (b"\x80\x02", Foreign::Checkpoint),
            (b"\x89HDF", Foreign::Checkpoint),
            (b"\x93NUMPY", Foreign::NumpyArray),
            (b"{", Foreign::Json),
            (b"\x1f\x8b", Foreign::Gzip),
        ];
        // A safetensors file begins with the length of its header, below 2^32, and a "{".
        let is_safetensors = head.get(4..9) == Some(b"\0\0\0\0{");
        KINDS.iter().find(|(start, _)| head.starts_with(start) && !is_safetensors).map(|(_, kind)| *kind)
    }

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Foreign::Picture => "a picture",
            Foreign::Checkpoint => "a checkpoint in another format",
            Foreign::NumpyArray => "a NumPy array",
            Foreign::Json => "text",
            Foreign::Gzip => "compressed with gzip",
        }
    }
}
