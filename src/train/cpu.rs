//! Training on the CPU.

use super::init;
use super::machine::{Lesson, Machine};
use super::network::Network;
use super::parameter::Kept;
use super::steps::loss::Worth;
use crate::error::{Error, Result};
use crate::graph::{Graph, Params, Ties};

/// A network on the CPU.
pub(super) struct Cpu {
    network: Network<f32>,
    teacher: Option<Network<f32>>,
    ties: Ties,
}

impl Cpu {
    /// The network of a graph for batches of up to `capacity` pictures.
    pub(super) fn new(graph: &Graph, ties: Ties, capacity: usize) -> Result<Self> {
        let network = Network::new(graph, ties, capacity, true).map_err(Error::Usage)?;
        Ok(Cpu { network, teacher: None, ties })
    }
}

impl Machine for Cpu {
    fn capacity(&self) -> usize {
        self.network.capacity()
    }

    fn input(&mut self, pictures: usize) -> &mut [f32] {
        self.network.input(pictures)
    }

    fn infer(&mut self, pictures: usize) -> Result<Vec<f32>> {
        Ok(self.network.infer(pictures).to_vec())
    }

    fn learn(&mut self, lesson: &Lesson) -> Result<Vec<Worth>> {
        let pictures = lesson.labels.len();
        let input = self.network.input(pictures);
        let advice = match &mut self.teacher {
            Some(teacher) => {
                teacher.input(pictures).copy_from_slice(input);
                teacher.infer(pictures).to_vec()
            }
            None => Vec::new(),
        };
        let worth = self.network.learn(lesson.labels, &advice, lesson.targets);
        if worth.loss.is_finite() {
            self.network.kept(&mut |_, _, kept| {
                if let Kept::Parameter(parameter) = kept {
                    lesson.descent.step(parameter);
                }
            });
        }
        Ok(vec![worth])
    }

    fn settle(&mut self) -> Result<Vec<Worth>> {
        Ok(Vec::new())
    }

    fn set_learned(&mut self, batches: usize) {
        self.network.learned = batches;
    }

    fn set_teacher(&mut self, graph: &Graph, params: &Params) -> Result<()> {
        let mut teacher = Network::new(graph, self.ties, self.capacity(), false).map_err(Error::Usage)?;
        init::take(&mut teacher, graph, params).map_err(Error::Usage)?;
        self.teacher = Some(teacher);
        Ok(())
    }

    fn kept(&mut self) -> Result<&mut Network<f32>> {
        Ok(&mut self.network)
    }

    fn keep(&mut self) -> Result<()> {
        Ok(())
    }

    fn not_finite(&mut self, pictures: usize) -> Option<String> {
        self.network.not_finite(pictures).map(str::to_owned)
    }
}
