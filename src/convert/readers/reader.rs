//! What every format of checkpoints offers.

use super::evidence::Evidence;
use super::pieces::{Sink, collect};
use super::variable::Variable;
use crate::error::{Error, Result};
use crate::files::{ReadExactAt, RegularFile};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Ends the message about a file that is something else.
pub(super) const ACCEPTED: &str = "accepted are a TensorFlow V2 checkpoint (PREFIX.index with its PREFIX.data files), \
    a NumPy or tensorpack .npz, and a state dict as a PyTorch .pt or .pth or as .safetensors";

/// Opens a file that the one at `index` needs; `what` is the part that it is.
pub(super) fn open_part(path: &Path, what: &str, index: &Path) -> Result<RegularFile> {
    match path.exists() {
        true => RegularFile::open(path),
        false => {
            let problem = format!("this {what} is missing; '{}' needs it", index.display());
            Err(Error::bad_checkpoint(path, problem))
        }
    }
}

/// A checkpoint whose list of variables has been parsed. Their data stay in the file, which is given again to read
/// them.
pub trait Reader: fmt::Debug + Send + Sync {
    /// The kind of file that was recognised.
    fn kind(&self) -> CheckpointKind;

    /// All variables by name, without the trailing ":0" of TensorFlow's names and the prefixes of PyTorch's wrappers.
    fn variables(&self) -> &BTreeMap<String, Variable>;

    /// What the checkpoint says about itself besides.
    fn evidence(&self) -> Evidence {
        Evidence::default()
    }

    /// Index of the data shard that holds a variable; none if its data are in the file that was parsed.
    fn shard(&self, _name: &str) -> Option<usize> {
        None
    }

    /// Passes a variable on as float32, in C order and in pieces of a whole number of `unit` elements (the last one as
    /// long as it is), and checks its checksum if one is stored. One that is stored in another order may be one piece.
    fn stream(&self, file: &dyn ReadExactAt, name: &str, unit: usize, sink: &mut Sink) -> Result<(), String>;

    /// All of a variable, as [`Reader::stream`] passes it on.
    fn read_f32(&self, file: &dyn ReadExactAt, name: &str) -> Result<Vec<f32>, String> {
        let shape = self.variables().get(name).map_or(&[][..], |variable| &variable.shape);
        collect(shape, |sink| self.stream(file, name, 1, sink))
    }
}

/// Which kind of file a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// `PREFIX.index` and `PREFIX.data-0000k-of-0000n`, as `tf.train.Saver` writes them.
    TensorflowV2,
    /// A NumPy archive, as tensorpack dumps it.
    TensorpackNpz,
    /// The archive that `torch.save` writes.
    Torch,
    /// What `torch.save` wrote before PyTorch 1.6.
    TorchLegacy,
    /// A `.safetensors` file of a state dict.
    Safetensors,
}

impl fmt::Display for CheckpointKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CheckpointKind::TensorflowV2 => "TensorFlow V2 checkpoint",
            CheckpointKind::TensorpackNpz => "tensorpack .npz",
            CheckpointKind::Torch => "PyTorch checkpoint",
            CheckpointKind::TorchLegacy => "PyTorch checkpoint (legacy)",
            CheckpointKind::Safetensors => "safetensors state dict",
        })
    }
}
