//! Network definitions: those of the paper, with the layer names of the original code, and those of the PyTorch ports,
//! with torchvision's. One definition serves recognition, binding and shapes: while it is built, it asks for the
//! widths of each layer.

mod alexnet;
mod definition;
mod densenet;
mod googlenet_variant;
mod layers;
mod networks;
mod pictures;
mod preact_resnet;
mod residual;
mod resnet;
mod synsets;
mod torch_cifar;
mod torch_port;
mod torch_resnet;
mod torch_vgg;
mod vgg_small;
mod vgg_variant;

pub use definition::{Codes, Copies, Definition, Uniform, Widths};
pub use networks::{NETWORKS, Network, find};
pub use synsets::class_of_synset;
