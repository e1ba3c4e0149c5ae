//! Pictures that are on the GPU already: from a caller's texture to the words of the input tensor, within the
//! caller's commands.

use crate::backend::gpu::device::Gpu;
use crate::error::{Error, Result};
use crate::lower::PIXEL_ALPHA;
use crate::tensor::Shape;

/// Invocations along each edge of a workgroup.
const EDGE: u32 = 8;

/// A compiled import for pictures of one size, to one channel order.
#[derive(Debug)]
pub struct PictureImport {
    pipeline: wgpu::ComputePipeline,
    words: wgpu::Buffer,
    size: [u32; 2],
    bgr: bool,
}

/// The shader's text for pictures of `height` x `width`; `bgr` is the network's channel order.
pub fn source(height: u32, width: u32, bgr: bool) -> String {
    let shader = include_str!("../../../../shaders/pixels.wgsl");
    let alpha = i32::from(PIXEL_ALPHA);
    format!(
        "const HEIGHT: u32 = {height};\nconst WIDTH: u32 = {width};\nconst BGR: bool = {bgr};\nconst ALPHA: i32 = {alpha};\n{shader}"
    )
}

impl PictureImport {
    /// Compiles the import for a network's input; `bgr` is its channel order.
    pub fn new(gpu: &Gpu, input: Shape, bgr: bool) -> Result<Self> {
        let size = size_of(input);
        gpu.guarded("compiling pixels", || {
            let device = gpu.device();
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some("pixels"),
                source: wgpu::ShaderSource::Wgsl(source(size[0], size[1], bgr).into()),
            });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some("pixels"),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: Default::default(),
                cache: None,
            });
            let words = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("picture"),
                size: input.pixels() as u64 * 4,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            });
            PictureImport { pipeline, words, size, bgr }
        })
    }

    /// Whether it imports pictures for this input and channel order.
    pub fn is_for(&self, input: Shape, bgr: bool) -> bool {
        (self.size, self.bgr) == (size_of(input), bgr)
    }

    /// Adds the import of `picture` to the caller's commands and returns the buffer it fills.
    pub fn encode(
        &self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        picture: &wgpu::TextureView,
    ) -> Result<&wgpu::Buffer> {
        let texture = picture.texture();
        let ([height, width], size) = (self.size, texture.size());
        if (size.height, size.width) != (height, width) {
            let problem = format!("the picture is {}x{}, the network takes {height}x{width}", size.height, size.width);
            return Err(Error::Usage(problem));
        }
        use wgpu::TextureFormat::{Bgra8Unorm, Rgba8Unorm};
        // Reading an sRGB format would make it linear, and mip levels below the first are smaller.
        if !matches!(texture.format(), Rgba8Unorm | Bgra8Unorm) || texture.mip_level_count() != 1 {
            let (format, levels) = (texture.format(), texture.mip_level_count());
            let problem =
                format!("the picture is {format:?} of {levels} levels, expected Rgba8Unorm or Bgra8Unorm of one");
            return Err(Error::Usage(problem));
        }
        let bind_group = gpu.guarded("binding a picture", || {
            gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("picture"),
                layout: &self.pipeline.get_bind_group_layout(0),
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::TextureView(picture) },
                    wgpu::BindGroupEntry { binding: 1, resource: self.words.as_entire_binding() },
                ],
            })
        })?;
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(width.div_ceil(EDGE), height.div_ceil(EDGE), 1);
        Ok(&self.words)
    }
}

/// Height and width.
fn size_of(input: Shape) -> [u32; 2] {
    [input.h as u32, input.w as u32]
}
