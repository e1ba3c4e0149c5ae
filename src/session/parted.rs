//! Pictures in textures: a batch whose work a host records in several submissions, so that it can draw in between.

use super::Net;
use super::prepared::Prepared;
use super::textures::textures;
use crate::backend::gpu::picture::TexturePicture;
use crate::error::{Error, Result};
use crate::lower::InputKind;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// A network on a GPU whose work is recorded part by part. It owns its net, so that nothing else runs on it meanwhile: the
/// parts share its memory.
///
/// The parts have about equally many launches each. The caller submits all of them in the order in which they were
/// recorded, in one submission or in several.
pub struct PartedNet {
    net: Net,
    prepared: Arc<Prepared>,
    parts: usize,
    /// Pictures of the batch that was started, and the part that comes next.
    at: Option<(usize, usize)>,
}

impl PartedNet {
    /// Takes over a net that has no other clones, to be run in so many parts.
    ///
    /// # Errors
    /// [`Error::Usage`] if there are other clones, or as for [`Net::encode`]; those of [`super::Engine::prepare`], if the
    /// program for pixels is not prepared yet.
    pub fn new(net: Net, parts: NonZeroUsize) -> Result<Self> {
        if Arc::strong_count(&net.programs) > 1 {
            return Err(Error::Usage("a net that is run in parts must be the only clone".into()));
        }
        let prepared = net.programs.get(InputKind::Pixels)?;
        textures(net.model(), &prepared)?;
        Ok(PartedNet { net, prepared, parts: parts.get(), at: None })
    }

    /// Size in bytes of the output for so many pictures, see [`Net::output_bytes`].
    ///
    /// # Errors
    /// None that [`PartedNet::new`] has not reported.
    pub fn output_bytes(&self, pictures: usize) -> Result<u64> {
        self.net.output_bytes(pictures)
    }

    /// Logits of each picture from the contents of the output, see [`Net::read_output`].
    ///
    /// # Errors
    /// Those of [`Net::read_output`].
    pub fn read_output(&self, bytes: &[u8]) -> Result<Vec<Vec<f32>>> {
        self.net.read_output(bytes)
    }

    /// The net, which can be used for other work again.
    pub fn into_net(self) -> Net {
        self.net
    }

    /// Starts a batch, as [`Net::encode`] does: records how the pictures become the network's input. A batch that is not done
    /// is given up.
    ///
    /// # Errors
    /// Those of [`Net::encode`].
    pub fn start(&mut self, encoder: &mut wgpu::CommandEncoder, pictures: &[TexturePicture]) -> Result<()> {
        self.at = None;
        let (gpu, target) = textures(self.net.model(), &self.prepared)?;
        gpu.encode_start(encoder, pictures, &target)?;
        self.at = Some((pictures.len(), 0));
        Ok(())
    }

    /// Records the next part, and returns whether it was the last, which fills `output`.
    ///
    /// # Errors
    /// [`Error::Usage`] if no batch was started, or the output is not as described there; then the part is still the next.
    pub fn encode_next(&mut self, encoder: &mut wgpu::CommandEncoder, output: &wgpu::Buffer) -> Result<bool> {
        let Some((pictures, part)) = self.at else {
            return Err(Error::Usage("no batch was started, or all its parts are recorded".into()));
        };
        let (gpu, _) = textures(self.net.model(), &self.prepared)?;
        let dispatches = gpu.dispatches().len();
        let first = |part: usize| dispatches * part / self.parts;
        gpu.encode_part(encoder, pictures, first(part)..first(part + 1), output)?;
        let last = part + 1 == self.parts;
        self.at = (!last).then_some((pictures, part + 1));
        Ok(last)
    }
}
