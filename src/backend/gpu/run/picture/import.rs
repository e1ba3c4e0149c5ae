//! The shaders and buffers that bring pictures from textures to the input tensor. Buffers are used again: what a
//! submission reads, it has written before.

use super::region::{Access, TexturePicture};
use super::table::Table;
use super::texts::{EDGE, Kind, sources};
use crate::backend::gpu::device::Gpu;
use crate::backend::gpu::run::buffers::{buffer, filled};
use crate::error::Result;
use crate::graph::preprocess::Resize;
use crate::image::Separable;
use crate::tensor::Shape;
use std::sync::Arc;
use wgpu::BufferUsages;

/// Sizes of pictures whose numbers are kept.
const KEPT: usize = 8;

/// What a network's input is, and how pictures become it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The input.
    pub input: Shape,
    /// The model's resize and crop.
    pub resize: Resize,
    /// Whether blue is the network's first channel.
    pub bgr: bool,
}

/// Everything that was made so far.
#[derive(Debug, Default)]
pub(in crate::backend::gpu::run) struct PictureImport {
    compiled: Vec<Compiled>,
    /// The one used last comes last.
    tables: Vec<Arc<Loaded>>,
    copy: Option<wgpu::Buffer>,
    filtered: Option<wgpu::Buffer>,
    words: Option<wgpu::Buffer>,
}

/// The pipelines of one kind.
#[derive(Debug)]
struct Compiled {
    kind: Kind,
    pipelines: [wgpu::ComputePipeline; 2],
}

/// The table for pictures of one size, on the device.
#[derive(Debug)]
struct Loaded {
    size: [u32; 2],
    as_is: bool,
    resize: Resize,
    table: Table,
    buffer: wgpu::Buffer,
}

impl PictureImport {
    /// Adds the import of `pictures` to the caller's commands and returns the buffer that they fill, one after the other.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) if one of them is not as described; then nothing is added. Device errors.
    pub(in crate::backend::gpu::run) fn encode(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        pictures: &[TexturePicture],
        target: &Target,
    ) -> Result<wgpu::Buffer> {
        let accesses = pictures.iter().map(|picture| picture.access(gpu)).collect::<Result<Vec<_>>>()?;
        let tables = pictures.iter().map(|picture| self.table(gpu, picture, target)).collect::<Result<Vec<_>>>()?;
        let pixels = target.input.pixels();
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let words = at_least(&mut self.words, gpu, "pictures", pictures.len() * pixels, usage)?;
        for (at, ((picture, access), loaded)) in pictures.iter().zip(accesses).zip(tables).enumerate() {
            let kind = Kind { access, pillow: loaded.table.pillow, bgr: target.bgr };
            self.add(gpu, encoder, picture, kind, &loaded, (&words, at * pixels))?;
        }
        Ok(words)
    }

    /// Adds the import of one picture, whose words start at number `first` of `words`.
    fn add(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        picture: &TexturePicture,
        kind: Kind,
        loaded: &Loaded,
        (words, first): (&wgpu::Buffer, usize),
    ) -> Result<()> {
        let table = &loaded.table;
        let [width, height] = table.crop;
        let samples = 3 * width as usize * table.needed_rows as usize;
        let filtered = at_least(&mut self.filtered, gpu, "filtered rows", samples, BufferUsages::STORAGE)?;
        let pitch = wgpu::util::align_to(4 * table.source[0], wgpu::COPY_BYTES_PER_ROW_ALIGNMENT) / 4;
        let [left, top] = picture.origin();
        // A copy has just the rectangle's rows that are needed.
        let origin = if kind.access == Access::Sampled { [left, top + table.first_row] } else { [0, 0] };
        let [source_width, source_height] = table.source;
        let uniform = [
            [source_width, source_height, width, height],
            [origin[0], origin[1], table.first_row, table.needed_rows],
            [first as u32, table.vector, pitch, 0],
        ];
        let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let uniform = filled(gpu, "picture", uniform.as_flattened(), usage)?;
        let texels = if kind.access == Access::Sampled {
            Texels::View(picture.view(gpu)?)
        } else {
            Texels::Copy(self.copied(gpu, encoder, picture, table, pitch)?)
        };
        let [rows, columns] = self.pipelines(gpu, kind)?;
        gpu.guarded("importing a picture", || {
            let shared = [(1, loaded.buffer.as_entire_binding()), (2, filtered.as_entire_binding())];
            let own = [(3, uniform.as_entire_binding())];
            let first = [(0, texels.resource())].into_iter().chain(shared.clone()).chain(own.clone()).collect();
            let second = shared.into_iter().chain(own).chain([(4, words.as_entire_binding())]).collect();
            dispatch(gpu, encoder, rows, first, [width, table.needed_rows]);
            dispatch(gpu, encoder, columns, second, [width, height]);
        })
    }

    /// The rows of a texture's rectangle that are needed, in a buffer.
    fn copied(
        &mut self,
        gpu: &Gpu,
        encoder: &mut wgpu::CommandEncoder,
        picture: &TexturePicture,
        table: &Table,
        pitch: u32,
    ) -> Result<wgpu::Buffer> {
        let words = pitch as usize * table.needed_rows as usize;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let copy = at_least(&mut self.copy, gpu, "copied picture", words, usage)?;
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * pitch), rows_per_image: None };
        let to = wgpu::TexelCopyBufferInfo { buffer: &copy, layout };
        let size = wgpu::Extent3d { width: table.source[0], height: table.needed_rows, depth_or_array_layers: 1 };
        gpu.guarded("copying a picture", || {
            encoder.copy_texture_to_buffer(picture.rows_from(table.first_row), to, size);
        })?;
        Ok(copy)
    }

    /// The numbers for pictures of this size, loaded if they are not there.
    fn table(&mut self, gpu: &Gpu, picture: &TexturePicture, target: &Target) -> Result<Arc<Loaded>> {
        let (size, as_is, resize) = (picture.size(), picture.is_as_is(), target.resize);
        let known = self.tables.iter().position(|t| (t.size, t.as_is, t.resize) == (size, as_is, resize));
        let loaded = match known {
            Some(at) => self.tables.remove(at),
            None => {
                let how = picture.resize(target.input, &resize)?;
                Arc::new(Loaded::new(gpu, &how, (size, as_is, resize))?)
            }
        };
        if self.tables.len() >= KEPT {
            self.tables.remove(0);
        }
        self.tables.push(loaded.clone());
        Ok(loaded)
    }

    fn pipelines(&mut self, gpu: &Gpu, kind: Kind) -> Result<&[wgpu::ComputePipeline; 2]> {
        let at = match self.compiled.iter().position(|compiled| compiled.kind == kind) {
            Some(at) => at,
            None => {
                self.compiled.push(Compiled::new(gpu, kind)?);
                self.compiled.len() - 1
            }
        };
        Ok(&self.compiled[at].pipelines)
    }
}

/// What the shader reads.
enum Texels {
    View(wgpu::TextureView),
    Copy(wgpu::Buffer),
}

impl Texels {
    fn resource(&self) -> wgpu::BindingResource<'_> {
        match self {
            Texels::View(view) => wgpu::BindingResource::TextureView(view),
            Texels::Copy(buffer) => buffer.as_entire_binding(),
        }
    }
}

impl Compiled {
    fn new(gpu: &Gpu, kind: Kind) -> Result<Self> {
        let compile = |source: String| {
            let module = gpu.device().create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some("picture"),
                source: wgpu::ShaderSource::Wgsl(source.into()),
            });
            gpu.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some("picture"),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: Default::default(),
                cache: None,
            })
        };
        let pipelines = gpu.guarded("compiling the import of pictures", || sources(kind).map(compile))?;
        Ok(Compiled { kind, pipelines })
    }
}

impl Loaded {
    fn new(gpu: &Gpu, how: &Separable, (size, as_is, resize): ([u32; 2], bool, Resize)) -> Result<Self> {
        let table = Table::new(how);
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let buffer = filled(gpu, "resize", bytemuck::cast_slice(&table.words), usage)?;
        Ok(Loaded { size, as_is, resize, table, buffer })
    }
}

/// The buffer in `kept`, replaced if it is too small.
fn at_least(
    kept: &mut Option<wgpu::Buffer>,
    gpu: &Gpu,
    label: &str,
    words: usize,
    usage: BufferUsages,
) -> Result<wgpu::Buffer> {
    if let Some(large) = kept.as_ref().filter(|kept| kept.size() >= 4 * words as u64) {
        return Ok(large.clone());
    }
    let new = buffer(gpu, label, words, usage)?;
    Ok(kept.insert(new).clone())
}

/// Adds one dispatch, of an invocation for each of `width` x `height` pixels.
fn dispatch(
    gpu: &Gpu,
    encoder: &mut wgpu::CommandEncoder,
    pipeline: &wgpu::ComputePipeline,
    resources: Vec<(u32, wgpu::BindingResource)>,
    [width, height]: [u32; 2],
) {
    let entries = resources.into_iter().map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource });
    let bind_group = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("picture"),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries.collect::<Vec<_>>(),
    });
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, &bind_group, &[]);
    pass.dispatch_workgroups(width.div_ceil(EDGE), height.div_ceil(EDGE), 1);
}
