//! From files to pictures, and to what fits a texture.

use crate::state::Picture;
use lq_infer::{Model, Pixels};
use std::path::Path;
use std::sync::Arc;

/// Longest edge of a picture on display.
const LONGEST: usize = 1024;

/// Opens a picture and makes what is shown of it for a network of `model`. A message names the file and says what is wrong with it.
pub(crate) fn open(path: &Path, model: &Model) -> Result<Arc<Picture>, String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let told = |error: lq_infer::Error| error.to_string();
    let pixels = Pixels::open(path).map_err(told)?;
    let input = model.header().graph.input_shape();
    let rgb = model.preprocess(&pixels).map_err(told)?;
    let seen = Pixels { height: input.h, width: input.w, rgb };
    Ok(Arc::new(Picture { name, shown: shrunk(&pixels, LONGEST), seen: shrunk(&seen, LONGEST), pixels }))
}

/// A smaller picture with edges of at most `most` pixels, for display: each of its pixels is the mean of a rectangle. (The network
/// gets its own picture from the library.)
fn shrunk(pixels: &Pixels, most: usize) -> Pixels {
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
    fn a_picture_comes_with_what_the_network_sees_of_it() {
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../ship.png"));
        let picture = open(file, &Model::bundled().unwrap()).unwrap();
        assert_eq!((picture.name.as_str(), picture.pixels.width, picture.pixels.height), ("ship.png", 320, 240));
        assert_eq!(picture.shown, picture.pixels);
        assert_eq!((picture.seen.width, picture.seen.height, picture.seen.rgb.len()), (32, 32, 3072));
    }

    #[test]
    fn files_that_are_no_pictures_are_named() {
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let problem = open(file, &Model::bundled().unwrap()).unwrap_err();
        assert!(problem.contains("Cargo.toml"), "{problem}");
    }
}
