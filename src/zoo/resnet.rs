//! Post-activation ResNets for ImageNet (paper section 5.2, weights only; original files `imagenet.py`, mode resnet,
//! and `resnet_model.py`). They have no activation quantizers at all.

use super::definition::{Definition, Widths};
use super::layers::NetworkBuilder;
use super::pictures::imagenet;
use super::residual::{IMAGENET_SIZE, Stages, branch, imagenet_stem, projection};

pub(crate) fn build(widths: &dyn Widths, stages: Stages) -> Result<Definition, String> {
    let mut net = NetworkBuilder::new(widths, IMAGENET_SIZE)?;
    let mut x = imagenet_stem(&mut net);
    for block in (0..stages.blocks.len()).flat_map(|group| stages.group(group)) {
        let sum = branch(&mut net, x, &block, false);
        let shortcut = projection(&mut net, x, sum, &block);
        x = net.add(&block.name("add"), sum, shortcut);
        x = net.relu(&block.name("add"), x);
    }
    let x = net.global_average(x);
    net.classifier("linear", x, 1000);
    let preprocess = imagenet(net.size(), IMAGENET_SIZE);
    net.finish(preprocess)
}
