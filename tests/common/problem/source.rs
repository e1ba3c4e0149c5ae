//! The input of a random network.

use super::super::rng::Rng;
use super::Input;
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::lower::InputKind;
use lq_infer::internals::tensor::Shape;

/// What the network's input is and what reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Pixels with a per-channel mean, folded into the first convolution.
    Pixels,
    /// The same, given as the first layer's tensor.
    PixelsAsTensor,
    /// Pixels minus a mean image.
    MeanImage,
    /// A tensor read by a float convolution.
    Tensor,
    /// A tensor read by a float convolution and a shortcut.
    TensorTwice,
    /// A tensor read by a quantizer.
    Quantized,
}

impl Source {
    pub fn random(rng: &mut Rng) -> Self {
        use Source::*;
        rng.pick(&[Pixels, Pixels, Pixels, PixelsAsTensor, MeanImage, Tensor, TensorTwice, Quantized, Quantized])
    }

    pub fn shape(self, rng: &mut Rng) -> Shape {
        let c = match self {
            Source::Pixels | Source::PixelsAsTensor | Source::MeanImage => 3,
            Source::Tensor | Source::TensorTwice => rng.pick(&[1, 3, 5, 16]),
            Source::Quantized => rng.pick(&[3, 5, 16, 20, 33, 64, 70]),
        };
        let most = if c > 16 { 7 } else { 13 };
        Shape::new(rng.between(4, most), rng.between(4, most), c).unwrap()
    }

    pub fn fill(self, rng: &mut Rng, shape: Shape, images: usize) -> (Input, Normalize, InputKind) {
        let count = images * shape.elements();
        let pixels: Vec<u8> = (0..count).map(|_| rng.below(256) as u8).collect();
        let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        match self {
            Source::Pixels => (Input::Pixels(pixels), Normalize::Channel { mean, std }, InputKind::Pixels),
            Source::PixelsAsTensor => {
                let normal = |(i, &p): (usize, &u8)| ((f64::from(p) / 255.0 - mean[i % 3]) / std[i % 3]) as f32;
                let tensor = pixels.iter().enumerate().map(normal).collect();
                (Input::Tensor(tensor), Normalize::Channel { mean, std }, InputKind::Tensor)
            }
            Source::MeanImage => {
                let mean: Vec<f32> = (0..shape.elements()).map(|_| rng.uniform(100.0, 140.0) as f32).collect();
                let normal = |(i, &p): (usize, &u8)| (f32::from(p) - mean[i % mean.len()]) / 128.0;
                let tensor = pixels.iter().enumerate().map(normal).collect();
                (Input::Tensor(tensor), Normalize::MeanImage { divide: 128.0 }, InputKind::Pixels)
            }
            Source::Tensor | Source::TensorTwice | Source::Quantized => {
                let tensor = (0..count).map(|_| rng.normal() as f32).collect();
                (Input::Tensor(tensor), Normalize::TensorOnly { range: 6.0 }, InputKind::Tensor)
            }
        }
    }
}
