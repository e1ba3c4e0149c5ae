//! Pictures that are on the GPU already: from a caller's texture to the words of the input tensor, within the
//! caller's commands.
//!
//! What counts are the bytes of the texture. Its format may be an sRGB one, and reading that would make the bytes
//! linear. So the caller hands over the texture and not a view of it: here it is viewed in the plain format, or copied
//! to a buffer where its bytes are read as they are.

use crate::backend::gpu::device::Gpu;
use crate::error::{Error, Result};
use crate::lower::PIXEL_ALPHA;
use crate::tensor::Shape;
use wgpu::TextureFormat::{Bgra8Unorm, Rgba8Unorm};

/// Invocations along each edge of a workgroup.
const EDGE: u32 = 8;

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

/// A compiled import for pictures of one size, to one channel order.
#[derive(Debug)]
pub struct PictureImport {
    pipeline: wgpu::ComputePipeline,
    words: wgpu::Buffer,
    /// The copy of the texture, if the shader reads one.
    copy: Option<wgpu::Buffer>,
    size: [u32; 2],
    bgr: bool,
    access: Access,
}

/// The shader's text for pictures of `height` x `width`; `bgr` is the network's channel order.
pub fn source([height, width]: [u32; 2], bgr: bool, access: Access) -> String {
    let (alpha, row) = (i32::from(PIXEL_ALPHA), bytes_per_row(width) / 4);
    let (swapped, reader) = match access {
        Access::Sampled => (false, include_str!("../../../../shaders/texture/sampled.wgsl")),
        Access::Copied { swapped } => (swapped, include_str!("../../../../shaders/texture/copied.wgsl")),
    };
    let shader = include_str!("../../../../shaders/pixels.wgsl");
    format!(
        "const HEIGHT: u32 = {height};\nconst WIDTH: u32 = {width};\nconst BGR: bool = {bgr};\nconst ALPHA: i32 = {alpha};\n\
         const ROW: u32 = {row};\nconst SWAPPED: bool = {swapped};\n{reader}\n{shader}"
    )
}

/// Bytes from one row of a copied texture to the next.
fn bytes_per_row(width: u32) -> u32 {
    (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT)
}

/// A texture that can be imported, and how.
#[derive(Debug)]
pub struct Picture<'a> {
    texture: &'a wgpu::Texture,
    access: Access,
}

impl<'a> Picture<'a> {
    /// How its bytes are read.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Checks that `texture` has the form of pictures for `input`.
    pub fn new(texture: &'a wgpu::Texture, input: Shape) -> Result<Self> {
        let (format, size, usage) = (texture.format(), texture.size(), texture.usage());
        let wrong = |problem: String| Err(Error::Usage(problem));
        let [height, width] = size_of(input);
        if (size.height, size.width) != (height, width) {
            return wrong(format!("the picture is {}x{}, the network takes {height}x{width}", size.height, size.width));
        }
        let plain = format.remove_srgb_suffix();
        if !matches!(plain, Rgba8Unorm | Bgra8Unorm) {
            return wrong(format!(
                "the picture is {format:?}, expected Rgba8Unorm or Bgra8Unorm, or one of them in sRGB"
            ));
        }
        let single = texture.sample_count() == 1 && size.depth_or_array_layers == 1;
        if texture.dimension() != wgpu::TextureDimension::D2 || !single {
            return wrong("the picture is not a flat texture with a single layer and a single sample".into());
        }
        let [bound, copied] =
            [wgpu::TextureUsages::TEXTURE_BINDING, wgpu::TextureUsages::COPY_SRC].map(|u| usage.contains(u));
        let access = match (bound, copied) {
            (true, _) if plain == format => Access::Sampled,
            (_, true) => Access::Copied { swapped: plain == Bgra8Unorm },
            (true, false) => Access::Sampled,
            (false, false) => {
                return wrong(format!("the picture has usage {usage:?}, expected TEXTURE_BINDING or COPY_SRC"));
            }
        };
        Ok(Picture { texture, access })
    }

    /// The first level of the texture in its plain format.
    fn view(&self, gpu: &Gpu) -> Result<wgpu::TextureView> {
        let format = self.texture.format();
        let descriptor = wgpu::TextureViewDescriptor {
            label: Some("picture"),
            format: Some(format.remove_srgb_suffix()),
            dimension: Some(wgpu::TextureViewDimension::D2),
            usage: Some(wgpu::TextureUsages::TEXTURE_BINDING),
            mip_level_count: Some(1),
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
}

impl PictureImport {
    /// Compiles the import for a network's input; `bgr` is its channel order.
    pub fn new(gpu: &Gpu, input: Shape, bgr: bool, access: Access) -> Result<Self> {
        let size = size_of(input);
        gpu.guarded("compiling pixels", || {
            let device = gpu.device();
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some("pixels"),
                source: wgpu::ShaderSource::Wgsl(source(size, bgr, access).into()),
            });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some("pixels"),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: Default::default(),
                cache: None,
            });
            let buffer = |size: u64, usage| {
                let label = Some("picture");
                let usage = wgpu::BufferUsages::STORAGE | usage;
                device.create_buffer(&wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false })
            };
            let words = buffer(input.pixels() as u64 * 4, wgpu::BufferUsages::COPY_SRC);
            let [height, width] = size.map(u64::from);
            let copy = (access != Access::Sampled)
                .then(|| buffer(height * u64::from(bytes_per_row(width as u32)), wgpu::BufferUsages::COPY_DST));
            PictureImport { pipeline, words, copy, size, bgr, access }
        })
    }

    /// Whether it imports such pictures, for this input and channel order.
    pub fn is_for(&self, picture: &Picture, input: Shape, bgr: bool) -> bool {
        (self.size, self.bgr, self.access) == (size_of(input), bgr, picture.access)
    }

    /// Adds the import of `picture` to the caller's commands and returns the buffer it fills.
    pub fn encode(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, picture: &Picture) -> Result<&wgpu::Buffer> {
        let [height, width] = self.size;
        let bind_group = match &self.copy {
            Some(copy) => {
                let bytes_per_row = Some(bytes_per_row(width));
                let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image: None };
                let to = wgpu::TexelCopyBufferInfo { buffer: copy, layout };
                let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
                gpu.guarded("copying a picture", || {
                    encoder.copy_texture_to_buffer(picture.texture.as_image_copy(), to, size);
                    self.bind(gpu, copy.as_entire_binding())
                })?
            }
            None => {
                let view = picture.view(gpu)?;
                gpu.guarded("binding a picture", || self.bind(gpu, wgpu::BindingResource::TextureView(&view)))?
            }
        };
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(width.div_ceil(EDGE), height.div_ceil(EDGE), 1);
        Ok(&self.words)
    }

    fn bind(&self, gpu: &Gpu, picture: wgpu::BindingResource) -> wgpu::BindGroup {
        gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("picture"),
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: picture },
                wgpu::BindGroupEntry { binding: 1, resource: self.words.as_entire_binding() },
            ],
        })
    }
}

/// Height and width.
fn size_of(input: Shape) -> [u32; 2] {
    [input.h as u32, input.w as u32]
}
