//! The course of a training.

use super::cpu::Cpu;
use super::data::{Dataset, Feed, order};
use super::gpu::OnGpu;
use super::init;
use super::machine::{Lesson, Machine};
use super::progress::{Epoch, Position, Score};
use super::settings::Settings;
use super::sgd::Descent;
use super::state::{self, Record};
use super::steps::loss::{Targets, Worth, loss};
use crate::backend::gpu::Gpu;
use crate::convert::CustomNetwork;
use crate::error::{Error, Result};
use crate::float::best;
use crate::format::Packed;
use crate::graph::preprocess::Normalize;
use crate::threads;
use std::path::Path;

/// What is trained.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The network.
    pub network: CustomNetwork,
    /// Its id in the zoo, if it is there.
    pub arch: Option<String>,
}

/// Where training runs.
#[derive(Clone, Debug, Default)]
pub enum On {
    /// On the CPU.
    #[default]
    Cpu,
    /// On this GPU.
    Gpu(Box<Gpu>),
}

/// With what training starts.
pub enum Start<'a> {
    /// Random weights.
    Random,
    /// The parameters of a float network with the same layers, from a file.
    From {
        /// The network.
        float: &'a Packed,
        /// The file.
        path: &'a Path,
    },
}

/// A training.
pub struct Trainer {
    subject: Subject,
    settings: Settings,
    position: Position,
    machine: Box<dyn Machine>,
    feed: Feed,
    mean_image: Option<Vec<f32>>,
    /// Digest of the training pictures' classes.
    data: u32,
    /// The order of the pictures in the epoch of this number.
    order: (usize, Vec<usize>),
}

/// What a step gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Pictures of the step.
    pub pictures: usize,
    /// Mean loss in this epoch so far.
    pub loss: f64,
    /// Share of this epoch's pictures so far that was classified right.
    pub accuracy: f64,
}

/// What a network makes of some pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What it is worth.
    pub score: Score,
    /// The class that each picture is taken for.
    pub classes: Vec<usize>,
}

impl Trainer {
    /// A training from its start on the pictures in `data`.
    ///
    /// # Errors
    /// [`Error::Usage`] if the network cannot be trained so, and those of the device.
    pub fn new(on: &On, subject: Subject, mut settings: Settings, start: Start, data: &Dataset) -> Result<Self> {
        settings.check()?;
        settings.batch = settings.batch.min(data.len()).max(1);
        let mean_image = match subject.network.preprocess.normalize {
            Normalize::TensorOnly { .. } => Some(data.mean_image(&subject.network.preprocess.resize)?),
            _ => None,
        };
        let mut trainer = Self::with(on, subject, settings, mean_image, digest(data))?;
        let (graph, kept) = (&trainer.subject.network.graph, trainer.machine.kept()?);
        match start {
            Start::Random => init::random(kept, graph, trainer.settings.seed),
            Start::From { float, path } => {
                init::take(kept, graph, &float.params).map_err(|problem| {
                    let (name, classes) = (&float.header.name, float.header.graph.classes());
                    let found = format!("holds {name} with {classes} classes");
                    Error::bad_input(path, format!("{found}, which is not the network to train: {problem}"))
                })?;
            }
        }
        trainer.machine.keep()?;
        Ok(trainer)
    }

    /// A training as a file of its state has it, on the same pictures.
    ///
    /// # Errors
    /// [`Error::BadCheckpoint`] if the file holds no state, or one of a training on other pictures; those of the device.
    pub fn resume(on: &On, path: &Path, data: &Dataset) -> Result<Self> {
        let loaded = state::open(path)?;
        let Record { arch, settings, position, data: digest_then, .. } = loaded.record.clone();
        if digest_then != digest(data) {
            let problem = "was trained on other pictures: their number or their classes are not the same";
            return Err(Error::bad_checkpoint(path, problem));
        }
        let subject = Subject { network: loaded.definition.clone(), arch };
        let mut trainer = Self::with(on, subject, settings, loaded.mean_image()?, digest_then)?;
        loaded.restore(trainer.machine.kept()?)?;
        trainer.machine.keep()?;
        trainer.machine.set_learned(position.batches);
        trainer.position = position;
        Ok(trainer)
    }

    /// What a file of a state says of its training.
    ///
    /// # Errors
    /// It holds none.
    pub fn peek(path: &Path) -> Result<(Subject, Settings, Position)> {
        let loaded = state::open(path)?;
        let Record { arch, settings, position, .. } = loaded.record;
        Ok((Subject { network: loaded.definition, arch }, settings, position))
    }

    fn with(on: &On, subject: Subject, settings: Settings, mean_image: Option<Vec<f32>>, data: u32) -> Result<Self> {
        threads::enter()?;
        let CustomNetwork { graph, preprocess, weight_ties, .. } = &subject.network;
        let machine: Box<dyn Machine> = match on {
            On::Cpu => Box::new(Cpu::new(graph, *weight_ties, settings.batch)?),
            On::Gpu(gpu) => Box::new(OnGpu::new(gpu, graph, *weight_ties, settings.batch)?),
        };
        let divide = match preprocess.normalize {
            Normalize::TensorOnly { range } => 255.0 / range,
            _ => 1.0,
        };
        let feed = Feed {
            preprocess: preprocess.clone(),
            mean_image: mean_image.clone().map(|mean| (mean, divide as f32)),
            augment: settings.augment,
            mirror: settings.mirror,
            seed: settings.seed,
        };
        let position = Position::default();
        let order = (usize::MAX, Vec::new());
        Ok(Trainer { subject, settings, position, machine, feed, mean_image, data, order })
    }

    /// Sets a float network whose probabilities are a part of the targets. It must take the same pictures and have the same
    /// classes.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does not.
    pub fn set_teacher(&mut self, packed: &Packed) -> Result<()> {
        let own = &self.subject.network;
        let (graph, preprocess) = (&packed.header.graph, &packed.header.preprocess);
        if graph.classes() != own.graph.classes() || graph.input_shape() != own.graph.input_shape() {
            return Err(Error::Usage(format!(
                "the teacher takes {} and has {} classes, the network takes {} and has {}",
                graph.input_shape(),
                graph.classes(),
                own.graph.input_shape(),
                own.graph.classes()
            )));
        }
        if preprocess != &own.preprocess {
            return Err(Error::Usage(
                "the teacher takes its pictures in another preprocessing than the network".into(),
            ));
        }
        self.machine.set_teacher(graph, &packed.params)
    }

    /// What is trained.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// How.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How far it is.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Batches of an epoch. Pictures that are left over wait for another epoch, which has another order.
    pub fn batches(&self, data: &Dataset) -> usize {
        data.len() / self.settings.batch
    }

    /// Whether all epochs are done.
    pub fn is_done(&self) -> bool {
        self.position.epoch >= self.settings.epochs
    }

    /// Size of the next step.
    pub fn rate(&self, pictures: usize) -> f64 {
        let batches = (pictures / self.settings.batch).max(1) as f64;
        let epoch = self.position.epoch as f64 + (self.position.batch as f64 + 0.5) / batches;
        let share = self.settings.schedule.share(epoch, self.settings.epochs as f64, self.settings.warmup);
        self.settings.rate * share
    }

    /// One step. After the last of an epoch, [`Trainer::end_epoch`] must follow.
    ///
    /// # Errors
    /// A picture cannot be read; [`Error::Usage`] if the loss is no number any more.
    pub fn step(&mut self, data: &Dataset) -> Result<Step> {
        let rate = self.rate(data.len());
        if self.order.0 != self.position.epoch {
            self.order = (self.position.epoch, order(data.len(), self.settings.seed, self.position.epoch));
        }
        let (batch, first) = (self.settings.batch, self.position.batch * self.settings.batch);
        let chosen = &self.order.1[first..first + batch];
        let labels: Vec<usize> = chosen.iter().map(|&at| data.labels[at]).collect();
        self.feed.fill(data, chosen, Some(self.position.epoch), self.machine.input(batch))?;
        let targets = Targets { smoothing: self.settings.smoothing, teacher: self.settings.teacher };
        let descent = Descent { rate, momentum: self.settings.momentum, decay: self.settings.decay };
        let known = self.machine.learn(&Lesson { labels: &labels, targets, descent })?;
        self.position.batch += 1;
        self.position.batches += 1;
        self.note(&known)?;
        let position = &self.position;
        let seen = position.seen.max(1) as f64;
        Ok(Step { pictures: batch, loss: position.loss / seen, accuracy: position.right as f64 / seen })
    }

    /// Adds up what batches of this epoch were worth.
    fn note(&mut self, known: &[Worth]) -> Result<()> {
        for worth in known {
            if !worth.loss.is_finite() {
                return Err(self.diverged(worth.loss));
            }
            let position = &mut self.position;
            position.loss += worth.loss;
            position.right += worth.right;
            position.seen += self.settings.batch;
        }
        Ok(())
    }

    /// Waits for all batches, so that what they were worth is known.
    fn settle(&mut self) -> Result<()> {
        let known = self.machine.settle()?;
        self.note(&known)
    }

    fn diverged(&mut self, loss: f64) -> Error {
        let Position { epoch, batch, .. } = self.position;
        let layer = self
            .machine
            .not_finite(self.settings.batch)
            .map_or(String::new(), |layer| format!("; layer '{layer}' is the first with numbers that are not finite"));
        Error::Usage(format!(
            "the loss is {loss} in epoch {}, batch {}{layer}. A smaller --lr or a longer --warmup may help",
            epoch + 1,
            batch
        ))
    }

    /// Whether all batches of the epoch are done.
    pub fn is_epoch_done(&self, data: &Dataset) -> bool {
        (self.position.batch + 1) * self.settings.batch > data.len()
    }

    /// Ends an epoch with what the network is worth on other pictures.
    ///
    /// # Errors
    /// Those of the device; [`Error::Usage`] if the loss is no number any more.
    pub fn end_epoch(&mut self, validation: Option<Score>, data: &Dataset) -> Result<&Epoch> {
        self.settle()?;
        self.position.batch = self.position.batch.saturating_sub(1);
        let rate = self.rate(data.len());
        let position = &mut self.position;
        let seen = position.seen.max(1) as f64;
        position.epoch += 1;
        let (loss, accuracy) = (position.loss / seen, position.right as f64 / seen);
        position.history.push(Epoch { epoch: position.epoch, rate, loss, accuracy, validation });
        (position.batch, position.loss, position.right, position.seen) = (0, 0.0, 0, 0);
        Ok(&position.history[position.history.len() - 1])
    }

    /// What the network makes of some pictures as it is.
    ///
    /// # Errors
    /// One cannot be read; those of the device.
    pub fn evaluate(&mut self, data: &Dataset, progress: &dyn Fn(usize, usize)) -> Result<Evaluation> {
        let (mut classes, mut total) = (Vec::new(), 0.0);
        let numbers: Vec<usize> = (0..data.len()).collect();
        let targets = Targets { smoothing: 0.0, teacher: 0.0 };
        self.settle()?;
        for some in numbers.chunks(self.machine.capacity()) {
            progress(classes.len(), data.len());
            self.feed.fill(data, some, None, self.machine.input(some.len()))?;
            let logits = self.machine.infer(some.len())?;
            let mut gradient = vec![0.0; logits.len()];
            let labels = &data.labels[classes.len()..classes.len() + some.len()];
            total += loss(&logits, labels, &[], targets, &mut gradient).loss;
            classes.extend(logits.chunks_exact(logits.len() / some.len()).map(best));
        }
        let right = classes.iter().zip(&data.labels).filter(|(found, label)| found == label).count();
        let pictures = data.len();
        let share = |x: f64| x / pictures.max(1) as f64;
        Ok(Evaluation { score: Score { pictures, loss: share(total), accuracy: share(right as f64) }, classes })
    }

    /// Writes the state, from which [`Trainer::resume`] goes on as if nothing had happened.
    ///
    /// # Errors
    /// [`Error::Io`], and those of the device.
    pub fn save(&mut self, path: &Path) -> Result<()> {
        self.settle()?;
        let record = Record::new(self.subject.arch.clone(), self.settings.clone(), self.position.clone(), self.data);
        let mean = self.mean_image.as_deref();
        state::stage(path, &self.subject.network, self.machine.kept()?, mean, &record)?.commit()
    }
}

/// Tells datasets apart by the number and the classes of their pictures.
fn digest(data: &Dataset) -> u32 {
    let bytes: Vec<u8> = data.labels.iter().flat_map(|&label| (label as u32).to_le_bytes()).collect();
    crc32c::crc32c(&bytes)
}
