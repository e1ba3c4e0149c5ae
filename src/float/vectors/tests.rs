//! Every operation of every instruction set against scalars.

use super::*;
use crate::random::Rng;

struct All {
    numbers: [[f32; LANES]; 4],
    codes: [u8; LANES],
    levels: [f32; LEVELS],
}

impl Work<f32> for &All {
    type Output = (Vec<[f32; LANES]>, [u8; LANES]);

    #[inline(always)]
    fn run<S: Vectors<f32>>(self, s: S) -> Self::Output {
        let [x, t, a, b] = self.numbers.map(|numbers| s.read(&numbers));
        let mut codes = [0; LANES];
        s.store_codes(s.look_up(&std::array::from_fn(|k| (17 * k) as f32), &self.codes), &mut codes);
        let results = [
            s.splat(self.numbers[0][3]),
            s.add(x, t),
            s.sub(x, t),
            s.mul(x, t),
            s.where_above(x, t, a, b),
            s.look_up(&self.levels, &self.codes),
            s.read_some(&self.numbers[0][..5]),
        ];
        let mut arrays: Vec<[f32; LANES]> = results.iter().map(|v| s.array(*v)).collect();
        let mut some = [7.0; LANES];
        s.write_some(x, &mut some[..5]);
        arrays.push(some);
        arrays.push(s.array(s.multiply_add(x, t, a)));
        (arrays, codes)
    }
}

#[test]
fn all_instruction_sets_compute_what_scalars_do() {
    let mut rng = Rng::new(3);
    let mut random = || std::array::from_fn(|_| rng.uniform(-2.0, 2.0) as f32);
    let mut numbers: [[f32; LANES]; 4] = [random(), random(), random(), random()];
    numbers[1][2] = numbers[0][2];
    let [x, t, a, b] = numbers;
    let all = All { numbers, codes: std::array::from_fn(|k| (k * 7 % LEVELS) as u8), levels: random() };
    let of = |f: &dyn Fn(usize) -> f32| std::array::from_fn::<f32, LANES, _>(f);
    let expected = [
        [x[3]; LANES],
        of(&|k| x[k] + t[k]),
        of(&|k| x[k] - t[k]),
        of(&|k| x[k] * t[k]),
        of(&|k| if x[k] > t[k] { a[k] } else { b[k] }),
        of(&|k| all.levels[usize::from(all.codes[k])]),
        of(&|k| if k < 5 { x[k] } else { 0.0 }),
        of(&|k| if k < 5 { x[k] } else { 7.0 }),
    ];
    for set in InstructionSet::all() {
        let (found, codes) = f32::run(set, &all);
        assert_eq!(found[..8], expected, "{}", set.name());
        assert_eq!(codes, all.codes.map(|code| 17 * code));
        let fused = of(&|k| x[k].mul_add(t[k], a[k]));
        let twice = of(&|k| x[k] * t[k] + a[k]);
        assert!(
            found[8] == if matches!(set, InstructionSet::Portable) { twice } else { fused }
                || cfg!(target_arch = "aarch64")
        );
    }
}
