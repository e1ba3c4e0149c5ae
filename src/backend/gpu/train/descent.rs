//! The loss, and how all parameters move by their gradients.

use super::recorder::{Extent, KNOBS, Tensor};
use super::{BufferId, Knobs, Recorder, row};
use crate::backend::gpu::kernels::launch::Launch;
use crate::backend::gpu::kernels::rounds::rounds;
use crate::backend::gpu::record::WORKGROUP_SIZE;

const LOSS: &str = include_str!("../../../../shaders/train/loss.wgsl");
const WORTH: &str = include_str!("../../../../shaders/train/worth.wgsl");
const DESCENT: &str = include_str!("../../../../shaders/train/descent.wgsl");

/// Where the loss reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    pub logits: Tensor,
    pub gradient: BufferId,
    pub labels: BufferId,
    /// The teacher's logits, in rows like those of the logits.
    pub advice: BufferId,
    /// The loss and the number right of each picture, and of all.
    pub worth: BufferId,
    pub total: BufferId,
}

/// The buffers of all parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descent {
    pub values: BufferId,
    pub gradients: BufferId,
    pub averages: BufferId,
    /// How many parameters there are, and how many of them, the first, decay.
    pub count: usize,
    pub decayed: usize,
    pub total: BufferId,
}

impl Recorder {
    /// Adds the loss of the batch and the gradient of the logits.
    pub(crate) fn loss(&mut self, loss: &Loss) {
        let classes = loss.logits.shape.c;
        let mut launch = Launch::new(1, &[LOSS]);
        launch.rounds = 3 * rounds(classes, 0) + rounds(row(classes) - classes, 0);
        let header = &mut launch.header;
        header.shape("CLASSES", classes).shape("ROW", row(classes));
        Knobs::describe(header);
        launch.read("logits", "f32", loss.logits.buffer).read("labels", "u32", loss.labels);
        launch.read("advice", "f32", loss.advice).read("knobs", "f32", KNOBS);
        launch.write("gradient", "f32", loss.gradient).write("worth", "f32", loss.worth);
        self.add("train.loss", launch, Extent::ByImage);

        let mut launch = Launch::new(WORKGROUP_SIZE as usize, &[WORTH]);
        launch.rounds = rounds(self.images.div_ceil(WORKGROUP_SIZE as usize), 0) + rounds(6, 0);
        launch.read("worth", "f32", loss.worth).write("total", "f32", loss.total);
        self.add("train.worth", launch, Extent::Once);
    }

    /// Moves all parameters.
    pub(crate) fn descend(&mut self, descent: &Descent) {
        let mut launch = Launch::new(descent.count, &[DESCENT]);
        let header = &mut launch.header;
        header.shape("DECAYED", descent.decayed);
        Knobs::describe(header);
        launch.read("gradients", "f32", descent.gradients).read("knobs", "f32", KNOBS);
        launch.read("total", "f32", descent.total);
        launch.write("values", "f32", descent.values).write("averages", "f32", descent.averages);
        self.add("train.descent", launch, Extent::Once);
    }
}
