//! Embedding: a device that the caller owns, asynchronous calls, cancellation, and work encoded into the caller's commands.

use crate::common::devices::gpus;
use lq_infer::internals::backend::{CancelToken, Control, Detail, Peak};
use lq_infer::{
    Batch, Classification, ClassifyOptions, DeviceSelector, Engine, ErrorKind, Model, Net, Pixels, PrepareOptions,
    TexturePicture, wgpu,
};
use std::time::Instant;

#[allow(dead_code)] // its `main`
#[path = "../../examples/embed.rs"]
mod example;

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

/// The ship as the network takes it.
fn fitted(net: &Net) -> Pixels {
    Pixels { height: 32, width: 32, rgb: net.model().preprocess(&ship()).unwrap() }
}

/// A texture with the bytes of a picture, red first or blue first as its format says.
fn texture(device: &wgpu::Device, queue: &wgpu::Queue, make: &Texture, picture: &Pixels) -> wgpu::Texture {
    let (width, height) = (picture.width as u32, picture.height as u32);
    let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: make.format,
        usage: make.usage | wgpu::TextureUsages::COPY_DST,
        view_formats: make.view_formats,
    });
    let blue_first = make.format.remove_srgb_suffix() == wgpu::TextureFormat::Bgra8Unorm;
    let pixel = |p: &[u8]| if blue_first { [p[2], p[1], p[0], 7] } else { [p[0], p[1], p[2], 7] };
    let bytes: Vec<u8> = picture.rgb.chunks_exact(3).flat_map(pixel).collect();
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * width), rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), &bytes, layout, size);
    texture
}

/// How a texture is made.
#[derive(Clone, Copy, Debug)]
struct Texture {
    format: wgpu::TextureFormat,
    usage: wgpu::TextureUsages,
    view_formats: &'static [wgpu::TextureFormat],
}

/// The logits of pictures in textures, computed within the caller's commands.
fn encoded(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    net: &Net,
    pictures: &[TexturePicture],
) -> lq_infer::Result<Vec<Vec<f32>>> {
    let bytes = net.output_bytes(pictures.len())?;
    let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
    let output =
        device.create_buffer(&wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false });
    let mut encoder = device.create_command_encoder(&Default::default());
    net.encode(&mut encoder, pictures, &output)?;
    queue.submit([encoder.finish()]);
    output.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    net.read_output(&output.get_mapped_range(..).unwrap())
}

/// The bytes of a texture count, whether or not its format says that they are sRGB, and whichever colour comes first.
pub fn pictures_in_textures_are_classified_within_the_callers_commands() {
    use wgpu::TextureFormat::{Bgra8Unorm, Bgra8UnormSrgb, Rgba8Unorm, Rgba8UnormSrgb, Rgba16Float};
    use wgpu::TextureUsages as Usage;
    let expected = on_cpu().logits;
    for gpu in gpus() {
        let (device, queue) = (gpu.device().clone(), gpu.queue().clone());
        let net =
            Engine::from_wgpu(device.clone(), queue.clone()).unwrap().prepare(&Model::bundled().unwrap()).unwrap();
        let logits = |format, usage, view_formats| {
            let make = Texture { format, usage, view_formats };
            let texture = texture(&device, &queue, &make, &fitted(&net));
            encoded(&device, &queue, &net, &[TexturePicture::new(&texture).as_is()]).map(|logits| logits.concat())
        };
        for format in [Rgba8Unorm, Bgra8Unorm] {
            assert_eq!(logits(format, Usage::TEXTURE_BINDING, &[]).unwrap(), expected, "{format:?}");
        }
        for format in [Rgba8Unorm, Bgra8Unorm, Rgba8UnormSrgb, Bgra8UnormSrgb] {
            assert_eq!(logits(format, Usage::COPY_SRC, &[]).unwrap(), expected, "a copy of {format:?}");
        }
        // OpenGL has no views in other formats.
        if gpu.info().api != "gl" {
            assert_eq!(logits(Rgba8UnormSrgb, Usage::TEXTURE_BINDING, &[Rgba8Unorm]).unwrap(), expected);
            assert_eq!(logits(Bgra8UnormSrgb, Usage::TEXTURE_BINDING, &[Bgra8Unorm]).unwrap(), expected);
        }
        // A picture of any size is resized and cropped.
        let photo = Pixels { height: 61, width: 90, rgb: (0..61 * 90 * 3).map(|i| (i * i % 251) as u8).collect() };
        let make = Texture { format: Bgra8UnormSrgb, usage: Usage::COPY_SRC, view_formats: &[] };
        let photo_texture = texture(&device, &queue, &make, &photo);
        let two = PrepareOptions { max_batch: 2, ..Default::default() };
        let engine = Engine::from_wgpu(device.clone(), queue.clone()).unwrap();
        let larger = engine.prepare_with(&Model::bundled().unwrap(), two).unwrap();
        let found = encoded(&device, &queue, &larger, &[TexturePicture::new(&photo_texture); 2]).unwrap();
        let expected = larger.classify(&photo, &ClassifyOptions::default()).unwrap().logits;
        assert_eq!(found, [expected.clone(), expected]);
        let refused = |format, usage| logits(format, usage, &[]).unwrap_err();
        let error = refused(Rgba8UnormSrgb, Usage::TEXTURE_BINDING);
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains("COPY_SRC") && error.to_string().contains("Rgba8Unorm"), "{error}");
        for (format, usage) in [(Rgba8Unorm, Usage::RENDER_ATTACHMENT), (Rgba16Float, Usage::TEXTURE_BINDING)] {
            let error = refused(format, usage);
            assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("expected"), "{error}");
        }
    }
}

/// A borrowed device that is destroyed is lost, and every call says so, also those that only record commands.
pub fn every_call_on_a_lost_device_says_so() {
    let model = Model::bundled().unwrap();
    let picture = Batch::Pixels(vec![0; 32 * 32 * 3]);
    for gpu in gpus() {
        let (device, queue) = (gpu.device().clone(), gpu.queue().clone());
        // What one call learns the others know, so each gets an engine of its own.
        let engine = || Engine::from_wgpu(device.clone(), queue.clone()).unwrap();
        let nets: Vec<Net> = (0..6).map(|_| engine().prepare(&model).unwrap()).collect();
        let make = Texture {
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage: wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        };
        let texture = texture(&device, &queue, &make, &fitted(&nets[0]));
        let engines: Vec<Engine> = (0..5).map(|_| engine()).collect();
        device.destroy();
        let control = Control::default();
        let outcomes = [
            nets[0].classify(&ship(), &ClassifyOptions::default()).map(drop),
            nets[1].logits(&picture, &control).map(drop),
            nets[2].stream([Ok::<_, lq_infer::Error>(&picture), Ok(&picture)], &control, |_| Ok(())),
            nets[3].timed(&picture, Detail::Steps, &control).map(drop),
            encoded(&device, &queue, &nets[4], &[TexturePicture::new(&texture)]).map(drop),
            pollster::block_on(nets[5].classify_async(ship(), ClassifyOptions::default())).map(drop),
            engines[0].prepare(&model).map(drop),
            engines[1].tune(&model, 1, &|_, _| {}).map(drop),
            engines[2].rate(Peak::Words).map(drop),
            engines[3].prepare_float(&model, 1).map(drop),
            pollster::block_on(engines[4].prepare_async(&model, PrepareOptions::default())).map(drop),
        ];
        let kinds = outcomes.map(|outcome| outcome.err().map(|e| e.kind()));
        assert_eq!(kinds, [Some(ErrorKind::DeviceLost); 11], "{} {}", gpu.info().name, gpu.info().api);
        assert!(engines.iter().all(|engine| engine.device_lost().is_some()));
    }
}

/// The owner of a device learns of its loss first, and tells the engine.
pub fn a_host_can_tell_that_its_device_is_lost() {
    for gpu in gpus() {
        let engine = Engine::from_wgpu(gpu.device().clone(), gpu.queue().clone()).unwrap();
        let net = engine.prepare(&Model::bundled().unwrap()).unwrap();
        assert_eq!(engine.device_lost(), None);
        engine.device_lost_note()("unplugged");
        assert_eq!(engine.device_lost().as_deref(), Some("unplugged"));
        let error = net.classify(&ship(), &ClassifyOptions::default()).unwrap_err();
        assert!(error.kind() == ErrorKind::DeviceLost && error.to_string().contains("unplugged"), "{error}");
    }
}

/// The example goes on with a new device.
pub fn the_example_survives_the_loss_of_its_device() {
    let mut classifier = example::Classifier::new(&Model::bundled().unwrap()).unwrap();
    let expected = on_cpu();
    for _ in 0..3 {
        assert_eq!(classifier.classify(&ship()).unwrap(), expected);
        classifier.device.destroy();
    }
    assert_eq!(classifier.classify(&ship()).unwrap(), expected);
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
