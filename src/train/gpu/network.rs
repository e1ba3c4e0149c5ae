//! A network on a GPU.

use super::places::Places;
use super::record::{Recorded, StepBuffers};
use crate::backend::gpu::train::{BufferId, Knobs, Recorder, row};
use crate::backend::gpu::{Gpu, List, Resident, Running};
use crate::error::{Error, Result};
use crate::graph::{Graph, Params, Ties};
use crate::train::init;
use crate::train::machine::{Lesson, Machine};
use crate::train::network::Network;
use crate::train::stages::Stage;
use crate::train::steps::loss::Worth;
use crate::train::steps::rate;

/// A network on a GPU. What is kept has a place on the host as well.
pub(in crate::train) struct OnGpu {
    gpu: Gpu,
    resident: Resident,
    host: Network<f32>,
    places: Places,
    stages: Vec<Stage>,
    /// The buffers of the stages' results.
    values: Vec<BufferId>,
    ties: Ties,
    training: Option<Training>,
    inference: List,
    /// The pictures of the next batch, on the host.
    input: Vec<f32>,
    learned: usize,
    teacher: Option<Box<OnGpu>>,
}

/// What only a network that learns has.
struct Training {
    list: List,
    buffers: StepBuffers,
    /// The batch that the device may be at work on.
    pending: Option<Running>,
}

impl OnGpu {
    /// The network of a graph for batches of up to `capacity` pictures.
    ///
    /// # Errors
    /// [`Error::Usage`] if it cannot be trained, [`Error::DeviceLimit`] and [`Error::OutOfMemory`] if it does not fit.
    pub(in crate::train) fn new(gpu: &Gpu, graph: &Graph, ties: Ties, capacity: usize) -> Result<Self> {
        Self::with(gpu, graph, ties, capacity, true)
    }

    fn with(gpu: &Gpu, graph: &Graph, ties: Ties, capacity: usize, for_training: bool) -> Result<Self> {
        let recorded = Recorded::new(Recorder::on(gpu, capacity), graph, ties, for_training).map_err(Error::Usage)?;
        let Recorded { recorder, host, places, stages, values, inference: (first, seconds), training } = recorded;
        let (all, all_seconds) = (recorder.len(), recorder.seconds());
        let resident = Resident::new(gpu, recorder)?;
        let list = |range, seconds| resident.list(range, seconds);
        let training =
            training.map(|buffers| Training { list: list(first..all, all_seconds - seconds), buffers, pending: None });
        let inference = list(0..first, seconds);
        let input = vec![0.0; capacity * graph.input_shape().elements()];
        let gpu = gpu.clone();
        let (learned, teacher) = (0, None);
        let mut network =
            OnGpu { gpu, resident, host, places, stages, values, ties, training, inference, input, learned, teacher };
        network.keep()?;
        Ok(network)
    }

    /// Sends the pictures of the next batch to the device.
    fn send(&self, pictures: &[f32]) -> Result<()> {
        let channels = self.stages[0].to.c;
        let mut rows = vec![0f32; pictures.len() / channels * row(channels)];
        for (to, from) in rows.chunks_exact_mut(row(channels)).zip(pictures.chunks_exact(channels)) {
            to[..channels].copy_from_slice(from);
        }
        self.resident.write(self.values[0], &rows)
    }

    fn logits(&self) -> BufferId {
        self.values.last().copied().unwrap_or(0)
    }

    /// Begins the pass forward over pictures.
    fn begin(&self, pictures: &[f32], results: &[BufferId]) -> Result<Running> {
        self.send(pictures)?;
        // Bases do not move at a rate of 0.
        self.resident.write(Recorder::KNOBS, &[Knobs::default()])?;
        self.resident.begin(&self.inference, pictures.len() / self.stages[0].to.elements(), results)
    }

    /// Waits for the batch that the device may be at work on.
    fn wait(&mut self) -> Result<Option<Worth>> {
        let Some(training) = &mut self.training else { return Ok(None) };
        let Some(running) = training.pending.take() else { return Ok(None) };
        let total = self.resident.finish(&training.list, running)?;
        Ok(total.first().map(|total| Worth { loss: f64::from(total[0]), right: total[1] as usize }))
    }
}

impl Machine for OnGpu {
    fn capacity(&self) -> usize {
        self.resident.max_batch()
    }

    fn input(&mut self, pictures: usize) -> &mut [f32] {
        &mut self.input[..pictures * self.stages[0].to.elements()]
    }

    fn infer(&mut self, pictures: usize) -> Result<Vec<f32>> {
        let input = &self.input[..pictures * self.stages[0].to.elements()];
        let running = self.begin(input, &[self.logits()])?;
        let results = self.resident.finish(&self.inference, running)?;
        let classes = self.host.classes();
        let rows = results.iter().flat_map(|rows| rows.chunks_exact(row(classes))).take(pictures);
        Ok(rows.flat_map(|row| &row[..classes]).copied().collect())
    }

    fn learn(&mut self, lesson: &Lesson) -> Result<Vec<Worth>> {
        let pictures = lesson.labels.len();
        self.learned += 1;
        let input = &self.input[..pictures * self.stages[0].to.elements()];
        let Some(training) = &self.training else { return Ok(Vec::new()) };
        if let Some(teacher) = &self.teacher {
            teacher.begin(input, &[])?;
            self.resident.copy(training.buffers.advice, &teacher.resident, teacher.logits())?;
        }
        self.send(input)?;
        let labels: Vec<u32> = lesson.labels.iter().map(|&label| label as u32).collect();
        self.resident.write(training.buffers.labels, &labels)?;
        let share = self.teacher.as_ref().map_or(0.0, |_| lesson.targets.teacher);
        let knobs = Knobs {
            rate: lesson.descent.rate as f32,
            momentum: lesson.descent.momentum as f32,
            decay: lesson.descent.decay as f32,
            basis_rate: rate(self.learned) as f32,
            smoothing: lesson.targets.smoothing as f32,
            teacher: share as f32,
        };
        self.resident.write(Recorder::KNOBS, &[knobs])?;
        let running = self.resident.begin(&training.list, pictures, &[training.buffers.total])?;
        let worth = self.wait()?;
        if let Some(training) = &mut self.training {
            training.pending = Some(running);
        }
        Ok(worth.into_iter().collect())
    }

    fn settle(&mut self) -> Result<Vec<Worth>> {
        Ok(self.wait()?.into_iter().collect())
    }

    fn set_learned(&mut self, batches: usize) {
        self.learned = batches;
    }

    fn set_teacher(&mut self, graph: &Graph, params: &Params) -> Result<()> {
        let mut teacher = Self::with(&self.gpu, graph, self.ties, self.capacity(), false)?;
        init::take(&mut teacher.host, graph, params).map_err(Error::Usage)?;
        teacher.keep()?;
        self.teacher = Some(Box::new(teacher));
        Ok(())
    }

    fn kept(&mut self) -> Result<&mut Network<f32>> {
        self.places.read(&self.resident, &mut self.host)?;
        Ok(&mut self.host)
    }

    fn keep(&mut self) -> Result<()> {
        self.places.write(&self.resident, &mut self.host, self.training.is_some())
    }

    fn not_finite(&mut self, pictures: usize) -> Option<String> {
        let is_finite = |at: &usize| {
            let stage = &self.stages[*at];
            let numbers = pictures * stage.to.pixels() * row(stage.to.c);
            let all = self.resident.read(self.values[*at]).unwrap_or_default();
            all.iter().take(numbers).all(|x| x.is_finite())
        };
        let found = (0..self.stages.len()).find(|at| !is_finite(at))?;
        self.stages[found].layers.first().cloned()
    }
}
