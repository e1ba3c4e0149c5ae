//! Embedding: a device that the caller owns, asynchronous calls, cancellation, and work encoded into the caller's commands.

use lq_infer::internals::backend::{CancelToken, Control};
use lq_infer::{Classification, ClassifyOptions, DeviceSelector, Engine, ErrorKind, Model, Pixels, wgpu};
use std::time::Instant;

const SHIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ship.png");

fn ship() -> Pixels {
    lq_infer::internals::image::decode(&std::fs::read(SHIP).unwrap(), SHIP.as_ref()).unwrap()
}

fn on_cpu() -> Classification {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    engine.prepare(&Model::bundled().unwrap()).unwrap().classify(&ship(), &ClassifyOptions::default()).unwrap()
}

/// The caller's own device.
fn own_device() -> (wgpu::Device, wgpu::Queue) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).unwrap();
    let descriptor = wgpu::DeviceDescriptor { required_limits: adapter.limits(), ..Default::default() };
    pollster::block_on(adapter.request_device(&descriptor)).unwrap()
}

pub fn a_borrowed_device_gives_the_same_result_synchronously_and_not() {
    let (device, queue) = own_device();
    let engine = Engine::from_wgpu(device, queue).unwrap();
    let net = engine.prepare(&Model::bundled().unwrap()).unwrap();
    assert_eq!(net.classify(&ship(), &ClassifyOptions::default()).unwrap(), on_cpu());
    let task = net.classify_async(ship(), ClassifyOptions::default());
    assert_eq!(pollster::block_on(task).unwrap(), on_cpu());
}

pub fn threads_share_a_net() {
    let (device, queue) = own_device();
    let net = Engine::from_wgpu(device, queue).unwrap().prepare(&Model::bundled().unwrap()).unwrap();
    let expected = on_cpu();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(net.classify(&ship(), &ClassifyOptions::default()).unwrap(), expected));
        }
    });
}

pub fn a_picture_in_a_texture_is_classified_within_the_callers_commands() {
    let (device, queue) = own_device();
    let net = Engine::from_wgpu(device.clone(), queue.clone()).unwrap().prepare(&Model::bundled().unwrap()).unwrap();
    let fitted = lq_infer::internals::image::resize_and_crop(&ship(), &net.model().header().preprocess.resize).unwrap();
    let size = wgpu::Extent3d { width: 32, height: 32, depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let rgba: Vec<u8> = fitted.rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(128), rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), &rgba, layout, size);
    let bytes = net.output_bytes().unwrap();
    let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
    let output =
        device.create_buffer(&wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false });
    let mut encoder = device.create_command_encoder(&Default::default());
    net.encode(&mut encoder, &texture, &output).unwrap();
    queue.submit([encoder.finish()]);
    output.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let logits = net.read_output(&output.get_mapped_range(..).unwrap()).unwrap();
    assert_eq!(logits, on_cpu().logits);
}

pub fn work_can_be_cancelled_and_has_deadlines() {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let net = engine.prepare(&Model::bundled().unwrap()).unwrap();
    let cancel = CancelToken::new();
    cancel.cancel();
    let stop = |control| net.classify(&ship(), &ClassifyOptions { top_k: Some(1), control }).unwrap_err().kind();
    assert_eq!(stop(Control { cancel: Some(cancel), deadline: None }), ErrorKind::Cancelled);
    assert_eq!(stop(Control { cancel: None, deadline: Some(Instant::now()) }), ErrorKind::DeadlineExceeded);
}
