//! Compares every operation of every instruction set with its definition, number by number.

use super::{Lanes, MOST_LANES, Work};
use crate::backend::cpu::level::Level;
use crate::fixed::{VALUE_MAX, dot4};
use crate::random::Rng;

/// Words for which operations may overflow, saturate or change the sign.
const EDGES: [i32; 14] = [
    0,
    1,
    -1,
    i32::MIN,
    i32::MAX,
    i32::MIN + 1,
    VALUE_MAX,
    -VALUE_MAX,
    0x7f,
    -0x80,
    0x7f7f_7f7f,
    0x8080_8080_u32 as i32,
    0x7f80_7f80,
    0x8000_7fff_u32 as i32,
];

/// The largest integer that doubles are used for.
const LARGEST: i64 = (1 << 53) - 1;

/// Pairs of words: all pairs of edges, and random ones. Their number is a multiple of all lane counts.
fn pairs() -> [Vec<u32>; 2] {
    let mut random = Rng::new(1);
    let edges = EDGES.iter().flat_map(|&a| EDGES.map(|b| (a as u32, b as u32)));
    let mut pairs: Vec<(u32, u32)> = edges.collect();
    pairs.resize_with(64 * MOST_LANES, || (random.bits(), random.bits()));
    pairs.into_iter().collect::<(Vec<_>, Vec<_>)>().into()
}

/// Integers of up to 53 bits, including the extremes and those between powers of two.
fn reals() -> Vec<f64> {
    let mut random = Rng::new(2);
    let mut numbers = vec![0, 1, -1, 7, -7, 8, -8, LARGEST, -LARGEST, i64::from(VALUE_MAX), -i64::from(VALUE_MAX)];
    numbers.extend((0..40).flat_map(|k| [3 << k, -(3 << k), (3 << k) + 1, -(3 << k) - 1]));
    numbers.resize_with(64 * MOST_LANES, || {
        let bits = 12 + random.next_u64() % 52;
        random.next_u64() as i64 >> bits
    });
    numbers.into_iter().map(|n| n as f64).collect()
}

/// All tests for one instruction set, with its name.
struct Operations(&'static str);

impl Work for Operations {
    type Output = ();

    fn run<L: Lanes>(self, lanes: L) {
        let test = Test { lanes, level: self.0 };
        test.memory();
        test.bytes();
        test.integers();
        test.comparisons();
        test.counts();
        test.dots();
        test.sums_of_reals();
        test.scalings();
    }
}

struct Test<L> {
    lanes: L,
    level: &'static str,
}

impl<L: Lanes> Test<L> {
    fn load(&self, words: &[u32]) -> L::Int {
        self.lanes.load(L::words(words))
    }

    fn load_reals(&self, reals: &[f64]) -> L::Double {
        self.lanes.load_reals(&bytemuck::cast_slice(&reals[..L::LANES])[0])
    }

    fn stored(&self, v: L::Int) -> Vec<u32> {
        let mut words = [0; MOST_LANES];
        self.lanes.store(v, L::words_mut(&mut words));
        words[..L::LANES].to_vec()
    }

    /// Compares `op` with `number` for all pairs of words.
    fn each(&self, name: &str, op: impl Fn(L::Int, L::Int) -> L::Int, number: impl Fn(i32, i32) -> i32) {
        let [a, b] = pairs();
        for (a, b) in a.chunks_exact(L::LANES).zip(b.chunks_exact(L::LANES)) {
            let expected: Vec<u32> = a.iter().zip(b).map(|(&a, &b)| number(a as i32, b as i32) as u32).collect();
            let found = self.stored(op(self.load(a), self.load(b)));
            assert_eq!(found, expected, "{} {name}: {a:x?}, {b:x?}", self.level);
        }
    }

    fn memory(&self) {
        let words: Vec<u32> = (1..=20).collect();
        assert_eq!(self.stored(self.load(&words[1..])), words[1..][..L::LANES], "{} load, store", self.level);
        assert_eq!(self.stored(self.lanes.splat(-7)), vec![-7_i32 as u32; L::LANES], "{} splat", self.level);
        assert_eq!(self.stored(self.lanes.zero()), vec![0; L::LANES], "{} zero", self.level);
    }

    fn bytes(&self) {
        for flip in [0, 0x8080_8080] {
            let mut bytes = [9; 16];
            self.lanes.without_fourths(&[0x0403_0201, 0x0807_8605, 0xff0b_0a09, 0x800f_fe0d], flip, &mut bytes);
            let expected = [1, 2, 3, 5, 0x86, 7, 9, 10, 11, 13, 0xfe, 15].map(|byte: u8| byte ^ flip as u8);
            assert_eq!(bytes[..12], expected, "{} without_fourths", self.level);
        }
    }

    fn integers(&self) {
        let lanes = self.lanes;
        self.each("and", |a, b| lanes.and(a, b), |a, b| a & b);
        self.each("xor", |a, b| lanes.xor(a, b), |a, b| a ^ b);
        self.each("add", |a, b| lanes.add(a, b), i32::wrapping_add);
        self.each("sub", |a, b| lanes.sub(a, b), i32::wrapping_sub);
        self.each("min", |a, b| lanes.min(a, b), i32::min);
        self.each("max", |a, b| lanes.max(a, b), i32::max);
        self.each("shift_right by 1", |a, _| lanes.shift_right::<1>(a), |a, _| a >> 1);
        self.each("shift_right by 8", |a, _| lanes.shift_right::<8>(a), |a, _| a >> 8);
        self.each("shift_right by 31", |a, _| lanes.shift_right::<31>(a), |a, _| a >> 31);
    }

    fn comparisons(&self) {
        let [a, b] = pairs();
        for (a, b) in a.chunks_exact(L::LANES).zip(b.chunks_exact(L::LANES)) {
            let bit = |k: usize| u32::from(a[k] as i32 > b[k] as i32) << k;
            let found = self.lanes.above(self.load(a), self.load(b));
            assert_eq!(found, (0..L::LANES).map(bit).sum::<u32>(), "{} above: {a:x?}, {b:x?}", self.level);
        }
        let (a, mut b) = (reals(), reals());
        b.rotate_left(L::LANES / 2 * 3);
        for (a, b) in a.chunks_exact(L::LANES).zip(b.chunks_exact(L::LANES)).chain([(&a[..], &a[..]), (&b[..], &a[..])])
        {
            let bit = |k: usize| u32::from(a[k] > b[k]) << k;
            let found = self.lanes.real_above(self.load_reals(a), self.load_reals(b));
            assert_eq!(found, (0..L::LANES).map(bit).sum::<u32>(), "{} real_above: {a:?}, {b:?}", self.level);
        }
    }

    /// Counts up to as many words as allowed: all ones, or random.
    fn counts(&self) {
        let [random, _] = pairs();
        let most = L::COUNTS.min(random.len() / L::LANES);
        for (words, calls) in [(&vec![u32::MAX; most * L::LANES], most), (&random, most), (&random, 1), (&random, 0)] {
            let (mut sums, mut expected) = (self.lanes.zero(), vec![0; L::LANES]);
            for words in words.chunks_exact(L::LANES).take(calls) {
                sums = self.lanes.count(sums, self.load(words));
                expected.iter_mut().zip(words).for_each(|(sum, word)| *sum += word.count_ones());
            }
            assert_eq!(self.stored(self.lanes.counted(sums)), expected, "{} count, {calls} calls", self.level);
        }
    }

    fn dots(&self) {
        let excess = |w: u32| if L::DOT_FLIP == 0 { 0 } else { 128 * dot4(0x0101_0101, w) };
        assert!([0, 0x8080_8080].contains(&L::DOT_FLIP));
        for start in EDGES {
            let dot = |x: L::Int, w: L::Int| {
                let x = self.lanes.xor(x, self.lanes.splat(L::DOT_FLIP as i32));
                self.lanes.dot(self.lanes.splat(start), x, w)
            };
            let sum = |x: i32, w: i32| dot4(x as u32, w as u32).wrapping_add(excess(w as u32)).wrapping_add(start);
            self.each("dot", dot, sum);
        }
    }

    fn assert_reals(&self, found: L::Double, expected: &[f64], what: &str) {
        let expected = self.load_reals(expected);
        let differs = self.lanes.real_above(found, expected) | self.lanes.real_above(expected, found);
        assert_eq!(differs, 0, "{} {what}", self.level);
    }

    fn sums_of_reals(&self) {
        let [words, factors] = pairs();
        for (words, factors) in words.chunks_exact(L::LANES).zip(factors.chunks_exact(L::LANES)) {
            let exact: Vec<f64> = words.iter().map(|&w| f64::from(w as i32)).collect();
            let real = self.lanes.real(self.load(words));
            self.assert_reals(real, &exact, &format!("real: {words:x?}"));
            // Products of 31 by 20 bits, and addends that make the sums reach 53 bits.
            let factors: Vec<f64> = factors.iter().map(|&f| f64::from(f as i32 >> 12)).collect();
            let addends: Vec<f64> = (0..L::LANES).map(|k| LARGEST as f64 - (exact[k] * factors[k]).abs()).collect();
            let sums: Vec<f64> = (0..L::LANES).map(|k| exact[k] * factors[k] + addends[k]).collect();
            let found = self.lanes.multiply_add(real, self.load_reals(&factors), self.load_reals(&addends));
            self.assert_reals(found, &sums, &format!("multiply_add: {exact:?}, {factors:?}, {addends:?}"));
        }
        self.assert_reals(self.lanes.splat_real(-0.5), &[-0.5; MOST_LANES], "splat_real");
    }

    fn scalings(&self) {
        let numbers = reals();
        for (exponent, limit) in [(0, i32::MAX), (-1, i32::MAX), (-3, VALUE_MAX), (-40, VALUE_MAX), (9, 1000)] {
            let scale = 2_f64.powi(exponent);
            for numbers in numbers.chunks_exact(L::LANES) {
                let floor = |x: &f64| (x * scale).floor().clamp(-f64::from(limit), f64::from(limit)) as i32 as u32;
                let expected: Vec<u32> = numbers.iter().map(floor).collect();
                let scales = self.lanes.splat_real(scale);
                let found = self.lanes.floor_scaled(self.load_reals(numbers), scales, f64::from(limit));
                let what = format!("{} floor_scaled by 2^{exponent}, limit {limit}: {numbers:?}", self.level);
                assert_eq!(self.stored(found), expected, "{what}");
            }
        }
    }
}

#[test]
fn operations_are_those_of_numbers() {
    for level in Level::all() {
        level.run(Operations(level.name()));
    }
}
