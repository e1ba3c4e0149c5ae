//! A minimal embedding: an application shares its wgpu device with lq-infer, and goes on with a new device when the first
//! one is lost.
//!
//!     cargo run --release --example embed -- examples/ship.png

use lq_infer::{Classification, ClassifyOptions, Engine, ErrorKind, Model, Net, Pixels, PrepareOptions, wgpu};
use std::error::Error;

/// The application's own device; here without surface or window.
fn own_device() -> Result<(wgpu::Device, wgpu::Queue), Box<dyn Error>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))?;
    // Larger networks need the adapter's own limits rather than wgpu's defaults.
    let descriptor = wgpu::DeviceDescriptor { required_limits: adapter.limits(), ..Default::default() };
    Ok(pollster::block_on(adapter.request_device(&descriptor))?)
}

/// A network on a device of the application.
pub struct Classifier {
    /// The device, on which the application does other things as well.
    pub device: wgpu::Device,
    net: Net,
}

impl Classifier {
    /// Makes a device and prepares `model` on it.
    pub fn new(model: &Model) -> Result<Self, Box<dyn Error>> {
        let (device, queue) = own_device()?;
        let engine = Engine::from_wgpu(device.clone(), queue)?;
        // The callback belongs to the application, so it has to tell the engine.
        let note = engine.device_lost_note();
        device.set_device_lost_callback(move |_, message| note(&message));
        // Any executor can await this; the interface stays responsive.
        let net = pollster::block_on(engine.prepare_async(model, PrepareOptions::default()))?;
        Ok(Classifier { device, net })
    }

    /// Classifies a picture. If the device was lost, on a new one.
    pub fn classify(&mut self, picture: &Pixels) -> Result<Classification, Box<dyn Error>> {
        match self.attempt(picture) {
            Err(error) if error.kind() == ErrorKind::DeviceLost => {
                *self = Classifier::new(self.net.model())?;
                Ok(self.attempt(picture)?)
            }
            other => Ok(other?),
        }
    }

    fn attempt(&self, picture: &Pixels) -> lq_infer::Result<Classification> {
        pollster::block_on(self.net.classify_async(picture.clone(), ClassifyOptions::default()))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: embed PICTURE")?;
    let result = Classifier::new(&Model::bundled()?)?.classify(&Pixels::open(path)?)?;
    for p in result.top {
        println!("{:>5.1}%  {}", 100.0 * p.probability, p.label);
    }
    Ok(())
}
