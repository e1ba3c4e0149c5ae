//! Steps down a gradient (Adam, Kingma and Ba 2015).

/// Shares of the old averages of gradients and of their squares that are kept.
const KEPT: [f32; 2] = [0.9, 0.99];
/// Keeps the quotient finite where all gradients were 0.
const LEAST: f32 = 1e-12;

/// Some numbers that are tuned together.
pub(super) struct Parameter {
    pub values: Vec<f32>,
    /// How far a step goes at first.
    rate: f32,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Parameter {
    /// Numbers whose first steps are a `share` of their typical size, which is at least `size`.
    pub(super) fn new(values: Vec<f32>, share: f32, size: f32) -> Self {
        let squares: f64 = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        let typical = (squares / values.len().max(1) as f64).sqrt() as f32;
        let zeros = vec![0.0; values.len()];
        Parameter { rate: share * typical.max(size), first: zeros.clone(), second: zeros, values }
    }

    /// Step number `count`, from 1, whose length is `scale` of the first one's.
    pub(super) fn step(&mut self, gradient: &[f32], count: usize, scale: f32) {
        let correction = KEPT.map(|kept| 1.0 - kept.powi(count as i32));
        let rate = self.rate * scale;
        let averages = self.first.iter_mut().zip(&mut self.second);
        for ((value, (first, second)), &g) in self.values.iter_mut().zip(averages).zip(gradient) {
            *first = KEPT[0] * *first + (1.0 - KEPT[0]) * g;
            *second = KEPT[1] * *second + (1.0 - KEPT[1]) * g * g;
            *value -= rate * (*first / correction[0]) / ((*second / correction[1]).sqrt() + LEAST);
        }
    }
}
