//! From files to pictures, and to what fits a texture.

use crate::state::Picture;
use lq_infer::Pixels;
use std::path::Path;
use std::sync::Arc;

/// Opens a picture. A message names the file and says what is wrong with it.
pub(crate) fn open(path: &Path) -> Result<Arc<Picture>, String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let pixels = Pixels::open(path).map_err(|error| error.to_string())?;
    Ok(Arc::new(Picture { name, pixels }))
}

/// A smaller picture with edges of at most `most` pixels, for display: each of its pixels is the mean of a rectangle. (The network
/// gets its own picture from the library.)
pub(crate) fn shrunk(pixels: &Pixels, most: usize) -> Pixels {
    let scale = pixels.width.max(pixels.height).div_ceil(most.max(1)).max(1);
    let (width, height) = (pixels.width.div_ceil(scale), pixels.height.div_ceil(scale));
    let mut rgb = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            rgb.extend(mean(pixels, x * scale, y * scale, scale));
        }
    }
    Pixels { height, width, rgb }
}

/// The mean of the square of `size` pixels at `(left, top)`, as far as it lies within the picture.
fn mean(pixels: &Pixels, left: usize, top: usize, size: usize) -> [u8; 3] {
    let right = (left + size).min(pixels.width);
    let mut sums = [0; 3];
    let mut count = 0;
    for y in top..(top + size).min(pixels.height) {
        for pixel in pixels.rgb[3 * (y * pixels.width + left)..3 * (y * pixels.width + right)].as_chunks().0 {
            let [r, g, b]: [u8; 3] = *pixel;
            sums = [sums[0] + u64::from(r), sums[1] + u64::from(g), sums[2] + u64::from(b)];
            count += 1;
        }
    }
    sums.map(|sum| ((sum + count / 2) / count) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pictures_stay_as_they_are() {
        let picture = Pixels { width: 3, height: 2, rgb: (0..18).collect() };
        assert_eq!(shrunk(&picture, 3), picture);
    }

    #[test]
    fn large_ones_become_means_also_where_the_last_rectangle_is_cut_off() {
        let grey = |values: &[u8]| values.iter().flat_map(|&v| [v; 3]).collect();
        let picture = Pixels { width: 5, height: 2, rgb: grey(&[10, 20, 50, 50, 7, 30, 40, 50, 51, 8]) };
        // 50.25 is rounded down, 7.5 up.
        assert_eq!(shrunk(&picture, 3), Pixels { width: 3, height: 1, rgb: grey(&[25, 50, 8]) });
    }

    #[test]
    fn files_that_are_no_pictures_are_named() {
        let problem = open(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).unwrap_err();
        assert!(problem.contains("Cargo.toml"), "{problem}");
    }
}
