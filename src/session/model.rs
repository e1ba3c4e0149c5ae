//! Models: a packed file, opened. Needs no device.

use crate::error::{Error, Result};
use crate::files::Staged;
use crate::format::{self, Header, Packed};
use crate::graph::Params;
use crate::image::{Pixels, resize_and_crop};
use std::path::Path;
use std::sync::Arc;

/// Aligns the included bytes, so that tensors can be used in place.
#[repr(C, align(64))]
struct AlignedBytes<T: ?Sized>(T);

static BUNDLED: &AlignedBytes<[u8]> = &AlignedBytes(*include_bytes!("../../models/resnet20-cifar10-w2a2.safetensors"));

/// A packed model. Clones share it.
///
/// ```
/// let model = lq_infer::Model::bundled()?;
/// assert_eq!(model.label(8), "ship");
/// assert_eq!(model.header().graph.input_shape().to_string(), "32x32x3");
/// # Ok::<(), lq_infer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    packed: Arc<Packed>,
}

impl Model {
    /// Reads and checks a packed file. It may be changed or removed afterwards.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if it cannot be opened, [`crate::Error::BadModel`] saying what is wrong with it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        format::read(path.as_ref()).map(Self::checked)
    }

    /// A packed file that is in memory, which is copied. Errors give `name` in place of a path.
    ///
    /// # Errors
    /// [`crate::Error::BadModel`] saying what is wrong with it.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        format::read_bytes(bytes, name).map(Self::checked)
    }

    /// The model inside this library: a CIFAR-10 ResNet-20 with 2-bit weights and activations (see
    /// `models/README.md`).
    ///
    /// # Errors
    /// None, unless the library's bytes were damaged.
    pub fn bundled() -> Result<Self> {
        format::read_static(&BUNDLED.0, "bundled model").map(Self::checked)
    }

    /// A model that its reader has checked.
    fn checked(packed: Packed) -> Self {
        Model { packed: Arc::new(packed) }
    }

    /// Writes the model. The file appears whole or not at all.
    ///
    /// # Errors
    /// [`crate::Error::Io`] if it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.stage(path.as_ref())?.commit()
    }

    /// Writes the model, to take the place of `path` once all files that belong together are written.
    pub(crate) fn stage(&self, path: &Path) -> Result<Staged> {
        format::stage(&self.packed, path)
    }

    /// The file that [`Model::save`] writes, for [`Model::from_bytes`].
    ///
    /// # Errors
    /// [`crate::Error::BadModel`] if it cannot be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        format::to_bytes(&self.packed).map_err(|problem| Error::bad_model(Path::new(&self.header().name), problem))
    }

    /// Name, graph, preprocessing, labels, provenance and golden vectors.
    pub fn header(&self) -> &Header {
        &self.packed.header
    }

    /// Everything in the file.
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// The label of a class, or its number where the model has no labels.
    pub fn label(&self, class: usize) -> String {
        self.header().labels.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    /// Checks that the model takes pictures.
    ///
    /// # Errors
    /// [`crate::Error::BadInput`] that says why it does not.
    pub fn need_pixels(&self) -> Result<()> {
        if self.takes_pixels() {
            return Ok(());
        }
        let problem = "the model takes the first layer's tensor only (.npy of f32): the mean image of its training is not \
                       known. Convert it with --mean-image to classify pictures";
        Err(Error::bad_input(Path::new(&self.header().name), problem))
    }

    /// A picture of any size as one image of [`crate::Batch::Pixels`], `[h, w, 3]`: resized and cropped as the model's file
    /// says.
    ///
    /// ```
    /// use lq_infer::{Model, Pixels};
    /// let photo = Pixels::from_rgb(&[200; 3 * 64 * 48], 64, 48, 3 * 64)?;
    /// assert_eq!(Model::bundled()?.preprocess(&photo)?.len(), 32 * 32 * 3);
    /// # Ok::<(), lq_infer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::BadInput`] if the model takes no pictures, [`crate::Error::Usage`] if the picture is not whole.
    pub fn preprocess(&self, picture: &Pixels) -> Result<Vec<u8>> {
        self.need_pixels()?;
        Ok(resize_and_crop(picture, &self.header().preprocess.resize)?.rgb)
    }

    /// Whether the model takes pictures, or only the first layer's tensor.
    pub fn takes_pixels(&self) -> bool {
        self.header().preprocess.normalize.takes_pixels()
    }
}

impl TryFrom<Packed> for Model {
    type Error = Error;

    /// Checks that the parts belong together; they may come from anywhere.
    fn try_from(packed: Packed) -> Result<Self> {
        let bad = |problem: String| Error::bad_model(Path::new(&packed.header.name), problem);
        packed.check().map_err(bad)?;
        Params::new(&packed.header.graph, packed.params.tensors().clone()).map_err(bad)?;
        Ok(Model { packed: Arc::new(packed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_file() {
        let model = Model::bundled().unwrap();
        let bytes = model.to_bytes().unwrap();
        assert!(bytes == BUNDLED.0);
        assert_eq!(Model::from_bytes(&bytes, "copy").unwrap().header().name, model.header().name);
    }
}
