//! Pictures that are on the GPU already: from a caller's texture to the words of the input tensor, within the caller's
//! commands.
//!
//! * `region`: what the caller names, checked; `table`: its resize and crop, as numbers for the shaders; `texts`: these;
//! * `import`: all of it on a device.
//!
//! What counts are the bytes of the texture. Its format may be an sRGB one, and reading that would make the bytes
//! linear. So the caller hands over the texture and not a view of it: here it is viewed in the plain format, or copied
//! to a buffer where its bytes are read as they are.

mod import;
mod region;
mod table;
mod texts;

pub(super) use import::PictureImport;
pub use import::Target;
pub use region::{Access, TexturePicture};
pub use texts::{Kind, sources};
