//! Random numbers that are the same on every machine.

use crate::lower::{InputForm, PIXEL_ALPHA};
use crate::plan::Plan;

/// SplitMix64 (Steele, Lea and Flood 2014). Every seed is good.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator; equal seeds give equal numbers.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// Uniformly distributed between `low` and `high`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * f64::from(self.bits()) / f64::from(u32::MAX)
    }
}

/// One random image in the form of the plan's input.
pub fn noise(plan: &Plan) -> Vec<u32> {
    let mut rng = Rng::new(1);
    let word = |bits: u32| match plan.program.input {
        InputForm::Pixels => bits >> 8 | u32::from(PIXEL_ALPHA as u8) << 24,
        InputForm::Values { .. } => (bits as i32 >> 3) as u32,
        // The most significant limb of a value is at most 64.
        InputForm::Limbs { .. } => bits & 0x3f3f_3f3f,
    };
    (0..plan.input_words()).map(|_| word(rng.bits())).collect()
}
