//! A minimal embedding: an application shares its wgpu device with lq-infer.
//!
//!     cargo run --release --example embed -- examples/ship.png

use lq_infer::{ClassifyOptions, Engine, Model, Pixels, PrepareOptions, wgpu};
use std::error::Error;

/// The application's own device; here without surface or window.
fn own_device() -> Result<(wgpu::Device, wgpu::Queue), Box<dyn Error>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))?;
    // Larger networks need the adapter's own limits rather than wgpu's defaults.
    let descriptor = wgpu::DeviceDescriptor { required_limits: adapter.limits(), ..Default::default() };
    Ok(pollster::block_on(adapter.request_device(&descriptor))?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: embed PICTURE")?;
    let (device, queue) = own_device()?;
    let engine = Engine::from_wgpu(device, queue)?;
    // Any executor can await these; the interface stays responsive.
    let net = pollster::block_on(engine.prepare_async(&Model::bundled()?, PrepareOptions::default()))?;
    let result = pollster::block_on(net.classify_async(Pixels::open(path)?, ClassifyOptions::default()))?;
    for p in result.top {
        println!("{:>5.1}%  {}", 100.0 * p.probability, p.label);
    }
    Ok(())
}
