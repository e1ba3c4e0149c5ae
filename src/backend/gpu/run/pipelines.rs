//! Shaders to pipelines, several at a time.

use crate::backend::Progress;
use crate::backend::gpu::device::{Gpu, PIPELINES, Store, hash};
use crate::backend::gpu::record::{Dispatch, Recording};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

/// A compiled shader and the layout of its buffers.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    /// The compiled shader.
    pub pipeline: wgpu::ComputePipeline,
    /// The layout of its buffers.
    pub layout: wgpu::BindGroupLayout,
}

/// Pipelines by shader text.
pub(crate) type Pipelines = HashMap<Arc<str>, Pipeline>;

/// Compiles every distinct shader of a recording; `progress` is told (done, total).
///
/// It starts its own threads: the caller may be on the only worker of a pool, and `progress` is called on the
/// caller's thread.
pub(crate) fn compile(gpu: &Gpu, recording: &Recording, progress: Progress) -> Result<Pipelines> {
    let wanted = recording.pipelines();
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(wanted.len());
    let next = AtomicUsize::new(0);
    let mut pipelines = Pipelines::new();
    let kept = CacheFile::new(gpu, &wanted);
    progress(0, wanted.len())?;
    let cache = kept.as_ref().map(|kept| &kept.cache);
    let compile_next = || {
        let dispatch = wanted.get(next.fetch_add(1, Ordering::Relaxed))?;
        Some((dispatch.source.clone(), pipeline(gpu, dispatch, cache)))
    };
    std::thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..threads {
            let (sender, compile_next) = (sender.clone(), &compile_next);
            // Sending fails if another shader failed.
            let work = move || while compile_next().is_some_and(|compiled| sender.send(compiled).is_ok()) {};
            if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break; // fewer threads will do
            }
        }
        drop(sender);
        // Whatever no thread has compiled, for want of threads, this one does.
        for (source, result) in results.into_iter().chain(std::iter::from_fn(&compile_next)) {
            pipelines.insert(source, result?);
            progress(pipelines.len(), wanted.len())?;
        }
        Ok::<_, Error>(())
    })?;
    kept.iter().for_each(CacheFile::save);
    Ok(pipelines)
}

/// The driver's cache for these pipelines, if the API has one, read from a file and written back.
struct CacheFile<'a> {
    store: &'a Store,
    name: String,
    read: Option<Vec<u8>>,
    cache: wgpu::PipelineCache,
}

impl<'a> CacheFile<'a> {
    /// Reads what was saved the last time these shaders were compiled.
    #[allow(unsafe_code)]
    fn new(gpu: &'a Gpu, wanted: &[&Dispatch]) -> Option<Self> {
        let store = gpu.store().filter(|_| gpu.device().features().contains(wgpu::Features::PIPELINE_CACHE))?;
        let name = hash(wanted.iter().map(|dispatch| dispatch.source.as_bytes()));
        let read = store.read(PIPELINES, &name);
        let descriptor = wgpu::PipelineCacheDescriptor { label: None, data: read.as_deref(), fallback: true };
        // SAFETY: the data must come from `get_data` of the same device and driver. The name of the file contains
        // both, and the checksum shows that the file is whole. wgpu and the driver check headers of their own as
        // well.
        let cache =
            gpu.guarded("reading kept pipelines", || unsafe { gpu.device().create_pipeline_cache(&descriptor) });
        Some(CacheFile { store, name, read, cache: cache.ok()? })
    }

    /// Writes the file if the driver has added to the cache.
    fn save(&self) {
        let data = self.cache.get_data();
        if let Some(data) = data.filter(|data| self.read.as_ref() != Some(data)) {
            self.store.write(PIPELINES, &self.name, &data);
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

/// A module without the checks that wgpu adds to shaders it does not know: they keep drivers from unrolling loops.
#[allow(unsafe_code)]
fn shader_module(device: &wgpu::Device, dispatch: &Dispatch) -> wgpu::ShaderModule {
    let source = wgpu::ShaderSource::Wgsl(dispatch.source.as_ref().into());
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(dispatch.kernel), source };
    // SAFETY: the text consists of this crate's files and of constants of a plan; no text comes from a model file.
    // `compile` takes only a `Recording`, whose fields are private and whose one constructor for programs takes a
    // `Plan`; a plan is made by `Plan::new` alone, which runs `Program::check`, and never lends its program for
    // writing. So extents, ids, parts and tables agree with each other, and what the left-out checks would catch
    // cannot happen:
    // * Bounds: an index into a buffer is a polynomial in the constants, the shape (a uniform that only
    //   `Buffers::bind` fills, with numbers of the plan) and the coordinates of the invocation. Each kernel returns
    //   before its first access unless the invocation is below images * PER_IMAGE; coordinates outside the input or
    //   beyond the last channel are replaced before they are used; where all invocations of a workgroup must reach a
    //   barrier, those beyond repeat the last one's work. Weights and tables are padded to whole spans of channels, as
    //   they are to whole quads elsewhere. `GpuNet::new` and `FloatNet::with_weights` make the slots and the recording of one
    //   plan, `Buffers::new` makes every slot hold max_batch images of each tensor in it, `BatchLimit` keeps all
    //   indices below 2^31, and `Loaded::check_images` refuses larger batches. Tables and weights are as long as the
    //   shape says (`kernels`), and ranks are below LEVELS.
    // * Loops: every loop counts up to (or halves down from) a constant or a number of the shape, which are extents
    //   of tensors and windows; `Params::zero` is 0.
    // * Divisions are unsigned, by extents, which are not 0.
    //
    // The float32 baseline comes from a graph, whose shapes `Graph::facts` has inferred, instead of a plan. Its
    // shaders keep the same rules: its buffers have the sizes of these shapes, weights and tables hold whole turns of
    // output channels with the same padding, and what lies outside the input is read from its first vector and
    // replaced by 0.
    //
    // Training, too, comes from a graph. `Recorder` makes each buffer as large as the launches that it adds need:
    // tensors of the batch hold its largest size, which `OnGpu` does not exceed, and partial sums as many as there are
    // parts. Parameters, statistics and bases lie where `Places` has counted them. What only some invocations have is
    // read from a place that exists and replaced, as above. Labels are below the number of classes, and are compared
    // only. `Resident` refuses recordings with more invocations than 31 bits count.
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
