//! From pictures to the tensors that the first layer receives.

use super::augment::{Augment, cropped, mirror, shifted};
use super::{DECODED, Dataset};
use crate::error::Result;
use crate::graph::preprocess::{ChannelOrder, Normalize, Preprocess};
use crate::random::Rng;
use rayon::prelude::*;

/// How the pictures of a dataset are prepared.
pub(in crate::train) struct Feed {
    pub preprocess: Preprocess,
    /// `[h, w, 3]` RGB, and what pixels minus it are divided by.
    pub mean_image: Option<(Vec<f32>, f32)>,
    pub augment: Augment,
    pub mirror: bool,
    pub seed: u64,
}

impl Feed {
    /// Puts the pictures of these numbers into `to`, varied as they are in `epoch` if one is given.
    pub(in crate::train) fn fill(
        &self,
        data: &Dataset,
        numbers: &[usize],
        epoch: Option<usize>,
        to: &mut [f32],
    ) -> Result<()> {
        let each = to.len() / numbers.len().max(1);
        let pairs = numbers.chunks(DECODED).zip(to.chunks_mut(DECODED * each.max(1)));
        for (numbers, to) in pairs {
            numbers.par_iter().zip(to.par_chunks_mut(each.max(1))).try_for_each(|(&number, to)| {
                let picture = self.picture(data, number, epoch)?;
                self.normalize(&picture, to);
                Ok::<_, crate::error::Error>(())
            })?;
        }
        Ok(())
    }

    fn picture(&self, data: &Dataset, number: usize, epoch: Option<usize>) -> Result<Vec<u8>> {
        let rule = &self.preprocess.resize;
        let Some(epoch) = epoch else { return Ok(data.prepared(number, rule)?.into_owned()) };
        // A generator of its own, far from its neighbours'.
        let mut rng =
            Rng::new(self.seed ^ (epoch as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95) ^ (number as u64) << 20);
        let is_mirrored = self.mirror && rng.bits() >> 31 == 1;
        let mut picture = match self.augment {
            Augment::None => data.prepared(number, rule)?.into_owned(),
            Augment::Shift => shifted(&data.prepared(number, rule)?, rule.crop, &mut rng),
            Augment::Crop => cropped(&data.whole(number)?, rule, &mut rng)?,
        };
        if is_mirrored {
            mirror(&mut picture, rule.crop[1]);
        }
        Ok(picture)
    }

    /// Pixels in the network's order as real numbers.
    fn normalize(&self, picture: &[u8], to: &mut [f32]) {
        let order = match self.preprocess.channels {
            ChannelOrder::Rgb => [0, 1, 2],
            ChannelOrder::Bgr => [2, 1, 0],
        };
        let real = |at: usize, k: usize| {
            let channel = order[k];
            let pixel = picture[at * 3 + channel];
            match (&self.preprocess.normalize, &self.mean_image) {
                (_, Some((mean, divide))) => (f32::from(pixel) - mean[at * 3 + channel]) / divide,
                (Normalize::Channel { mean, std }, None) => Normalize::of_pixel(pixel, mean[k], std[k]),
                (_, None) => f32::from(pixel),
            }
        };
        to.chunks_exact_mut(3).enumerate().for_each(|(at, to)| (0..3).for_each(|k| to[k] = real(at, k)));
    }
}

/// The pictures' numbers in the order in which `epoch` sees them.
pub(in crate::train) fn order(pictures: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pictures).collect();
    Rng::new(seed.wrapping_add((epoch as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635)).shuffle(&mut order);
    order
}
