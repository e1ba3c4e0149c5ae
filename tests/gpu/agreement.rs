//! Every GPU of this machine computes what the CPU reference computes, to the last bit.

use crate::common::agreement::{
    assert_a_wrong_bit_shows, assert_agreement, assert_call_errors, assert_random_agreement, assert_sharing,
    assert_wide_agreement, number,
};
use crate::common::devices::{gpus, run_on as run};
use crate::common::kernels::{all, bits, input};
use crate::common::rng::Rng;
use lq_infer::internals::backend::Backend;
use lq_infer::internals::backend::gpu::Gpu;
use lq_infer::internals::backend::reference::Reference;
use lq_infer::internals::error::ErrorKind;
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::graph::{GraphBuilder, Op, Params};
use lq_infer::internals::lower::{InputKind, Program, lower};
use lq_infer::internals::plan::Plan;
use lq_infer::internals::tensor::{Shape, Window};
use std::sync::Arc;

/// Random networks to compare; each costs a second or so of compiling shaders on a software rasteriser.
const RANDOM_NETWORKS: u64 = 48;
/// The same for networks of all widths.
const WIDE_NETWORKS: u64 = 12;

pub fn gpus_agree_with_the_reference() {
    let gpus = gpus();
    all().iter().for_each(|problem| assert_agreement(&gpus, problem, &[5, 1]));
}

/// Networks as after training, with every W x A, odd sizes, branches and bases out of order (see `common::problem`).
pub fn random_networks_agree_with_the_reference() {
    let gpus = gpus();
    (0..RANDOM_NETWORKS).for_each(|seed| assert_random_agreement(&gpus, seed));
}

/// Images of a submission; 0 stands for single dispatches.
fn images_at_once(seed: u64) -> usize {
    [1, 0, 7, 3, 20][seed as usize % 5]
}

/// Networks of all widths from 1 to 8 bits, in workgroups of several sizes, in any variant, in
/// batches of up to 64 images. `LQ_INFER_RANDOM_SEED` and `LQ_INFER_RANDOM_COUNT` say which and how many.
pub fn wide_networks_agree_in_every_form() {
    let first = number("LQ_INFER_RANDOM_SEED", 0);
    let gpus = gpus();
    for seed in first..first + number("LQ_INFER_RANDOM_COUNT", WIDE_NETWORKS) {
        let mut rng = Rng::new(seed);
        let size = [8, 32, 64][seed as usize % 3];
        let (variant, images) = (rng.below(6), [64, 1, rng.between(2, 16), rng.between(2, 63)][seed as usize % 4]);
        let formed = |gpu: &Gpu| {
            let formed = gpu.with_workgroups(size).with_variant(variant);
            // As on slow devices, whose batches are divided among submissions.
            if seed % 4 == 1 { formed } else { formed.with_images_at_once(images_at_once(seed)) }
        };
        let formed: Vec<Gpu> = gpus.iter().map(formed).collect();
        println!("seed {seed}: workgroups of {size}, variant {variant}, {images} images");
        assert_wide_agreement(&formed, seed, images);
    }
}

pub fn the_comparison_can_fail() {
    gpus().iter().for_each(assert_a_wrong_bit_shows);
}

pub fn threads_may_share_a_network() {
    gpus().iter().for_each(assert_sharing);
}

pub fn work_can_be_encoded_on_a_borrowed_device() {
    let program = bits(1, 2, [20, 33, 16], [5, 6], Window::same(3, 1, [5, 6])).program();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    for owner in gpus() {
        let (device, queue) = (owner.device().clone(), owner.queue().clone());
        let gpu = Gpu::from_wgpu(device.clone(), queue.clone(), None).unwrap();
        assert_eq!(gpu.info().api, owner.info().api);
        let net = gpu.prepare_net(&plan, 2, &|_, _| Ok(())).unwrap();
        let words = input(&program, 2, 3);
        let buffer = |words: usize, usage| {
            let size = words as u64 * 4;
            device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
        };
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let from = buffer(words.len(), usage);
        let to = buffer(2 * plan.output_words(), wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ);
        queue.write_buffer(&from, 0, bytemuck::cast_slice(&words));
        let mut encoder = device.create_command_encoder(&Default::default());
        assert!(net.encode(&mut encoder, &to, &to, 2).is_err(), "usage is checked");
        assert!(net.encode(&mut encoder, &from, &to, 3).is_err(), "the batch is checked");
        net.encode(&mut encoder, &from, &to, 2).unwrap();
        queue.submit([encoder.finish()]);
        to.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
        device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        let result: Vec<u32> = bytemuck::pod_collect_to_vec(&to.get_mapped_range(..).unwrap());
        assert_eq!(result, run(&Reference { parallel: false }, &program, &words, 2));
    }
}

pub fn cancelled_and_wrong_calls_are_errors() {
    gpus().iter().for_each(assert_call_errors);
}

/// A tensor beyond the device's limits is refused by name before anything is allocated; a batch beyond them is made
/// smaller.
pub fn limits_shrink_the_batch_or_name_the_layer() {
    /// Largest tensor that a plan holds at all.
    const PLANNED: u64 = 1 << 29;
    for gpu in gpus() {
        let most = gpu.info().limits.binding_bytes.min(PLANNED);
        let small = Arc::new(Plan::new(pooled(most / 64)).unwrap());
        let net = gpu.prepare(small, 1000, &|_, _| Ok(())).unwrap();
        assert!((32..=200).contains(&net.max_batch()), "{}", net.max_batch());
        if most == PLANNED {
            continue; // whatever can be planned fits one of its buffers
        }
        let large = Arc::new(Plan::new(pooled(2 * most)).unwrap());
        let error = gpu.prepare(large, 1, &|_, _| Ok(())).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::DeviceLimit);
        assert!(error.to_string().contains("'input'") && error.to_string().contains(&gpu.info().name), "{error}");
    }
}

/// A network whose input takes about `bytes` bytes, pooled to a single value.
fn pooled(bytes: u64) -> Program {
    let side = (bytes as f64 / 4.0).sqrt() as usize;
    let first = Window::valid(128, 128);
    let mut b = GraphBuilder::new(Shape { h: side, w: side, c: 1 });
    b.push("some", Op::MaxPool { window: first }, &[0]);
    b.push("everything", Op::MaxPool { window: Window::whole(first.output([side, side]).unwrap()) }, &[1]);
    let graph = b.finish().unwrap();
    lower(&graph, &Params::default(), &Normalize::TensorOnly { range: 1.0 }, InputKind::Tensor).unwrap()
}
