//! What the device could do at best: the ceiling that kernels are compared with.

use super::context::Gpu;
use crate::error::Result;
use std::time::Duration;

/// Words counted per invocation and round of the loop.
const WORDS: u64 = 16;
/// Invocations: enough to fill any device.
const INVOCATIONS: u32 = 64 * 4096;
const LANES: u32 = 64;
/// How long a look at the device lasts before the next one.
const PATIENCE: Duration = Duration::from_millis(50);

/// A kernel that ANDs, counts and adds words in registers, and nothing else.
#[derive(Debug)]
pub struct PopcountProbe {
    gpu: Gpu,
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    run: wgpu::Buffer,
}

impl PopcountProbe {
    /// Compiles the probe.
    pub fn new(gpu: &Gpu) -> Result<Self> {
        gpu.guarded("compiling a probe", || {
            let device = gpu.device();
            let source = wgpu::ShaderSource::Wgsl(include_str!("../../../shaders/probes/popcount.wgsl").into());
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("probe"), source });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some("probe"),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: Default::default(),
                cache: None,
            });
            let buffer = |size: u64, usage| {
                let descriptor =
                    wgpu::BufferDescriptor { label: Some("probe"), size, usage, mapped_at_creation: false };
                device.create_buffer(&descriptor)
            };
            let run = buffer(16, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
            let results = buffer(u64::from(INVOCATIONS) * 4, wgpu::BufferUsages::STORAGE);
            let entries = [(0, &run), (1, &results)]
                .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() });
            let layout = &pipeline.get_bind_group_layout(0);
            let descriptor = wgpu::BindGroupDescriptor { label: Some("probe"), layout, entries: &entries };
            let bind_group = device.create_bind_group(&descriptor);
            PopcountProbe { gpu: gpu.clone(), pipeline, bind_group, run }
        })
    }

    /// Counts about `words` words and waits for it. Returns how many they were.
    pub fn run(&self, words: u64) -> Result<u64> {
        let rounds = words.div_ceil(u64::from(INVOCATIONS) * WORDS).min(u64::from(u32::MAX));
        let submission = self.gpu.guarded("running a probe", || {
            self.gpu.queue().write_buffer(&self.run, 0, bytemuck::cast_slice(&[rounds as u32, 1, 0, 0]));
            let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.bind_group, &[]);
            pass.dispatch_workgroups(INVOCATIONS / LANES, 1, 1);
            drop(pass);
            self.gpu.queue().submit([encoder.finish()])
        })?;
        while !self.gpu.wait(&submission, PATIENCE)? {}
        Ok(rounds * u64::from(INVOCATIONS) * WORDS)
    }
}
