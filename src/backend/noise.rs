//! Inputs of noise, for probing and checking devices.

use crate::lower::{InputForm, PIXEL_ALPHA};
use crate::plan::Plan;
use crate::random::Rng;

/// One random image in the form of the plan's input.
pub fn noise(plan: &Plan) -> Vec<u32> {
    let mut rng = Rng::new(1);
    let word = |bits: u32| match plan.program().input {
        InputForm::Pixels => bits >> 8 | u32::from(PIXEL_ALPHA as u8) << 24,
        InputForm::Values { .. } => (bits as i32 >> 3) as u32,
        // The most significant limb of a value is at most 64.
        InputForm::Limbs { .. } => bits & 0x3f3f_3f3f,
    };
    (0..plan.input_words()).map(|_| word(rng.bits())).collect()
}
