//! Pictures in memory.

use crate::error::{Error, Result};

/// An 8-bit RGB picture of any size.
///
/// ```
/// use lq_infer::Pixels;
///
/// // A window system's buffer: two pixels a row, rows padded to 16 bytes.
/// let buffer = [1, 2, 3, 255, 4, 5, 6, 255, 0, 0, 0, 0, 0, 0, 0, 0, 7, 8, 9, 255, 10, 11, 12, 255];
/// let picture = Pixels::from_bgra(&buffer, 2, 2, 16)?;
/// assert_eq!(picture.rgb, [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10]);
/// # Ok::<(), lq_infer::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `[height, width, 3]`: row by row from the top, each pixel as red, green, blue.
    pub rgb: Vec<u8>,
}

impl Pixels {
    /// A picture from bytes in the order red, green, blue. `stride` is the number of bytes from the start of one row
    /// to the start of the next: `3 * width` where rows are not padded.
    ///
    /// # Errors
    /// [`Error::Usage`] if the picture has no pixels, `stride` is less than a row, or `bytes` are too few.
    pub fn from_rgb(bytes: &[u8], width: usize, height: usize, stride: usize) -> Result<Self> {
        Self::from_rows(bytes, [width, height, stride], |&[r, g, b]| [r, g, b])
    }

    /// As [`Pixels::from_rgb`], from red, green, blue, alpha. Alpha is ignored; `stride` is at least `4 * width`.
    ///
    /// # Errors
    /// As [`Pixels::from_rgb`].
    pub fn from_rgba(bytes: &[u8], width: usize, height: usize, stride: usize) -> Result<Self> {
        Self::from_rows(bytes, [width, height, stride], |&[r, g, b, _]| [r, g, b])
    }

    /// As [`Pixels::from_rgb`], from blue, green, red, alpha. Alpha is ignored; `stride` is at least `4 * width`.
    ///
    /// # Errors
    /// As [`Pixels::from_rgb`].
    pub fn from_bgra(bytes: &[u8], width: usize, height: usize, stride: usize) -> Result<Self> {
        Self::from_rows(bytes, [width, height, stride], |&[b, g, r, _]| [r, g, b])
    }

    /// Rows of pixels of `N` bytes, each made red, green, blue by `rgb`.
    fn from_rows<const N: usize>(bytes: &[u8], size: [usize; 3], rgb: impl Fn(&[u8; N]) -> [u8; 3]) -> Result<Self> {
        let [width, height, stride] = size;
        let invalid = |problem: String| Error::Usage(format!("a picture of {width} x {height} pixels {problem}"));
        if width == 0 || height == 0 {
            return Err(invalid("is empty".into()));
        }
        let too_large = || invalid(format!("with a stride of {stride} bytes is larger than any memory"));
        let row = width.checked_mul(N).ok_or_else(too_large)?;
        if stride < row {
            return Err(invalid(format!("has a stride of {stride} bytes, but a row takes {row} ({N} for each pixel)")));
        }
        let needed = (height - 1).checked_mul(stride).and_then(|rows| rows.checked_add(row)).ok_or_else(too_large)?;
        if bytes.len() < needed {
            let found = bytes.len();
            return Err(invalid(format!(
                "with a stride of {stride} bytes takes {needed} bytes, but {found} were given"
            )));
        }
        let rows = bytes.chunks(stride).take(height).filter_map(|bytes| bytes.get(..row));
        Ok(Pixels { height, width, rgb: rows.flat_map(|row| row.as_chunks::<N>().0).flat_map(rgb).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn rows_may_be_padded_and_the_last_one_may_end_early() {
        let bytes = [1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12];
        let rgb: Vec<u8> = (1..=12).collect();
        assert_eq!(Pixels::from_rgb(&bytes, 2, 2, 7).unwrap(), Pixels { height: 2, width: 2, rgb });
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(Pixels::from_rgba(&bytes, 1, 2, 4).unwrap().rgb, [1, 2, 3, 5, 6, 7]);
        assert_eq!(Pixels::from_bgra(&bytes, 2, 1, 8).unwrap().rgb, [3, 2, 1, 7, 6, 5]);
        assert_eq!(Pixels::from_rgb(&bytes, 1, 1, 3).unwrap().rgb, [1, 2, 3]);
    }

    #[test]
    fn sizes_that_do_not_match_are_refused() {
        let most = usize::MAX;
        for (bytes, width, height, stride, problem) in [
            (12, 0, 2, 6, "a picture of 0 x 2 pixels is empty"),
            (12, 2, 0, 6, "a picture of 2 x 0 pixels is empty"),
            (12, 2, 2, 5, "has a stride of 5 bytes, but a row takes 6 (3 for each pixel)"),
            (12, 2, 2, 0, "has a stride of 0 bytes"),
            (11, 2, 2, 6, "with a stride of 6 bytes takes 12 bytes, but 11 were given"),
            (12, 2, 2, 7, "with a stride of 7 bytes takes 13 bytes, but 12 were given"),
            (0, 1, 1, 3, "takes 3 bytes, but 0 were given"),
            (12, most, 2, most, "is larger than any memory"),
            (12, 1, most, 3, "is larger than any memory"),
            (12, 2, 3, most, "is larger than any memory"),
        ] {
            let error = Pixels::from_rgb(&vec![0; bytes], width, height, stride).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(problem), "{error}, expected: {problem}");
        }
    }
}
