//! The arguments of `lq-infer train`.

use crate::cli::args::{DeviceArg, parse_count};
use crate::error::{Error, Result};
use crate::quantize::LayerBits;
use crate::train::{Augment, Schedule, Settings};
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(crate) struct TrainArgs {
    /// Id of a network, see `lq-infer networks`
    #[arg(required_unless_present_any = ["graph", "resume"], conflicts_with_all = ["graph", "resume"])]
    pub id: Option<String>,
    /// JSON file that describes a network of your own (see models/README.md and `lq-infer graph`)
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub graph: Option<PathBuf>,
    /// Training pictures: a directory with one folder per class, with images.npy and labels.npy, or with the files of CIFAR-10's
    /// binary version
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Validation pictures, in the same form, to measure accuracy on after each epoch [default: a tenth of the training pictures,
    /// which is held out]
    #[arg(long, value_name = "DIR")]
    pub val: Option<PathBuf>,
    /// Packed model to write
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Bits of weights and activations, 1 to 8 or 32 for float
    #[arg(long, value_name = "W/A", default_value = "2/2", conflicts_with_all = ["graph", "resume"])]
    pub bits: LayerBits,
    /// Height and width of the pictures, if not those of the original network
    #[arg(long, value_name = "PIXELS", value_parser = parse_count, conflicts_with_all = ["graph", "resume"])]
    pub input_size: Option<usize>,
    /// Float checkpoint of the same network to start from
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub from: Option<PathBuf>,
    /// Float checkpoint of a teacher, whose probabilities become a part of the targets (distillation)
    #[arg(long, value_name = "FILE")]
    pub teacher: Option<PathBuf>,
    /// State of a training to go on with, as if it had not been interrupted. Network, bits and settings come from the state: leave
    /// them out
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// File for the state, from which --resume goes on [default: OUT with the ending .training.safetensors]
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub state: Option<PathBuf>,
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// File for one line of JSON for each epoch
    #[arg(long, value_name = "LOG")]
    pub json: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArg,
}

/// How the network is trained. A state has its own settings.
#[derive(Args, Debug)]
pub(crate) struct SettingsArgs {
    /// Passes over all pictures. Those that do not fill a batch at the end of an epoch are left out of it; the next one has another
    /// order
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = parse_count, conflicts_with = "resume")]
    epochs: usize,
    /// Batch size: pictures per step
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = parse_count, conflicts_with = "resume")]
    batch: usize,
    /// Highest learning rate
    #[arg(long, value_name = "X", default_value_t = 0.1, allow_negative_numbers = true, conflicts_with = "resume")]
    lr: f64,
    /// How the learning rate falls: along a cosine, or to a tenth after each of --milestones
    #[arg(long, value_enum, default_value_t = ScheduleArg::Cosine, conflicts_with = "resume")]
    schedule: ScheduleArg,
    /// Epochs after which the learning rate falls to a tenth [default: half and three quarters of all]
    #[arg(long, value_name = "N,N", value_delimiter = ',', conflicts_with = "resume")]
    milestones: Option<Vec<f64>>,
    /// Epochs over which the learning rate rises from 0
    #[arg(long, value_name = "X", default_value_t = 1.0, conflicts_with = "resume")]
    warmup: f64,
    /// Momentum of Nesterov's method
    #[arg(long, value_name = "X", default_value_t = 0.9, conflicts_with = "resume")]
    momentum: f64,
    /// Weight decay (L2), for weights but not for biases and batch norms
    #[arg(long, value_name = "X", default_value_t = 1e-4, conflicts_with = "resume")]
    weight_decay: f64,
    /// Label smoothing: share of the target that is spread over all classes
    #[arg(long, value_name = "X", default_value_t = 0.0, conflicts_with = "resume")]
    label_smoothing: f64,
    /// Share of the target that comes from the teacher
    #[arg(long, value_name = "X", default_value_t = 0.5, conflicts_with = "resume")]
    teacher_share: f64,
    /// Augmentation: how pictures are varied at random [default: shift for pictures of up to 64 pixels, else crop]
    #[arg(long, value_enum, conflicts_with = "resume")]
    augment: Option<AugmentArg>,
    /// Do not mirror pictures at random: for text, or where left and right differ otherwise
    #[arg(long, conflicts_with = "resume")]
    no_mirror: bool,
    /// Random seed of initial weights, the order of pictures, and augmentation
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "resume")]
    seed: u64,
}

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ScheduleArg {
    Cosine,
    Steps,
}

/// How pictures are varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum AugmentArg {
    /// Not at all
    None,
    /// Moved by up to an eighth of their size each way
    Shift,
    /// A random part of 8 to 100 %
    Crop,
}

/// Largest edge of pictures that are shifted unless the user says otherwise.
const SMALL: usize = 64;
impl SettingsArgs {
    /// These arguments for pictures with edges of `size`.
    pub(super) fn settings(&self, size: usize) -> Result<Settings> {
        let epochs = self.epochs;
        let milestones = || self.milestones.clone().unwrap_or_else(|| [0.5, 0.75].map(|s| s * epochs as f64).to_vec());
        let settings = Settings {
            epochs,
            batch: self.batch,
            rate: self.lr,
            schedule: match self.schedule {
                ScheduleArg::Cosine if self.milestones.is_some() => {
                    return Err(Error::Usage("--milestones belong to --schedule steps".into()));
                }
                ScheduleArg::Cosine => Schedule::Cosine,
                ScheduleArg::Steps => Schedule::Steps(milestones()),
            },
            warmup: self.warmup.min(epochs as f64),
            momentum: self.momentum,
            decay: self.weight_decay,
            smoothing: self.label_smoothing,
            teacher: self.teacher_share,
            augment: match self.augment {
                Some(AugmentArg::None) => Augment::None,
                Some(AugmentArg::Shift) => Augment::Shift,
                Some(AugmentArg::Crop) => Augment::Crop,
                None if size <= SMALL => Augment::Shift,
                None => Augment::Crop,
            },
            mirror: !self.no_mirror,
            seed: self.seed,
        };
        settings.check().map(|()| settings)
    }
}
