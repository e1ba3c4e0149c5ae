//! What every launch states as the most rounds that the loops of one invocation make, against counted rounds: a device that
//! ends loops early is kept from it by that number alone (`loops.rs` has the layers where it matters). The shaders are run
//! with a counter in each loop.

use crate::common::devices::gpus;
use crate::common::kernels::{self, Problem, resnet20};
use crate::common::rng::Rng;
use lq_infer::internals::backend::gpu::Gpu;
use lq_infer::internals::backend::gpu::record::{Buffer, Dispatch, Recording, Target};
use lq_infer::internals::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use wgpu::BufferUsages as Usage;

/// A text with a counter: a round is one more when a loop begins, for the round that finds it at its end, and in each turn.
fn counting(source: &str) -> String {
    let mut text = String::from(
        "@group(1) @binding(0) var<storage, read_write> most_rounds: atomic<u32>;\n\
         var<private> rounds_so_far: u32;\n\
         fn one_more_round() { rounds_so_far += 1u; atomicMax(&most_rounds, rounds_so_far); }\n",
    );
    for line in source.lines() {
        let opens = line.trim_start().starts_with("for (");
        assert!(!opens || line.ends_with('{'), "not the whole head of a loop: {line}");
        assert!(!line.trim_start().starts_with("while ") && !line.trim_start().starts_with("loop "), "{line}");
        text += if opens { "one_more_round();\n" } else { "" };
        text += line;
        text += if opens { " one_more_round();\n" } else { "\n" };
    }
    text
}

fn buffer(gpu: &Gpu, usage: Usage, words: &[u32]) -> wgpu::Buffer {
    let size = 4 * words.len().next_multiple_of(4).max(4) as u64;
    let descriptor =
        wgpu::BufferDescriptor { label: None, size, usage: usage | Usage::COPY_DST, mapped_at_creation: false };
    let buffer = gpu.device().create_buffer(&descriptor);
    gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(words));
    buffer
}

fn layout(gpu: &Gpu, writes: &[Option<bool>]) -> wgpu::BindGroupLayout {
    let entry = |(binding, write): (usize, &Option<bool>)| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: write.map_or(wgpu::BufferBindingType::Uniform, |write| wgpu::BufferBindingType::Storage {
                read_only: !write,
            }),
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = writes.iter().enumerate().map(entry).collect();
    gpu.device().create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
}

fn bind(gpu: &Gpu, layout: &wgpu::BindGroupLayout, buffers: &[wgpu::Buffer]) -> wgpu::BindGroup {
    let bound = (0..).zip(buffers);
    let entries: Vec<_> =
        bound.map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }).collect();
    gpu.device().create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

/// The most rounds that an invocation of `dispatch` makes for one image of random codes.
fn counted(gpu: &Gpu, plan: &Plan, recording: &Recording, dispatch: &Dispatch) -> usize {
    let mut rng = Rng::new(3);
    let uniforms = [vec![1, 0, 0, 0], dispatch.shape.clone()];
    let mut buffers: Vec<_> = uniforms.iter().map(|words| buffer(gpu, Usage::UNIFORM, words)).collect();
    for binding in &dispatch.bindings {
        buffers.push(match binding.buffer {
            Buffer::Constant(index) => buffer(gpu, Usage::STORAGE, &recording.constants()[index].1),
            Buffer::Tensor(id) => {
                let words = plan.program().tensors[id].image_words();
                buffer(gpu, Usage::STORAGE, &(0..words).map(|_| rng.next() as u32).collect::<Vec<_>>())
            }
        });
    }
    let writes: Vec<_> = [None, None].into_iter().chain(dispatch.bindings.iter().map(|b| Some(b.write))).collect();
    let layouts = [layout(gpu, &writes), layout(gpu, &[Some(true)])];
    let most = [buffer(gpu, Usage::STORAGE | Usage::COPY_SRC, &[0])];
    let groups = [bind(gpu, &layouts[0], &buffers), bind(gpu, &layouts[1], &most)];

    let device = gpu.device();
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&layouts[0]), Some(&layouts[1])],
        immediate_size: 0,
    });
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(counting(&dispatch.source).into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let result = buffer(gpu, Usage::MAP_READ, &[0]);
    let mut encoder = device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        groups.iter().enumerate().for_each(|(at, group)| pass.set_bind_group(at as u32, group, &[]));
        let [x, y, z] = recording.workgroups(dispatch, 1);
        pass.dispatch_workgroups(x, y, z);
    }
    encoder.copy_buffer_to_buffer(&most[0], 0, &result, 0, 4);
    gpu.queue().submit([encoder.finish()]);
    result.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(&result.get_mapped_range(..).unwrap());
    words[0] as usize
}

/// How targets and variants are chosen: the first, fourth or last variant of every kernel, or divided as far as possible.
const CHOICES: [(Option<usize>, usize); 4] = [(None, 0), (None, 3), (None, usize::MAX), (Some(150), usize::MAX)];

/// Counts what has not been `seen` of `problem`. `shares` has the largest share of its bound that each kernel and variant
/// needed.
fn check(
    gpu: &Gpu,
    problem: &Problem,
    (rounds, nth): (Option<usize>, usize),
    shares: &mut BTreeMap<String, f64>,
    seen: &mut BTreeSet<(String, Vec<u32>)>,
) {
    let plan = Plan::new(problem.program()).unwrap();
    let target = Target { rounds, ..Target::plain(65_535) };
    let recording = Recording::new(&plan, &target, &|_, variants| nth.min(variants.len() - 1));
    for dispatch in recording.dispatches() {
        if dispatch.rounds == 0 && !dispatch.source.contains("for (") {
            continue;
        }
        if seen.insert((dispatch.source.to_string(), dispatch.shape.clone())) {
            let found = counted(gpu, &plan, &recording, dispatch);
            let what = format!("{} {}", dispatch.kernel, dispatch.variant);
            let stated = dispatch.rounds;
            assert!(found <= stated, "{} {what}: {found} rounds, said to be at most {stated}", problem.name);
            let share = shares.entry(what).or_default();
            *share = share.max(found as f64 / stated as f64);
        }
    }
}

/// No invocation makes more rounds than its launch says, and no bound is so loose that layers would be divided or refused
/// for nothing.
pub fn no_invocation_makes_more_rounds_than_stated() {
    // One device is enough, because they all make the same rounds.
    let Some(gpu) = gpus().into_iter().next() else { return };
    let (mut shares, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for (problem, choice) in kernels::all().iter().zip(CHOICES.iter().cycle()) {
        check(&gpu, problem, *choice, &mut shares, &mut seen);
    }
    CHOICES.iter().for_each(|choice| check(&gpu, &resnet20(2), *choice, &mut shares, &mut seen));
    for (what, share) in &shares {
        assert!(*share > 0.5, "{what} needs {:.0} % of its bound", 100.0 * share);
    }
    assert!(shares.len() > 12, "{shares:?}");
}
