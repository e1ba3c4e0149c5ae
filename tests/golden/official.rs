//! The library's quantizers against the official ones, on crafted values.

use crate::common::npz::{Arrays, f32s, read_npz};
use lq_infer::internals::format::npy::NpyData;
use lq_infer::internals::quant::{Levels, Ties, WeightQuantizer, WeightRule, channel_basis};

pub fn quantizers_match_the_official_ones() {
    let folder = super::shared().join("golden/quantizer-micro");
    let count = check_activations(&read_npz(&folder.join("activations.npz")));
    assert!(count > 500, "only {count} activations compared");
    let count = check_weights(&read_npz(&folder.join("weights.npz")));
    assert!(count > 500, "only {count} weights compared");
}

/// The names before the slash.
fn cases(arrays: &Arrays) -> std::collections::BTreeSet<&str> {
    arrays.keys().map(|name| name.split('/').next().unwrap()).collect()
}

/// The numbers as bits, all zeros alike: level 0 is a sum of products with 0, whose sign means nothing.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| if *v == 0.0 { 0 } else { v.to_bits() }).collect()
}

fn check_activations(arrays: &Arrays) -> usize {
    let mut count = 0;
    for case in cases(arrays) {
        let part = |name: &str| f32s(arrays, &format!("{case}/{name}"));
        let levels = Levels::of_activations(part("basis"), lq_infer::internals::graph::Encoding::ZeroOne);
        let ranks: Vec<usize> = part("x").iter().map(|&x| levels.rank(x, Ties::Below)).collect();
        let values: Vec<f32> = ranks.iter().map(|&r| levels.values[r]).collect();
        assert_eq!(bits(&values), bits(part("y")), "levels of {case}, basis {:?}", part("basis"));
        let codes: Vec<u8> = ranks.iter().map(|&r| levels.codes[r] as u8).collect();
        let NpyData::U8(expected) = &arrays[&format!("{case}/code")].1 else { panic!("{case}/code is not uint8") };
        assert_eq!(&codes, expected, "codes of {case}, basis {:?}", part("basis"));
        count += codes.len();
    }
    count
}

fn check_weights(arrays: &Arrays) -> usize {
    let mut count = 0;
    for case in cases(arrays) {
        let part = |name: &str| f32s(arrays, &format!("{case}/{name}"));
        let [kh, kw, inputs, outputs] = arrays[&format!("{case}/w")].0[..] else { panic!("{case}/w is not 4-D") };
        let (basis, rows) = (part("basis"), kh * kw * inputs);
        let w = part("w");
        let quantizer = WeightQuantizer::new(basis, outputs, WeightRule::ORIGINAL);
        let code = |index: usize| quantizer.level(index / rows, w[index % rows * outputs + index / rows]).code;
        let codes: Vec<u8> = (0..outputs * rows).map(code).collect();
        let mut values = vec![0f32; codes.len()];
        for (index, &code) in codes.iter().enumerate() {
            let signed = |(j, v): (usize, f32)| if code >> j & 1 == 1 { v } else { -v };
            let basis = channel_basis(basis, outputs, index / rows);
            values[index % rows * outputs + index / rows] = basis.into_iter().enumerate().map(signed).sum();
        }
        assert_eq!(bits(&values), bits(part("y")), "weights of {case}");
        count += codes.len();
    }
    count
}
