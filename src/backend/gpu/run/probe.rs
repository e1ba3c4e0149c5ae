//! Measures the device's peak rates: the bounds that kernels are compared with.

use crate::backend::gpu::device::Gpu;
use crate::backend::{Control, Peak};
use crate::error::{Error, Result};

/// Words counted, or words of four products, per invocation and round of the loop.
const WORDS: u64 = 16;
/// The same where words are added up first.
const ADDED: u64 = 24;
/// Floats multiplied and added, per invocation and round of the loop.
const FLOATS: u64 = 16;
/// Invocations: enough to fill any device.
const INVOCATIONS: u32 = 64 * 4096;
/// Invocations of a workgroup, as the probes' shaders declare them.
const WORKGROUP_SIZE: u32 = 64;
/// Bytes of each of the two buffers of a copy: much more than the caches hold, of a GPU or of the CPU below a
/// rasteriser.
const COPIED: u64 = 128 << 20;
const COPIED_BY_SOFTWARE: u64 = 32 << 20;

/// A kernel that does one operation only.
#[derive(Debug)]
pub struct Probe {
    gpu: Gpu,
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    /// The uniform with the number of rounds.
    rounds: wgpu::Buffer,
    /// Whether it copies one buffer to another.
    copies: bool,
    /// How much one round of the loop does, or one dispatch of a copy.
    per_round: u64,
}

impl Probe {
    /// Compiles the probe for `peak` and makes its buffers.
    pub fn new(gpu: &Gpu, peak: Peak) -> Result<Self> {
        if peak != Peak::Bytes {
            let each = if peak == Peak::Words { WORDS } else { 4 * WORDS };
            return Self::in_registers(gpu, text(peak), each);
        }
        let limits = gpu.info().limits;
        let wanted = if gpu.info().software { COPIED_BY_SOFTWARE } else { COPIED };
        let mut size = wanted.min(limits.binding_bytes).min(limits.buffer_bytes) / 16 * 16;
        loop {
            match Self::with_buffers(gpu, text(peak), 2 * size, &[size; 2]) {
                Err(Error::OutOfMemory { .. }) if size > 1 << 20 => size /= 2,
                made => return made,
            }
        }
    }

    /// Compiles the probe that multiplies and adds floats, which is what the float32 baseline does.
    pub fn floats(gpu: &Gpu) -> Result<Self> {
        Self::in_registers(gpu, include_str!("../../../../shaders/probes/fma.wgsl"), FLOATS)
    }

    /// Compiles the probe that adds words up before it counts them.
    pub(super) fn adders(gpu: &Gpu) -> Result<Self> {
        Self::in_registers(gpu, include_str!("../../../../shaders/probes/adders.wgsl"), ADDED)
    }

    /// A probe that does `each` per invocation and round of its loop, without using memory.
    fn in_registers(gpu: &Gpu, text: &str, each: u64) -> Result<Self> {
        Self::with_buffers(gpu, text, u64::from(INVOCATIONS) * each, &[u64::from(INVOCATIONS) * 4])
    }

    fn with_buffers(gpu: &Gpu, text: &str, per_round: u64, sizes: &[u64]) -> Result<Self> {
        let pipeline = pipeline(gpu, text)?;
        gpu.guarded("making a probe's buffers", || {
            let buffer = |size: u64, usage| {
                let descriptor =
                    wgpu::BufferDescriptor { label: Some("probe"), size, usage, mapped_at_creation: false };
                gpu.device().create_buffer(&descriptor)
            };
            let rounds = buffer(16, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
            let storage: Vec<_> = sizes.iter().map(|&size| buffer(size, wgpu::BufferUsages::STORAGE)).collect();
            let bind_group = bind(gpu, &pipeline, [&rounds].into_iter().chain(&storage));
            Probe { gpu: gpu.clone(), pipeline, bind_group, rounds, copies: sizes.len() > 1, per_round }
        })
    }

    /// Does about so much, waits for it, and returns how much it was.
    pub fn run(&self, amount: u64) -> Result<u64> {
        let rounds = amount.div_ceil(self.per_round).clamp(1, u64::from(u32::MAX));
        let dispatches = if self.copies { rounds } else { 1 };
        let control = Control::default();
        let mut submission = self.gpu.submit(self.gpu.turn(&control)?, "running a probe", &[], |encoder| {
            self.gpu.queue().write_buffer(&self.rounds, 0, bytemuck::cast_slice(&[rounds as u32, 1, 0, 0]));
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.bind_group, &[]);
            (0..dispatches).for_each(|_| pass.dispatch_workgroups(INVOCATIONS / WORKGROUP_SIZE, 1, 1));
            Ok(())
        })?;
        submission.wait(&control)?;
        Ok(rounds * self.per_round)
    }
}

/// Compiles a probe.
pub(super) fn pipeline(gpu: &Gpu, text: &str) -> Result<wgpu::ComputePipeline> {
    gpu.guarded("compiling a probe", || {
        let source = wgpu::ShaderSource::Wgsl(text.into());
        let module = gpu.device().create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("probe"), source });
        gpu.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("probe"),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        })
    })
}

/// Binds these buffers in order.
pub(super) fn bind<'a>(
    gpu: &Gpu,
    pipeline: &wgpu::ComputePipeline,
    buffers: impl IntoIterator<Item = &'a wgpu::Buffer>,
) -> wgpu::BindGroup {
    let entry = |(binding, buffer): (u32, &'a wgpu::Buffer)| wgpu::BindGroupEntry {
        binding,
        resource: buffer.as_entire_binding(),
    };
    let entries: Vec<_> = (0..).zip(buffers).map(entry).collect();
    let layout = &pipeline.get_bind_group_layout(0);
    gpu.device().create_bind_group(&wgpu::BindGroupDescriptor { label: Some("probe"), layout, entries: &entries })
}

fn text(peak: Peak) -> &'static str {
    match peak {
        Peak::Words => include_str!("../../../../shaders/probes/popcount.wgsl"),
        Peak::ByteProducts => include_str!("../../../../shaders/probes/macs.wgsl"),
        Peak::Bytes => include_str!("../../../../shaders/probes/bytes.wgsl"),
    }
}
