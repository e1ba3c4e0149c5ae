//! Inferences over and over: the logits never change, and memory does not grow. `cargo test` makes a few; `.ci/soak` makes a
//! million, and measures the memory of the process, in which nothing else runs then.

use crate::common::devices::gpus;
use crate::common::rng::Rng;
use lq_infer::internals::format::Packed;
use lq_infer::internals::graph::{Dtype, GraphBuilder, ParamSpec, Params, Role, Tensor, Weights};
use lq_infer::internals::tensor::{Shape, Window};
use lq_infer::{Batch, Control, DeviceSelector, Digest, Engine, Model, Net};
use std::sync::Arc;
use std::time::Instant;

/// Different pictures; the digest is over the logits of all of them.
const PICTURES: usize = 50;
/// Inferences on the CPU and on each GPU in an ordinary run of the tests.
const USUAL: [usize; 2] = [2_000, 200];
/// The most that memory may grow from the first tenth of the inferences to their end.
const MOST_GROWTH: f64 = 0.01;

/// A network of 8x8 pixels with a float convolution, a residual of 2-bit ones, a pooling and a dense layer.
fn small() -> Model {
    let mut b = GraphBuilder::new(Shape { h: 8, w: 8, c: 3 });
    let x = b.conv("first", b.input(), 8, Window::padded(3, 2, 1), Weights::Float);
    let x = b.bn_relu("first", x);
    let codes = b.quantize("first/quant", x, 2);
    let y = b.conv("second", codes, 8, Window::padded(3, 1, 1), Weights::Planes { bits: 2 });
    let y = b.batch_norm("second", y);
    let sum = b.add("sum", x, y);
    let codes = b.quantize("sum/quant", sum, 2);
    let y = b.conv("third", codes, 16, Window::valid(3, 1), Weights::Planes { bits: 2 });
    let y = b.global_avg_pool("pool", y);
    b.dense("last", y, 10, [1, 1]);
    let graph = b.finish().unwrap();
    let mut rng = Rng::new(1);
    let tensors = graph.parameters().unwrap().iter().map(|spec| (spec.name(), random(spec, &mut rng))).collect();
    let params = Params::new(&graph, tensors).unwrap();
    let header = serde_json::json!({
        "version": 1, "name": "small", "network": "custom", "graph": graph, "labels": [], "golden": [],
        "source": {"kind": "random", "file": "", "sha256": "", "converter": ""},
        "preprocess": {
            "resize": {"shorter_edge": 8, "filter": "pillow-bilinear", "crop": [8, 8]}, "channels": "rgb",
            "normalize": {"kind": "channel", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
        },
    });
    let header = serde_json::from_value(header).unwrap();
    Model::try_from(Packed { header, params, mean_image: None }).unwrap()
}

fn random(spec: &ParamSpec, rng: &mut Rng) -> Tensor {
    let count = spec.shape.iter().product::<usize>();
    match (spec.dtype, spec.role) {
        // The layers with planes read 8 channels.
        (Dtype::U32, _) => Tensor::from_u32(spec.shape.clone(), (0..count).map(|_| rng.next() as u32 & 0xff).collect()),
        (_, Role::BatchNorm | Role::ActivationBasis) => {
            Tensor::from_f32(spec.shape.clone(), (0..count).map(|_| rng.uniform(0.2, 1.5) as f32).collect())
        }
        _ => Tensor::from_f32(spec.shape.clone(), (0..count).map(|_| rng.uniform(-0.5, 0.5) as f32).collect()),
    }
}

/// How many inferences `.ci/soak` asks for; on GPUs a tenth of them.
fn asked() -> Option<usize> {
    std::env::var("LQ_INFER_SOAK").ok().map(|count| count.parse().expect("LQ_INFER_SOAK is a number"))
}

/// Kilobytes of memory that this process alone holds.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// The digest of one round through the pictures.
fn round(net: &Net, pictures: &[Batch]) -> String {
    let mut digest = Digest::new();
    for picture in pictures {
        net.logits(picture, &Control::default()).unwrap().iter().for_each(|logits| digest.add(logits));
    }
    digest.hex()
}

fn soak(engine: &Engine, expected: &str, usual: usize, share: usize) {
    let net = engine.prepare(&small()).unwrap();
    let pictures = pictures();
    let rounds = asked().map_or(usual, |count| count / share).div_ceil(PICTURES);
    let began = Instant::now();
    let mut early = None;
    for done in 0..rounds {
        assert_eq!(round(&net, &pictures), expected, "{}, round {done}", engine.device_name());
        if done == rounds / 10 {
            early = resident();
        }
    }
    let late = resident();
    let seconds = began.elapsed().as_secs_f64();
    let memory = early.zip(late).map_or("not known".into(), |(early, late)| format!("{early} kB, then {late} kB"));
    println!(
        "{}: {} inferences in {seconds:.1} s, digest {expected}, memory {memory}",
        engine.device_name(),
        rounds * PICTURES
    );
    if let (Some(_), Some((early, late))) = (asked(), early.zip(late)) {
        assert!(late <= early * (1.0 + MOST_GROWTH), "memory grew from {early} kB to {late} kB");
    }
}

fn pictures() -> Vec<Batch> {
    let mut rng = Rng::new(2);
    (0..PICTURES).map(|_| Batch::Pixels((0..8 * 8 * 3).map(|_| rng.next() as u8).collect())).collect()
}

/// The digest by the reference.
fn expected() -> String {
    let engine = Engine::builder().device(DeviceSelector::CpuReference).build().unwrap();
    let logits = round(&engine.prepare(&small()).unwrap(), &pictures());
    assert_ne!(logits, round(&engine.prepare(&small()).unwrap(), &pictures()[1..]), "the digest shows nothing");
    logits
}

#[test]
fn soak_on_the_cpu() {
    soak(&Engine::builder().device(DeviceSelector::Cpu).build().unwrap(), &expected(), USUAL[0], 1);
}

/// On every GPU at hand.
#[test]
fn soak_on_gpus() {
    let expected = expected();
    gpus().into_iter().for_each(|gpu| soak(&Engine::from_backend(Arc::new(gpu)), &expected, USUAL[1], 10));
}
