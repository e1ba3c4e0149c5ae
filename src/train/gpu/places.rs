//! Where on the device what is kept lies: all parameters in one buffer, their gradients and averages in two more with the same
//! order, all statistics in one, and all bases. Parameters that decay come first.

use crate::backend::gpu::Resident;
use crate::backend::gpu::train::{BufferId, Recorder};
use crate::error::Result;
use crate::train::network::Network;
use crate::train::parameter::{Kept, Part};
use std::collections::BTreeMap;

/// The places of one network.
#[derive(Debug)]
pub(super) struct Places {
    at: BTreeMap<(String, Part), usize>,
    pub values: BufferId,
    pub gradients: BufferId,
    pub averages: BufferId,
    pub statistics: BufferId,
    pub bases: BufferId,
    /// Parameters in all, and those of them that decay.
    pub parameters: [usize; 2],
}

impl Places {
    pub(super) fn new(recorder: &mut Recorder, network: &mut Network<f32>, for_training: bool) -> Self {
        let mut decayed = 0;
        network.kept(&mut |_, _, kept| match kept {
            Kept::Parameter(parameter) if parameter.decays => decayed += parameter.values.len(),
            _ => {}
        });
        let (mut at, mut sizes) = (BTreeMap::new(), [0, decayed, 0, 0]);
        network.kept(&mut |layer, part, kept| {
            let (kind, count) = match kept {
                Kept::Parameter(parameter) => (usize::from(!parameter.decays), parameter.values.len()),
                Kept::Statistic(numbers) => (2, numbers.len()),
                Kept::Basis(basis) => (3, basis.len()),
            };
            at.insert((layer.to_owned(), part), sizes[kind]);
            sizes[kind] += count;
        });
        let [_, parameters, statistics, bases] = sizes;
        let mut all = |name: &str, wanted: bool| recorder.buffer(name, if wanted { parameters } else { 0 });
        Places {
            at,
            values: all("all parameters", true),
            gradients: all("gradients of all parameters", for_training),
            averages: all("averages of all gradients", for_training),
            statistics: recorder.buffer("all statistics", statistics),
            bases: recorder.buffer("all bases", bases),
            parameters: [parameters, decayed],
        }
    }

    /// Where a part of a layer begins in its buffer.
    pub(super) fn of(&self, layer: &str, part: Part) -> usize {
        self.at.get(&(layer.to_owned(), part)).copied().unwrap_or(0)
    }

    /// Puts what is kept in `network` onto the device.
    pub(super) fn write(&self, resident: &Resident, network: &mut Network<f32>, for_training: bool) -> Result<()> {
        let words = |id| resident.words(id);
        let mut values = vec![0f32; words(self.values)];
        let mut averages = vec![0f32; words(self.averages)];
        let (mut statistics, mut bases) = (vec![0f32; words(self.statistics)], vec![0f32; words(self.bases)]);
        network.kept(&mut |layer, part, kept| {
            let at = self.of(layer, part);
            let put = |to: &mut [f32], from: &[f32]| to[at..at + from.len()].copy_from_slice(from);
            match kept {
                Kept::Parameter(parameter) => {
                    put(&mut values, &parameter.values);
                    if for_training {
                        put(&mut averages, &parameter.momentum);
                    }
                }
                Kept::Statistic(numbers) => put(&mut statistics, numbers),
                Kept::Basis(basis) => put(&mut bases, basis),
            }
        });
        resident.write(self.values, &values)?;
        resident.write(self.averages, &averages)?;
        resident.write(self.statistics, &statistics)?;
        resident.write(self.bases, &bases)
    }

    /// Reads it back, with the gradients of the last batch.
    pub(super) fn read(&self, resident: &Resident, network: &mut Network<f32>) -> Result<()> {
        let [values, gradients, averages] = [self.values, self.gradients, self.averages].map(|id| resident.read(id));
        let (values, gradients, averages) = (values?, gradients?, averages?);
        let (statistics, bases) = (resident.read(self.statistics)?, resident.read(self.bases)?);
        network.kept(&mut |layer, part, kept| {
            let at = self.of(layer, part);
            let take = |to: &mut Vec<f32>, from: &[f32]| {
                let count = to.len();
                to.copy_from_slice(&from[at..at + count]);
            };
            match kept {
                Kept::Parameter(parameter) => {
                    take(&mut parameter.values, &values);
                    take(&mut parameter.gradient, &gradients);
                    take(&mut parameter.momentum, &averages);
                }
                Kept::Statistic(numbers) => take(numbers, &statistics),
                Kept::Basis(basis) => take(basis, &bases),
            }
        });
        Ok(())
    }
}
