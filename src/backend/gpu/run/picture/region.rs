//! What a caller names: a rectangle of a texture.

use crate::backend::gpu::device::Gpu;
use crate::error::{Error, Result};
use crate::graph::preprocess::Resize;
use crate::image::Separable;
use crate::tensor::Shape;
use wgpu::TextureFormat::{Bgra8Unorm, Rgba8Unorm};

/// How the shader gets at the bytes of a texture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It reads the texture.
    Sampled,
    /// It reads a copy in a buffer, in which blue comes first if this is set.
    Copied {
        /// Whether the texture stores blue first.
        swapped: bool,
    },
}

/// A picture in a texture: all of its first layer, unless said otherwise, to be resized and cropped as the model's file says.
///
/// The texture's format is `Rgba8Unorm`, `Bgra8Unorm`, or one of these in sRGB; whichever it is, its bytes count. It needs
/// usage `TEXTURE_BINDING` or `COPY_SRC`. In sRGB `TEXTURE_BINDING` alone is not enough, unless the texture was made with
/// its plain format among its `view_formats`; nor for one of several layers in OpenGL. Of several mip levels the first is read.
#[derive(Clone, Copy, Debug)]
pub struct TexturePicture<'a> {
    texture: &'a wgpu::Texture,
    layer: u32,
    /// Left, top, width and height.
    rectangle: [u32; 4],
    as_is: bool,
}

impl<'a> TexturePicture<'a> {
    /// All of the first layer of `texture`.
    pub fn new(texture: &'a wgpu::Texture) -> Self {
        TexturePicture { texture, layer: 0, rectangle: [0, 0, texture.width(), texture.height()], as_is: false }
    }

    /// The same of another layer of an array texture.
    #[must_use]
    pub fn layer(self, layer: u32) -> Self {
        TexturePicture { layer, ..self }
    }

    /// Only the rectangle of `width` x `height` pixels with its top left corner at (`left`, `top`).
    #[must_use]
    pub fn rectangle(self, left: u32, top: u32, width: u32, height: u32) -> Self {
        TexturePicture { rectangle: [left, top, width, height], ..self }
    }

    /// Neither resized nor cropped: it has the size that the network takes.
    #[must_use]
    pub fn as_is(self) -> Self {
        TexturePicture { as_is: true, ..self }
    }

    /// Checks the texture and its usage; which way its bytes are read.
    pub(super) fn access(&self, gpu: &Gpu) -> Result<Access> {
        let (format, usage) = (self.texture.format(), self.texture.usage());
        let plain = format.remove_srgb_suffix();
        if !matches!(plain, Rgba8Unorm | Bgra8Unorm) {
            let problem =
                format!("the picture is {format:?}, expected Rgba8Unorm or Bgra8Unorm, or one of them in sRGB");
            return Err(Error::Usage(problem));
        }
        self.check_place()?;
        let [bound, copied] =
            [wgpu::TextureUsages::TEXTURE_BINDING, wgpu::TextureUsages::COPY_SRC].map(|u| usage.contains(u));
        // OpenGL binds whole textures, and one of several layers is something else to the shader than one alone.
        let among_layers = gpu.info().api == "gl" && self.texture.depth_or_array_layers() > 1;
        match (bound, copied) {
            (true, _) if plain == format && !among_layers => Ok(Access::Sampled),
            (true, false) if among_layers => {
                Err(Error::Usage("in OpenGL, a picture that is one of several layers needs usage COPY_SRC".into()))
            }
            (_, true) => Ok(Access::Copied { swapped: plain == Bgra8Unorm }),
            (true, false) => Ok(Access::Sampled),
            (false, false) => {
                Err(Error::Usage(format!("the picture has usage {usage:?}, expected TEXTURE_BINDING or COPY_SRC")))
            }
        }
    }

    /// Checks that the texture is flat and has the rectangle.
    fn check_place(&self) -> Result<()> {
        let size = self.texture.size();
        if self.texture.dimension() != wgpu::TextureDimension::D2 || self.texture.sample_count() != 1 {
            return Err(Error::Usage("the picture is not a flat texture with a single sample".into()));
        }
        if self.layer >= size.depth_or_array_layers {
            let (layer, layers) = (self.layer, size.depth_or_array_layers);
            return Err(Error::Usage(format!("the picture is layer {layer} of a texture that has {layers}")));
        }
        let [left, top, width, height] = self.rectangle.map(u64::from);
        let inside = left + width <= u64::from(size.width) && top + height <= u64::from(size.height);
        if !inside || width == 0 || height == 0 {
            return Err(Error::Usage(format!(
                "the picture is the rectangle of {width} x {height} pixels at ({left}, {top}) of a texture of {} x {}",
                size.width, size.height
            )));
        }
        Ok(())
    }

    /// How it becomes what the network of this input takes.
    pub(super) fn resize(&self, input: Shape, rule: &Resize) -> Result<Separable> {
        let [.., width, height] = self.rectangle.map(|n| n as usize);
        if !self.as_is {
            return Separable::new([height, width], rule);
        }
        if (height, width) != (input.h, input.w) {
            let problem = format!("the picture is {height}x{width}, the network takes {}x{}", input.h, input.w);
            return Err(Error::Usage(problem));
        }
        Ok(Separable::as_is([height, width]))
    }

    /// Height and width.
    pub(super) fn size(&self) -> [u32; 2] {
        let [.., width, height] = self.rectangle;
        [height, width]
    }

    pub(super) fn is_as_is(&self) -> bool {
        self.as_is
    }

    /// Left and top.
    pub(super) fn origin(&self) -> [u32; 2] {
        let [left, top, ..] = self.rectangle;
        [left, top]
    }

    /// The layer in its plain format.
    pub(super) fn view(&self, gpu: &Gpu) -> Result<wgpu::TextureView> {
        let format = self.texture.format();
        let descriptor = wgpu::TextureViewDescriptor {
            label: Some("picture"),
            format: Some(format.remove_srgb_suffix()),
            dimension: Some(wgpu::TextureViewDimension::D2),
            usage: Some(wgpu::TextureUsages::TEXTURE_BINDING),
            mip_level_count: Some(1),
            base_array_layer: self.layer,
            array_layer_count: Some(1),
            ..Default::default()
        };
        gpu.guarded("viewing a picture", || self.texture.create_view(&descriptor)).map_err(|error| match error {
            Error::Device { .. } if format.is_srgb() => Error::Usage(format!(
                "the bytes of the picture cannot be read: a texture in {format:?} needs usage COPY_SRC, or {:?} among its \
                 view formats",
                format.remove_srgb_suffix()
            )),
            other => other,
        })
    }

    /// The first level of the layer, from row `first` of the rectangle on, to copy from.
    pub(super) fn rows_from(&self, first: u32) -> wgpu::TexelCopyTextureInfo<'a> {
        let [left, top, ..] = self.rectangle;
        let origin = wgpu::Origin3d { x: left, y: top + first, z: self.layer };
        wgpu::TexelCopyTextureInfo { origin, ..self.texture.as_image_copy() }
    }
}
