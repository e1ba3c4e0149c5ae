//! The list of all networks, with their ids and labels.

use super::definition::{Definition, Widths};
use super::preact_resnet::Shortcuts::{Projection, TypeA};
use super::residual::{IMAGENET_18, IMAGENET_34, IMAGENET_50, IMAGENET_101, IMAGENET_152};
use super::torch_port::Pictures::{Cifar10, ImageNet};
use super::torch_vgg::{Norm, VGG_11, VGG_13, VGG_16, VGG_19};
use super::{
    alexnet, densenet, googlenet_variant, preact_resnet, resnet, torch_cifar, torch_resnet, torch_vgg, vgg_small,
    vgg_variant,
};
use crate::text;

type Build = fn(&dyn Widths) -> Result<Definition, String>;

/// An entry of the zoo.
pub struct Network {
    /// Stable id, as in `--arch`.
    pub id: &'static str,
    /// Labels of the data set that it is usually trained on, one per line.
    labels: &'static str,
    build: Build,
}

impl Network {
    const fn cifar10(id: &'static str, build: Build) -> Self {
        Network { id, labels: CIFAR10, build }
    }

    const fn imagenet(id: &'static str, build: Build) -> Self {
        Network { id, labels: IMAGENET, build }
    }

    /// The network at the given widths.
    pub fn build(&self, widths: &dyn Widths) -> Result<Definition, String> {
        (self.build)(widths)
    }

    /// Labels of the data set it is usually trained on, in order of the classes.
    pub fn labels(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.labels.lines()
    }
}

/// All networks.
pub const NETWORKS: &[Network] = &[
    Network::cifar10("cifar-resnet-20", |w| preact_resnet::build_cifar(w, &[3; 3])),
    Network::cifar10("cifar-resnet-32", |w| preact_resnet::build_cifar(w, &[5; 3])),
    Network::cifar10("cifar-resnet-44", |w| preact_resnet::build_cifar(w, &[7; 3])),
    Network::cifar10("cifar-resnet-56", |w| preact_resnet::build_cifar(w, &[9; 3])),
    Network::cifar10("cifar-resnet-110", |w| preact_resnet::build_cifar(w, &[18; 3])),
    Network::cifar10("vgg-small", vgg_small::build),
    Network::imagenet("alexnet", alexnet::build),
    Network::imagenet("vgg-variant", vgg_variant::build),
    Network::imagenet("googlenet-variant", googlenet_variant::build),
    Network::imagenet("densenet-121", densenet::build),
    Network::imagenet("preact-resnet-18", |w| preact_resnet::build(w, IMAGENET_18, Projection)),
    Network::imagenet("preact-resnet-34", |w| preact_resnet::build(w, IMAGENET_34, Projection)),
    Network::imagenet("preact-resnet-50", |w| preact_resnet::build(w, IMAGENET_50, Projection)),
    Network::imagenet("preact-resnet-101", |w| preact_resnet::build(w, IMAGENET_101, Projection)),
    Network::imagenet("preact-resnet-152", |w| preact_resnet::build(w, IMAGENET_152, Projection)),
    Network::imagenet("preact-resnet-type-a-18", |w| preact_resnet::build(w, IMAGENET_18, TypeA)),
    Network::imagenet("preact-resnet-type-a-34", |w| preact_resnet::build(w, IMAGENET_34, TypeA)),
    Network::imagenet("preact-resnet-type-a-50", |w| preact_resnet::build(w, IMAGENET_50, TypeA)),
    Network::imagenet("preact-resnet-type-a-101", |w| preact_resnet::build(w, IMAGENET_101, TypeA)),
    Network::imagenet("preact-resnet-type-a-152", |w| preact_resnet::build(w, IMAGENET_152, TypeA)),
    Network::imagenet("resnet-18", |w| resnet::build(w, IMAGENET_18)),
    Network::imagenet("resnet-34", |w| resnet::build(w, IMAGENET_34)),
    Network::imagenet("resnet-50", |w| resnet::build(w, IMAGENET_50)),
    Network::imagenet("resnet-101", |w| resnet::build(w, IMAGENET_101)),
    Network::imagenet("resnet-152", |w| resnet::build(w, IMAGENET_152)),
    Network::imagenet("torch-resnet-18", |w| torch_resnet::build(w, IMAGENET_18, ImageNet)),
    Network::imagenet("torch-resnet-34", |w| torch_resnet::build(w, IMAGENET_34, ImageNet)),
    Network::imagenet("torch-resnet-50", |w| torch_resnet::build(w, IMAGENET_50, ImageNet)),
    Network::imagenet("torch-resnet-101", |w| torch_resnet::build(w, IMAGENET_101, ImageNet)),
    Network::imagenet("torch-resnet-152", |w| torch_resnet::build(w, IMAGENET_152, ImageNet)),
    Network::imagenet("torch-vgg-11", |w| torch_vgg::build(w, VGG_11, Norm::None, ImageNet)),
    Network::imagenet("torch-vgg-11-bn", |w| torch_vgg::build(w, VGG_11, Norm::Batch, ImageNet)),
    Network::imagenet("torch-vgg-13", |w| torch_vgg::build(w, VGG_13, Norm::None, ImageNet)),
    Network::imagenet("torch-vgg-13-bn", |w| torch_vgg::build(w, VGG_13, Norm::Batch, ImageNet)),
    Network::imagenet("torch-vgg-16", |w| torch_vgg::build(w, VGG_16, Norm::None, ImageNet)),
    Network::imagenet("torch-vgg-16-bn", |w| torch_vgg::build(w, VGG_16, Norm::Batch, ImageNet)),
    Network::imagenet("torch-vgg-19", |w| torch_vgg::build(w, VGG_19, Norm::None, ImageNet)),
    Network::imagenet("torch-vgg-19-bn", |w| torch_vgg::build(w, VGG_19, Norm::Batch, ImageNet)),
    Network::cifar10("torch-cifar-resnet-20", |w| torch_cifar::build(w, &[3; 3])),
    Network::cifar10("torch-cifar-resnet-32", |w| torch_cifar::build(w, &[5; 3])),
    Network::cifar10("torch-cifar-resnet-44", |w| torch_cifar::build(w, &[7; 3])),
    Network::cifar10("torch-cifar-resnet-56", |w| torch_cifar::build(w, &[9; 3])),
    Network::cifar10("torch-cifar-resnet-110", |w| torch_cifar::build(w, &[18; 3])),
    Network::cifar10("torch-cifar-resnet-b-20", |w| torch_cifar::build_projections(w, &[3; 3])),
    Network::cifar10("torch-cifar-resnet-b-32", |w| torch_cifar::build_projections(w, &[5; 3])),
    Network::cifar10("torch-cifar-resnet-b-44", |w| torch_cifar::build_projections(w, &[7; 3])),
    Network::cifar10("torch-cifar-resnet-b-56", |w| torch_cifar::build_projections(w, &[9; 3])),
    Network::cifar10("torch-cifar-resnet-b-110", |w| torch_cifar::build_projections(w, &[18; 3])),
    Network::cifar10("torch-resnet-18-cifar10", |w| torch_resnet::build(w, IMAGENET_18, Cifar10)),
    Network::cifar10("torch-resnet-34-cifar10", |w| torch_resnet::build(w, IMAGENET_34, Cifar10)),
    Network::cifar10("torch-resnet-50-cifar10", |w| torch_resnet::build(w, IMAGENET_50, Cifar10)),
    Network::cifar10("torch-resnet-101-cifar10", |w| torch_resnet::build(w, IMAGENET_101, Cifar10)),
    Network::cifar10("torch-resnet-152-cifar10", |w| torch_resnet::build(w, IMAGENET_152, Cifar10)),
    Network::cifar10("torch-vgg-11-cifar10", |w| torch_vgg::build(w, VGG_11, Norm::None, Cifar10)),
    Network::cifar10("torch-vgg-11-bn-cifar10", |w| torch_vgg::build(w, VGG_11, Norm::Batch, Cifar10)),
    Network::cifar10("torch-vgg-13-cifar10", |w| torch_vgg::build(w, VGG_13, Norm::None, Cifar10)),
    Network::cifar10("torch-vgg-13-bn-cifar10", |w| torch_vgg::build(w, VGG_13, Norm::Batch, Cifar10)),
    Network::cifar10("torch-vgg-16-cifar10", |w| torch_vgg::build(w, VGG_16, Norm::None, Cifar10)),
    Network::cifar10("torch-vgg-16-bn-cifar10", |w| torch_vgg::build(w, VGG_16, Norm::Batch, Cifar10)),
    Network::cifar10("torch-vgg-19-cifar10", |w| torch_vgg::build(w, VGG_19, Norm::None, Cifar10)),
    Network::cifar10("torch-vgg-19-bn-cifar10", |w| torch_vgg::build(w, VGG_19, Norm::Batch, Cifar10)),
];

/// The network with an id, or an error that names the one that was probably meant, or all.
pub fn find(id: &str) -> Result<&'static Network, String> {
    NETWORKS.iter().find(|n| n.id == id).ok_or_else(|| {
        let known = NETWORKS.iter().map(|n| n.id);
        let meant = text::did_you_mean(id, known);
        format!("network '{}' is unknown{meant} (`lq-infer networks` lists all)", text::plain(id))
    })
}

/// Classes of CIFAR-10 in the order of its label bytes (Krizhevsky 2009).
const CIFAR10: &str = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
/// Short names of the ILSVRC 2012 classes in the order of their WordNet ids, no name twice. From torchvision 0.20
/// (`torchvision/models/_meta.py`), under the licence in `imagenet_labels.LICENSE`.
const IMAGENET: &str = include_str!("imagenet_labels.txt");
