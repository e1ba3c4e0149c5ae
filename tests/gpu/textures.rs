//! Pictures in textures: what is read of them, and how they are resized.

use crate::common;
use crate::common::devices::gpus;
use crate::common::kernels::{input, pictures};
use lq_infer::internals::backend::Backend;
use lq_infer::internals::backend::gpu::picture::Target;
use lq_infer::internals::backend::gpu::{Gpu, GpuNet};
use lq_infer::internals::error::ErrorKind;
use lq_infer::internals::graph::preprocess::{Filter, Resize};
use lq_infer::internals::image::resize_and_crop;
use lq_infer::internals::lower::{PIXEL_ALPHA, PIXEL_OFFSET};
use lq_infer::internals::plan::Plan;
use lq_infer::internals::random::Rng;
use lq_infer::internals::tensor::{Shape, Window};
use lq_infer::{Pixels, Result, TexturePicture};
use std::sync::Arc;

/// The network's input.
const INPUT: Shape = Shape { h: 10, w: 24, c: 3 };
/// Of pictures that are not resized it does not matter.
const ANY: Resize = Resize { shorter_edge: 24, crop: [10, 24], stretch: None, filter: Filter::PillowBilinear };

/// A network whose result shows every pixel.
fn plan() -> Arc<Plan> {
    let problem = pictures(7, [INPUT.h, INPUT.w], Window::same(3, 1, [INPUT.h, INPUT.w]));
    Arc::new(Plan::new(problem.program()).unwrap())
}

/// What the network gives for pictures in textures.
fn encoded(gpu: &Gpu, net: &GpuNet, plan: &Plan, pictures: &[TexturePicture], target: &Target) -> Result<Vec<u32>> {
    let size = (pictures.len() * plan.output_words()) as u64 * 4;
    let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
    let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
    let output = gpu.device().create_buffer(&descriptor);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    net.encode_pictures(&mut encoder, pictures, target, &output)?;
    gpu.queue().submit([encoder.finish()]);
    output.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let view = output.get_mapped_range(..).unwrap();
    Ok(bytemuck::pod_collect_to_vec(&view))
}

/// A texture with these pictures of one size as its layers.
fn texture(gpu: &Gpu, pictures: &[Pixels], usage: wgpu::TextureUsages) -> wgpu::Texture {
    let rgba: Vec<u8> =
        pictures.iter().flat_map(|p| p.rgb.chunks_exact(3)).flat_map(|p| [p[0], p[1], p[2], 9]).collect();
    let (width, height) = (pictures[0].width as u32, pictures[0].height as u32);
    let size = wgpu::Extent3d { width, height, depth_or_array_layers: pictures.len() as u32 };
    let texture = gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: None,
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: usage | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let rows_per_image = Some(height);
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * 4), rows_per_image };
    gpu.queue().write_texture(texture.as_image_copy(), &rgba, layout, size);
    texture
}

/// The words of pixels.
fn words(pixels: &Pixels) -> Vec<u32> {
    let lane = |v: u8| u32::from((i32::from(v) - PIXEL_OFFSET) as u8);
    let word = |p: &[u8]| lane(p[0]) | lane(p[1]) << 8 | lane(p[2]) << 16 | u32::from(PIXEL_ALPHA as u8) << 24;
    pixels.rgb.chunks_exact(3).map(word).collect()
}

fn random(rng: &mut Rng, height: usize, width: usize) -> Pixels {
    // Dark and light areas with noise: sums are rounded at either end too.
    let mut level = 0u64;
    let mut sample = || {
        if rng.next_u64().is_multiple_of(9) {
            level = rng.next_u64() % 256;
        }
        (level as i64 + (rng.next_u64() % 41) as i64 - 20).clamp(0, 255) as u8
    };
    Pixels { height, width, rgb: (0..height * width * 3).map(|_| sample()).collect() }
}

/// The rectangle of a picture.
fn part(picture: &Pixels, [left, top, width, height]: [usize; 4]) -> Pixels {
    let row = |y: usize| picture.rgb[(y * picture.width + left) * 3..][..width * 3].to_vec();
    Pixels { height, width, rgb: (top..top + height).flat_map(row).collect() }
}

/// Any rule for the network's input.
fn rule(rng: &mut Rng) -> Resize {
    let below = |rng: &mut Rng, n: u64| (rng.next_u64() % n) as usize;
    let filter = [Filter::PillowBicubic, Filter::PillowBilinear, Filter::OpencvCubic][below(rng, 3)];
    let crop = [INPUT.h, INPUT.w];
    if below(rng, 3) > 0 {
        return Resize { shorter_edge: INPUT.w + below(rng, 30), crop, stretch: None, filter };
    }
    let edges = [INPUT.h + below(rng, 20), INPUT.w + below(rng, 40)];
    Resize { shorter_edge: edges[0].min(edges[1]), crop, stretch: Some(edges), filter }
}

/// Any layer and rectangle of a texture, by any filter, gives the bits of the host.
pub fn pictures_of_any_size_are_resized_as_on_the_host() {
    use wgpu::TextureUsages as Usage;
    let plan = plan();
    for gpu in gpus() {
        let prepared = gpu.prepare(plan.clone(), 3, &|_, _| Ok(())).unwrap();
        let net = GpuNet::of(&*prepared).unwrap();
        let mut rng = Rng::new(21);
        for trial in 0..40 {
            let target = Target { input: INPUT, resize: rule(&mut rng), bgr: false };
            let below = |rng: &mut Rng, n: usize| (rng.next_u64() % n as u64) as usize;
            let [height, width] = [0; 2].map(|_| 1 + below(&mut rng, [12, 90, 400][trial % 3]));
            let layers: Vec<Pixels> = (0..3).map(|_| random(&mut rng, height, width)).collect();
            let bound = trial % 2 == 0 && gpu.info().api != "gl";
            let usage = if bound { Usage::TEXTURE_BINDING } else { Usage::COPY_SRC };
            let texture = texture(&gpu, &layers, usage);
            let mut expected = Vec::new();
            let mut named = Vec::new();
            for picture in 0..1 + trial % 3 {
                let layer = below(&mut rng, 3);
                let (left, top) = (below(&mut rng, width), below(&mut rng, height));
                // The same size twice in one batch, and all of it.
                let rectangle = match picture {
                    2 => [0, 0, width, height],
                    _ => [left, top, 1 + below(&mut rng, width - left), 1 + below(&mut rng, height - top)],
                };
                let resized = resize_and_crop(&part(&layers[layer], rectangle), &target.resize).unwrap();
                expected.extend(common::run(plan.program(), &words(&resized), 1, true));
                let [left, top, width, height] = rectangle.map(|n| n as u32);
                named.push(TexturePicture::new(&texture).layer(layer as u32).rectangle(left, top, width, height));
            }
            let found = encoded(&gpu, net, &plan, &named, &target).unwrap();
            assert!(found == expected, "{}: trial {trial}, {named:?}, {target:?}", gpu.info().name);
        }
    }
}

/// The network of these tests gives something else if any sample is wrong by one.
pub fn every_sample_shows() {
    let plan = plan();
    let picture = random(&mut Rng::new(22), INPUT.h, INPUT.w);
    let expected = common::run(plan.program(), &words(&picture), 1, true);
    for at in 0..picture.rgb.len() {
        let mut other = picture.clone();
        other.rgb[at] ^= 1;
        assert_ne!(common::run(plan.program(), &words(&other), 1, true), expected, "sample {at}");
    }
}

/// The channel order is that of each call, whatever came before.
pub fn pictures_are_imported_in_the_order_asked_for() {
    let plan = plan();
    let rgb = input(plan.program(), 1, 8);
    let bgr: Vec<u32> = rgb.iter().map(|w| w & 0xff00_ff00 | w << 16 & 0xff_0000 | w >> 16 & 0xff).collect();
    let [straight, swapped] = [&rgb, &bgr].map(|words| common::run(plan.program(), words, 1, true));
    assert_ne!(straight, swapped);
    let byte = |word: u32, c: u32| (i32::from((word >> (8 * c)) as i8) + PIXEL_OFFSET) as u8;
    let bytes = rgb.iter().flat_map(|&word| [0, 1, 2].map(|c| byte(word, c))).collect();
    let picture = Pixels { height: INPUT.h, width: INPUT.w, rgb: bytes };
    for gpu in gpus() {
        let net = gpu.prepare(plan.clone(), 1, &|_, _| Ok(())).unwrap();
        let texture = texture(&gpu, std::slice::from_ref(&picture), wgpu::TextureUsages::TEXTURE_BINDING);
        let encoded = |input: Shape, bgr: bool, picture: TexturePicture| {
            encoded(&gpu, GpuNet::of(&*net).unwrap(), &plan, &[picture], &Target { input, resize: ANY, bgr })
        };
        let as_is = TexturePicture::new(&texture).as_is();
        for _ in 0..2 {
            assert_eq!(encoded(INPUT, false, as_is).unwrap(), straight);
            assert_eq!(encoded(INPUT, true, as_is).unwrap(), swapped);
        }
        let refused = |input, picture, part: &str| {
            let error = encoded(input, false, picture).unwrap_err();
            assert!(error.kind() == ErrorKind::Usage && error.to_string().contains(part), "{error}");
        };
        refused(Shape { h: INPUT.w, w: INPUT.h + 1, c: 3 }, as_is, "24x11 is not the network's input");
        refused(INPUT, as_is.rectangle(0, 0, 24, 9), "the picture is 9x24, the network takes 10x24");
        refused(INPUT, as_is.rectangle(1, 0, 24, 10), "24 x 10 pixels at (1, 0) of a texture of 24 x 10");
        refused(INPUT, as_is.rectangle(u32::MAX, 0, u32::MAX, 10), "4294967295 x 10 pixels");
        refused(INPUT, as_is.rectangle(0, 0, 0, 10), "0 x 10 pixels");
        refused(INPUT, as_is.layer(1), "layer 1 of a texture that has 1");
        if gpu.info().api == "gl" {
            let layers = self::texture(&gpu, &[picture.clone(), picture.clone()], wgpu::TextureUsages::TEXTURE_BINDING);
            refused(INPUT, TexturePicture::new(&layers).as_is(), "COPY_SRC");
        }
        let twice = [as_is, as_is];
        let target = Target { input: INPUT, resize: ANY, bgr: false };
        let error = self::encoded(&gpu, GpuNet::of(&*net).unwrap(), &plan, &twice, &target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}
