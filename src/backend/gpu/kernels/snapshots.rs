//! The generated text of one launch of every kernel in every kind of variant, in `tests/snapshots`, so that a change
//! of what is generated can be reviewed. After a change that is meant, run this test with UPDATE_SNAPSHOTS=1 and look
//! at the difference.

use super::{Products, Strip, Target, Variant};
use crate::backend::gpu::float::FloatRecording;
use crate::backend::gpu::record::{Dispatch, Recording};
use crate::graph::{ConvOptions, Graph, GraphBuilder, Weights};
use crate::lower::tests::{bits, params, point, program, unseen};
use crate::lower::{InputKind, Kernel};
use crate::plan::Plan;
use crate::tensor::Window;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A first convolution of pixels, a residual block of 1x1 convolutions, a pool with a quantizer behind it, a dense
/// layer.
fn pictures() -> Graph {
    unseen([8, 8, 3], |b: &mut GraphBuilder| {
        let stem = b.conv("stem", 0, 8, Window::valid(2, 2), Weights::Float);
        let stem = b.batch_norm("stem", stem);
        let x = b.quantize("one/quant", stem, 1);
        let x = b.conv("one", x, 8, point(), bits(1));
        let x = b.batch_norm("one", x);
        let sum = b.add("sum", x, stem);
        let x = b.quantize("two/quant", sum, 1);
        let x = b.conv("two", x, 8, point(), bits(1));
        let x = b.bn_relu("two", x);
        let x = b.max_pool("max", x, Window::valid(2, 2));
        let x = b.quantize("three/quant", x, 2);
        let x = b.conv("three", x, 8, point(), bits(1));
        let x = b.global_avg_pool("mean", x);
        b.dense("dense", x, 3, [1, 1]);
    })
}

/// Codes and values side by side, read as values and as planes; a convolution in groups.
fn features() -> Graph {
    unseen([4, 4, 6], |b: &mut GraphBuilder| {
        let codes = b.quantize("codes", 0, 1);
        let both = b.concat("both", &[codes, 0]);
        let x = b.conv("planes", both, 4, point(), bits(1));
        let y = b.max_pool("max", both, point());
        let groups = ConvOptions { groups: 2, ..ConvOptions::default() };
        let y = b.conv_with("groups", y, 4, point(), groups);
        let x = b.add("sum", x, y);
        let x = b.bn_relu("norm", x);
        let x = b.global_avg_pool("mean", x);
        b.dense("dense", x, 3, [1, 1]);
    })
}

/// The kernel and the kind of variant.
fn label(dispatch: &Dispatch) -> String {
    let kind = match dispatch.variant {
        Variant::General => "",
        Variant::Tile(_) => ".tile",
        Variant::Strip(Strip { products: Products::Dots, .. }) => ".dots",
        Variant::Strip(Strip { products: Products::Floats, .. }) => ".floats",
    };
    format!("{}{kind}", dispatch.kernel)
}

/// Comments explain the shaders, not what is generated.
fn without_comments(text: &str) -> String {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    text.lines().filter(is_code).map(|line| format!("{line}\n")).collect()
}

/// The first text of each label.
fn texts() -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (graph, kind) in [(pictures(), InputKind::Pixels), (features(), InputKind::Tensor)] {
        let plan = Plan::new(program(&graph, kind)).unwrap();
        for dots in [false, true] {
            let target = Target { dots, ..Target::plain(65_535) };
            let variant = |nth: usize| Recording::new(&plan, &target, &|_, variants| nth.min(variants.len() - 1));
            let float = FloatRecording::new(&graph, &params(&graph), &target, 1 << 20).unwrap();
            for recording in [&variant(0), &variant(usize::MAX), float.recording()] {
                for dispatch in recording.dispatches() {
                    texts.entry(label(dispatch)).or_insert_with(|| without_comments(&dispatch.source));
                }
            }
        }
    }
    texts
}

#[test]
fn generated_texts_are_those_that_were_reviewed() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let texts = texts();
    assert_eq!(Kernel::names().iter().find(|name| !texts.contains_key(*name)), None, "a kernel is in no graph above");
    if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        texts.iter().for_each(|(name, text)| std::fs::write(folder.join(format!("{name}.wgsl")), text).unwrap());
    }
    let files = std::fs::read_dir(&folder).unwrap().flatten().map(|f| f.file_name().into_string().unwrap());
    let mut files: Vec<String> = files.filter_map(|f| Some(f.strip_suffix(".wgsl")?.to_owned())).collect();
    files.sort();
    assert_eq!(texts.keys().collect::<Vec<_>>(), files.iter().collect::<Vec<_>>(), "one file per kernel and kind");
    for (name, text) in &texts {
        let reviewed = std::fs::read_to_string(folder.join(format!("{name}.wgsl"))).unwrap();
        assert_eq!(*text, reviewed, "{name}: if this is meant, run with UPDATE_SNAPSHOTS=1 and review the difference");
    }
}
