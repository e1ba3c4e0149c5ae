//! The texts of the shaders.

use super::region::Access;
use crate::image::{OPENCV_BITS, PILLOW_BITS};
use crate::lower::PIXEL_ALPHA;

/// Invocations along each edge of a workgroup.
pub(super) const EDGE: u32 = 8;

/// Sums along columns have as many fraction bits by either filter.
const BITS: u32 = PILLOW_BITS;
const _: () = assert!(BITS == 2 * OPENCV_BITS);

/// What the texts of the shaders depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// How the bytes of a texture are read.
    pub access: Access,
    /// Whether sums are rounded as by Pillow, else as by OpenCV.
    pub pillow: bool,
    /// Whether blue is the network's first channel.
    pub bgr: bool,
}

/// The shaders that filter rows and then columns.
pub fn sources(kind: Kind) -> [String; 2] {
    let Kind { access, pillow, bgr } = kind;
    let alpha = i32::from(PIXEL_ALPHA);
    let (swapped, reader) = match access {
        Access::Sampled => (false, include_str!("../../../../../shaders/texture/sampled.wgsl")),
        Access::Copied { swapped } => (swapped, include_str!("../../../../../shaders/texture/copied.wgsl")),
    };
    let shared = include_str!("../../../../../shaders/texture/picture.wgsl");
    let constants = format!(
        "const EDGE: u32 = {EDGE};\nconst BITS: u32 = {BITS};\nconst PILLOW: bool = {pillow};\nconst BGR: bool = {bgr};\n\
         const ALPHA: i32 = {alpha};\nconst SWAPPED: bool = {swapped};\n{shared}"
    );
    let rows = include_str!("../../../../../shaders/texture/rows.wgsl");
    let columns = include_str!("../../../../../shaders/texture/columns.wgsl");
    [format!("{constants}\n{reader}\n{rows}"), format!("{constants}\n{columns}")]
}
