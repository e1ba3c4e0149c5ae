//! A network of the zoo as arguments describe it.

use crate::error::Error;
use crate::graph::{Op, Weights};
use crate::zoo::{self, Definition, Network, Uniform, Widths};
use clap::Args;

/// The number of bits that means float.
const FLOAT: usize = 32;
/// Bits unless the arguments say otherwise.
const USUAL: usize = 2;

#[derive(Args, Debug)]
pub(super) struct WidthArgs {
    /// Bits of quantized weights, 32 for float
    #[arg(long, value_name = "BITS", default_value_t = USUAL)]
    weights: usize,
    /// Bits of quantized activations, 32 for float [default: 2, or float where the network leaves them so]
    #[arg(long, value_name = "BITS")]
    activations: Option<usize>,
}

/// Uniform widths, with other numbers than usual at the ends of the network.
pub(super) struct Ends {
    pub widths: Uniform,
    pub classes: Option<usize>,
    pub input_size: Option<usize>,
}

impl Widths for Ends {
    fn weights(&self, layer: &str) -> Weights {
        self.widths.weights(layer)
    }

    fn activation_bits(&self, layer: &str) -> Option<usize> {
        self.widths.activation_bits(layer)
    }

    fn outputs(&self, layer: &str, usual: usize) -> usize {
        self.widths.outputs(layer, usual)
    }

    fn classes(&self, _: &str, usual: usize) -> usize {
        self.classes.unwrap_or(usual)
    }

    fn input_size(&self, usual: usize) -> usize {
        self.input_size.unwrap_or(usual)
    }
}

impl WidthArgs {
    /// The network with this id.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none, or if it cannot have these widths.
    pub(super) fn build(
        &self,
        id: &str,
        classes: Option<usize>,
        input_size: Option<usize>,
    ) -> Result<(&'static Network, Definition), Error> {
        let network = zoo::find(id).map_err(Error::Usage)?;
        let definition = network.build(&Ends { widths: self.uniform(), classes, input_size }).map_err(Error::Usage)?;
        self.check(id, &definition)?;
        Ok((network, definition))
    }

    fn uniform(&self) -> Uniform {
        let activations = self.activations.unwrap_or(USUAL);
        Uniform {
            weights: if self.weights == FLOAT { Weights::Float } else { Weights::Planes { bits: self.weights } },
            activation_bits: (activations != FLOAT).then_some(activations),
        }
    }

    /// Refuses bits of activations for a network that does not quantize them.
    fn check(&self, id: &str, definition: &Definition) -> Result<(), Error> {
        let quantizes = definition.graph.nodes().iter().any(|node| matches!(node.op, Op::Quantize { .. }));
        match self.activations {
            Some(bits) if bits != FLOAT && !quantizes => Err(Error::Usage(format!(
                "{id} leaves its activations in float: --activations {bits} has no meaning for it. Leave it out, or give \
                 32; preact-resnet and torch-resnet networks quantize theirs"
            ))),
            _ => Ok(()),
        }
    }
}
