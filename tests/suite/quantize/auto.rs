//! Bits of each layer for a size: what is chosen, what it is expected to cost, and that this is so.

use super::{Random, float, options};
use lq_infer::internals::format::{Packed, to_bytes};
use lq_infer::internals::graph::Graph;
use lq_infer::internals::quantize::{
    Choice, Costs, FileSize, Method, Pictures, Price, QuantizeOptions, choose, kept_in_float, quantize,
};
use lq_infer::{Batch, DeviceSelector, Engine, Model, Result};

const PICTURES: usize = 24;

fn chosen(model: &Packed, options: &QuantizeOptions, price: &dyn Price) -> Result<Choice> {
    let kept = kept_in_float(&model.header.network);
    choose(model, &Random::of(model, PICTURES), options, &kept, price, &|_, _, _| {})
}

fn low(model: &Packed, options: &QuantizeOptions) -> Packed {
    let kept = kept_in_float(&model.header.network);
    quantize(model, &Random::of(model, PICTURES), options, &kept, &|_, _, _| {}).unwrap().packed
}

fn length(packed: &Packed) -> usize {
    to_bytes(packed).unwrap().len()
}

/// The mean square of the change of the logits for the calibration pictures, as a share of their variance.
fn change(float: &Packed, low: &Packed) -> f64 {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let pictures = Random::of(float, PICTURES);
    let tensors: Vec<f32> = (0..PICTURES).flat_map(|at| pictures.tensor(at).unwrap()).collect();
    let logits = |packed: &Packed| {
        let net = engine.prepare(&Model::try_from(packed.clone()).unwrap()).unwrap();
        net.logits(&Batch::Tensor(tensors.clone()), &Default::default()).unwrap()
    };
    let (a, b) = (logits(float), logits(low));
    let mean = |class: usize| a.iter().map(|row| f64::from(row[class])).sum::<f64>() / a.len() as f64;
    let spread = |row: &Vec<f32>| row.iter().enumerate().map(|(c, &x)| (f64::from(x) - mean(c)).powi(2)).sum::<f64>();
    let off: f64 = a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    off / a.iter().map(spread).sum::<f64>()
}

#[test]
fn the_loss_of_a_layer_is_what_the_logits_change_by() {
    let model = float("cifar-resnet-20", 16);
    let price = FileSize { float: &model, most: usize::MAX };
    // After the last layer there is none that another one's error could be made up for in.
    for bits in ["32/32,linear=2/32", "32/32,linear=32/2", "32/32,linear=1/32", "32/32,linear=3/1"] {
        let options = options(bits, Method::FAST);
        let choice = chosen(&model, &options, &price).unwrap();
        assert_eq!(choice.layers.len(), 1);
        let (expected, found) = (choice.loss, change(&model, &low(&model, &options)));
        // That errors of weights and of activations add up is an estimate.
        let far = if bits.ends_with("3/1") { 0.3 } else { 0.01 };
        assert!((found / expected - 1.0).abs() < far, "{bits}: {found} {expected}");
    }
}

#[test]
fn files_have_the_size_that_was_asked_for() {
    for (id, size) in [("cifar-resnet-20", 16), ("vgg-small", 16)] {
        let model = float(id, size);
        let widest = options("4/3", Method::FULL);
        let [least, most] = ["1/3", "4/3"].map(|bits| length(&low(&model, &options(bits, Method::FAST))));
        let mut last = f64::INFINITY;
        for share in [0.3, 0.6] {
            let wanted = least + ((most - least) as f64 * share) as usize;
            let price = FileSize { float: &model, most: wanted };
            let choice = chosen(&model, &widest, &price).unwrap();
            let packed = low(&model, &QuantizeOptions { bits: choice.bits.clone(), ..widest.clone() });
            let found = length(&packed);
            println!("{id}: {} of {wanted}, expected {}, loss {}", found, choice.cost, choice.loss);
            assert!(found <= wanted && found + 1024 == choice.cost as usize && found as f64 > 0.9 * wanted as f64);
            assert!(choice.layers.iter().all(|layer| layer.bits.ends_with("/3")));
            assert!(choice.loss < last);
            last = choice.loss;
        }
    }
}

#[test]
fn no_uniform_width_of_the_same_size_loses_less() {
    let model = float("cifar-resnet-20", 16);
    let loss = |bits: &str, most: usize| {
        let choice = chosen(&model, &options(bits, Method::FULL), &FileSize { float: &model, most }).unwrap();
        (choice.loss, choice.cost as usize)
    };
    // With so much room, the limits are chosen.
    let (uniform, size) = loss("2/4", usize::MAX);
    let (own, used) = loss("4/4", size);
    assert!(own <= uniform && used <= size, "{own} {uniform}");
}

#[test]
fn what_cannot_be_reached_is_refused_with_the_least() {
    let model = float("cifar-resnet-20", 16);
    let least = length(&low(&model, &options("1/2", Method::FAST)));
    let error =
        chosen(&model, &options("8/2", Method::FULL), &FileSize { float: &model, most: least / 2 }).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("as narrow as can be") && text.contains("kB"), "{text}");
}

/// A price under which activations cost as much as weights, and a network more than its layers.
struct Bits {
    share: f64,
}

impl Price for Bits {
    fn of(&self, graph: &Graph) -> Result<Costs> {
        let mut costs = Costs { all: 100.0, ..Costs::default() };
        for (name, [weights, activations]) in super::widths(graph) {
            costs.layers.insert(name, (weights * activations) as f64);
            costs.all += (weights * activations + 1) as f64;
        }
        // Of narrow networks more than layer by layer, so that the first choice is too dear.
        costs.all += 3000.0 / costs.all;
        Ok(costs)
    }

    fn most(&self, widest: f64) -> f64 {
        self.share * widest
    }

    fn counts_activations(&self) -> bool {
        true
    }

    fn text(&self, cost: f64) -> String {
        format!("{cost} things")
    }
}

#[test]
fn weights_and_activations_are_chosen_together_for_the_network_as_a_whole() {
    let model = float("cifar-resnet-20", 16);
    for share in [0.45, 0.7] {
        let price = Bits { share };
        let choice = chosen(&model, &options("4/4", Method::FULL), &price).unwrap();
        let all = Bits { share }.of(&low(
            &model,
            &QuantizeOptions { bits: choice.bits.clone(), ..options("4/4", Method::FAST) },
        )
        .header
        .graph);
        assert_eq!(all.unwrap().all, choice.cost);
        assert!(choice.cost <= choice.most && choice.cost > 0.9 * choice.most, "{} {}", choice.cost, choice.most);
        assert_eq!(choice.most, share * choice.widest);
        assert_eq!(choice, chosen(&model, &options("4/4", Method::FULL), &price).unwrap());
    }
    let error = chosen(&model, &options("4/4", Method::FULL), &Bits { share: 0.01 }).unwrap_err();
    assert!(error.to_string().contains("things"), "{error}");
}
