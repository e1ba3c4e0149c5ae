//! Shaders to pipelines, several at a time.

use super::cache::{Store, hash};
use super::context::Gpu;
use super::record::{Dispatch, Recording};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

/// A compiled shader and the layout of its buffers.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// Pipelines by shader text.
pub type Pipelines = HashMap<Arc<str>, Pipeline>;

/// Compiles every distinct shader of a recording; `progress` is told (done, total).
///
/// Threads of its own instead of a pool's: the caller may sit on the pool's only worker, and `progress` stays on its
/// thread.
pub fn compile(gpu: &Gpu, recording: &Recording, progress: &dyn Fn(usize, usize)) -> Result<Pipelines> {
    let wanted = recording.pipelines();
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(wanted.len());
    let next = AtomicUsize::new(0);
    let mut pipelines = Pipelines::new();
    let kept = Kept::new(gpu, &wanted);
    progress(0, wanted.len());
    std::thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..threads {
            let (sender, next, wanted, kept) = (sender.clone(), &next, &wanted, &kept);
            scope.spawn(move || {
                while let Some(dispatch) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sender
                        .send((dispatch.source.clone(), pipeline(gpu, dispatch, kept.as_ref().map(|k| &k.cache))))
                        .is_err()
                    {
                        return; // another shader failed
                    }
                }
            });
        }
        drop(sender);
        for (source, result) in results {
            pipelines.insert(source, result?);
            progress(pipelines.len(), wanted.len());
        }
        Ok::<_, Error>(())
    })?;
    kept.iter().for_each(Kept::keep);
    Ok(pipelines)
}

/// The driver's cache of these pipelines, where the API has one.
struct Kept<'a> {
    store: &'a Store,
    name: String,
    read: Option<Vec<u8>>,
    cache: wgpu::PipelineCache,
}

/// Name of the files with pipelines.
const FILE: &str = "pipelines";

impl<'a> Kept<'a> {
    /// What was kept the last time.
    #[allow(unsafe_code)]
    fn new(gpu: &'a Gpu, wanted: &[&Dispatch]) -> Option<Self> {
        let store = gpu.store().filter(|_| gpu.device().features().contains(wgpu::Features::PIPELINE_CACHE))?;
        let name = hash(wanted.iter().map(|dispatch| dispatch.source.as_bytes()));
        let read = store.read(FILE, &name);
        let descriptor = wgpu::PipelineCacheDescriptor { label: None, data: read.as_deref(), fallback: true };
        // SAFETY: the data is what `get_data` gave for the same device and driver, whose names are part of the file's: the
        // checksum says that it is whole. wgpu and the driver check their own headers besides.
        let cache =
            gpu.guarded("reading kept pipelines", || unsafe { gpu.device().create_pipeline_cache(&descriptor) });
        Some(Kept { store, name, read, cache: cache.ok()? })
    }

    fn keep(&self) {
        let data = self.cache.get_data();
        if let Some(data) = data.filter(|data| self.read.as_ref() != Some(data)) {
            self.store.write(FILE, &self.name, &data);
        }
    }
}

fn pipeline(gpu: &Gpu, dispatch: &Dispatch, cache: Option<&wgpu::PipelineCache>) -> Result<Pipeline> {
    gpu.guarded(&format!("compiling {}", dispatch.kernel), || {
        let device = gpu.device();
        let module = shader_module(device, dispatch);
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(dispatch.kernel),
            entries: &layout_entries(dispatch),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(dispatch.kernel),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(dispatch.kernel),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache,
        });
        Pipeline { pipeline, layout }
    })
}

/// A module without the guards that wgpu puts into shaders it does not know: they keep drivers from unrolling loops.
#[allow(unsafe_code)]
fn shader_module(device: &wgpu::Device, dispatch: &Dispatch) -> wgpu::ShaderModule {
    let source = wgpu::ShaderSource::Wgsl(dispatch.source.as_ref().into());
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(dispatch.kernel), source };
    // SAFETY: the text is made of this crate's files and of constants of a plan; nothing of it comes from a model file as
    // text. What the checks would catch cannot happen, because `compile` takes only a `Recording`, whose fields are private and
    // whose one constructor for programs, `Recording::new`, takes a `Plan`; and a `Plan` holds only a program that its one
    // constructor, `Plan::new`, has passed through `Program::check`, and never lends it for writing:
    // * Bounds: an index of a buffer is a polynomial in the constants, the shape (a uniform that only `engine` fills, with
    //   numbers of the plan) and the invocation's coordinates. Each kernel returns before its first access unless the
    //   invocation is below images * PER_IMAGE; coordinates outside the input or beyond the last channel are replaced
    //   before they are used; where all invocations of a subgroup have to go on, those beyond do the last one's work again.
    //   Constants that a subgroup shares are followed by as many vectors as it may read too many. `fit` has made every slot hold max_batch images of every tensor in it, with indices below
    //   2^31, and `GpuNet::encode` refuses larger batches. Tables and weights are as long as the shape says (`kernels`),
    //   and ranks are below LEVELS.
    // * Loops: every loop counts up to (or halves down from) a number of the constants or the shape, which are extents of
    //   tensors and windows; `Params::zero` is 0.
    // * Divisions are unsigned, by extents, which are not 0.
    // Networks in float32 (`float`) come from a graph whose shapes were inferred and not from a program; their shaders keep the
    // same rules: `net` sizes every buffer by these shapes, weights and tables hold whole turns of output channels and the same
    // excess, and what lies outside the input is read from its first vector and replaced by 0.
    unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
}

fn layout_entries(dispatch: &Dispatch) -> Vec<wgpu::BindGroupLayoutEntry> {
    let uniform = wgpu::BufferBindingType::Uniform;
    let storage = dispatch.bindings.iter().map(|b| wgpu::BufferBindingType::Storage { read_only: !b.write });
    let entry = |(binding, ty)| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    (0..).zip([uniform, uniform].into_iter().chain(storage)).map(entry).collect()
}
