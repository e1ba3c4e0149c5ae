//! What a checkpoint says about itself, held against what was found in it. Settings are believed where the variables
//! leave a choice; where the two contradict each other, that is said.

use super::readers::evidence::{Evidence, Setting, SettingValue, Topic, plain};
use crate::graph::{Graph, Op, Weights};
use std::collections::BTreeSet;

/// Widths from here on mean float numbers.
const FLOAT_FROM: f64 = 16.0;

/// Data sets by what their pictures are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    /// CIFAR-10 and CIFAR-100.
    Cifar,
    ImageNet,
    /// Something else, whose labels and preparation are not known here.
    Other,
}

/// Parts of the names of data sets that are neither.
const OTHERS: [&str; 22] = [
    "mnist",
    "svhn",
    "stl10",
    "tinyimagenet",
    "imagenet32",
    "imagenet64",
    "imagewoof",
    "food101",
    "gtsrb",
    "caltech",
    "places365",
    "celeba",
    "usps",
    "cub200",
    "flowers",
    "oxfordpet",
    "stanfordcars",
    "aircraft",
    "eurosat",
    "cinic",
    "speechcommands",
    "pascalvoc",
];

impl Pictures {
    /// Classes of the data set that networks for such pictures are usually trained on.
    pub(super) fn usual_classes(self) -> Option<usize> {
        match self {
            Pictures::Cifar => Some(10),
            Pictures::ImageNet => Some(1000),
            Pictures::Other => None,
        }
    }

    /// The data set with a name, if it is known.
    fn of(name: &str) -> Option<Self> {
        let name = plain(name);
        let [cifar, imagenet] =
            [["cifar", "cifar"], ["imagenet", "ilsvrc"]].map(|of| of.iter().any(|n| name.contains(n)));
        if OTHERS.iter().any(|other| name.contains(other)) {
            return Some(Pictures::Other);
        }
        match (cifar, imagenet) {
            (true, false) => Some(Pictures::Cifar),
            (false, true) => Some(Pictures::ImageNet),
            _ => None,
        }
    }
}

/// The data set that a network was trained on, if the checkpoint says so without contradicting itself, and where.
pub(super) fn pictures(evidence: &Evidence) -> Option<(Pictures, &Setting)> {
    let of = |topic| {
        let known = evidence.about(topic).filter_map(|setting| match &setting.value {
            SettingValue::Text(name) => Some((Pictures::of(name)?, setting)),
            SettingValue::Number(_) => None,
        });
        let known: Vec<_> = known.collect();
        known.first().copied().filter(|first| known.iter().all(|other| other.0 == first.0))
    };
    of(Topic::Dataset).or_else(|| of(Topic::DatasetFolder).filter(|found| found.0 != Pictures::Other))
}

/// What the checkpoint says of its network, for a message about one that is not known.
pub(super) fn network(evidence: &Evidence) -> String {
    let said: Vec<String> = evidence.about(Topic::Network).take(2).map(Setting::to_string).collect();
    if said.is_empty() { String::new() } else { format!("; the file says {}", said.join(" and ")) }
}

/// How what a checkpoint says of its widths differs from what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Quantizers that it must have had in training, and of which nothing was found.
    pub(super) lost: Vec<String>,
    /// Other widths than those that were found.
    pub(super) other: Vec<String>,
}

/// Compares the widths that a checkpoint claims with those of the graph that was made of it.
pub(super) fn differences(evidence: &Evidence, graph: &Graph) -> Differences {
    let (mut weights, mut activations) = (BTreeSet::new(), BTreeSet::new());
    for node in graph.nodes() {
        match node.op {
            Op::Conv { weights: Weights::Planes { bits }, .. } => _ = weights.insert(bits),
            Op::Quantize { bits, .. } => _ = activations.insert(bits),
            _ => {}
        }
    }
    let mut differences = Differences::default();
    differences.compare(evidence, Topic::WeightBits, "weights", &weights);
    differences.compare(evidence, Topic::ActivationBits, "activations", &activations);
    if weights.is_empty() && activations.is_empty() {
        let both: BTreeSet<usize> = BTreeSet::new();
        differences.compare(evidence, Topic::Bits, "weights or activations", &both);
        let kept = evidence.about(Topic::Quantizers);
        differences
            .lost
            .extend(kept.map(|kept| format!("'{}' holds quantizers in a form that is not known", kept.name)));
    }
    differences
}

impl Differences {
    fn compare(&mut self, evidence: &Evidence, topic: Topic, what: &str, found: &BTreeSet<usize>) {
        let claims: Vec<_> = evidence.about(topic).filter_map(|setting| Some((setting, claimed(setting)?))).collect();
        // With several claims, such as one for each layer, it is enough that one of them fits.
        let fits = |claim: &Claimed| match claim {
            Claimed::Float => found.is_empty(),
            Claimed::Bits(bits) => found.contains(bits),
        };
        if claims.iter().any(|(_, claim)| fits(claim)) {
            return;
        }
        let Some((setting, claim)) = claims.first() else { return };
        match claim {
            Claimed::Bits(_) if found.is_empty() => {
                self.lost.push(format!("{setting} says that {what} are quantized"));
            }
            _ => {
                let found: Vec<String> = found.iter().map(usize::to_string).collect();
                self.other.push(format!(
                    "the file says {setting}, but its bases of {what} have {} bits, which counts",
                    found.join(", ")
                ));
            }
        }
    }
}

/// A width that a setting claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claimed {
    Float,
    Bits(usize),
}

fn claimed(setting: &Setting) -> Option<Claimed> {
    match setting.value {
        SettingValue::Number(bits) if bits <= 0.0 || bits >= FLOAT_FROM => Some(Claimed::Float),
        SettingValue::Number(bits) if bits.fract() == 0.0 => Some(Claimed::Bits(bits as usize)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::{self, Uniform};

    fn evidence(settings: &[(&str, Topic, SettingValue)]) -> Evidence {
        let setting = |(name, topic, value): &(&str, Topic, SettingValue)| Setting {
            name: (*name).to_owned(),
            topic: *topic,
            value: value.clone(),
        };
        Evidence { settings: settings.iter().map(setting).collect(), ..Default::default() }
    }

    fn text(text: &str) -> SettingValue {
        SettingValue::Text(text.into())
    }

    #[test]
    fn data_sets_are_known_by_their_names_and_folders() {
        let told = |topic, name: &str| pictures(&evidence(&[("args.x", topic, text(name))])).map(|found| found.0);
        for (name, expected) in [
            ("cifar10", Some(Pictures::Cifar)),
            ("CIFAR-100", Some(Pictures::Cifar)),
            ("imagenet", Some(Pictures::ImageNet)),
            ("ILSVRC2012", Some(Pictures::ImageNet)),
            ("tiny-imagenet-200", Some(Pictures::Other)),
            ("SVHN", Some(Pictures::Other)),
            ("ImageFolder", None),
        ] {
            assert_eq!(told(Topic::Dataset, name), expected, "{name}");
        }
        assert_eq!(told(Topic::DatasetFolder, "/data/ImageNet/2012"), Some(Pictures::ImageNet));
        assert_eq!(told(Topic::DatasetFolder, "/home/cifar/imagenet"), None);
        assert_eq!(told(Topic::DatasetFolder, "/data/svhn"), None);
        // The name counts for more than the folder, and two names count for nothing.
        let both = [("a", Topic::DatasetFolder, text("imagenet")), ("b", Topic::Dataset, text("cifar10"))];
        assert_eq!(pictures(&evidence(&both)).map(|found| (found.0, &*found.1.name)), Some((Pictures::Cifar, "b")));
        let two = [("a", Topic::Dataset, text("imagenet")), ("b", Topic::Dataset, text("cifar10"))];
        assert_eq!(pictures(&evidence(&two)), None);
    }

    #[test]
    fn widths_are_held_against_those_found() {
        let graph = |widths: &Uniform| zoo::find("cifar-resnet-20").unwrap().build(widths).unwrap().graph;
        let (quantized, float) =
            (graph(&Uniform::bits(2, 2)), graph(&Uniform { weights: Weights::Float, activation_bits: None }));
        let said = |topic, number| evidence(&[("args.x", topic, SettingValue::Number(number))]);
        let count = |evidence: &Evidence, graph| {
            let found = differences(evidence, graph);
            (found.lost.len(), found.other.len())
        };
        for (topic, number, in_quantized, in_float) in [
            (Topic::WeightBits, 2.0, (0, 0), (1, 0)),
            (Topic::ActivationBits, 3.0, (0, 1), (1, 0)),
            (Topic::WeightBits, 32.0, (0, 1), (0, 0)),
            (Topic::ActivationBits, -1.0, (0, 1), (0, 0)),
            (Topic::Bits, 2.0, (0, 0), (1, 0)),
            (Topic::WeightBits, 2.5, (0, 0), (0, 0)),
        ] {
            let evidence = said(topic, number);
            assert_eq!(
                (count(&evidence, &quantized), count(&evidence, &float)),
                (in_quantized, in_float),
                "{evidence:?}"
            );
        }
        let kept = evidence(&[("quant_info", Topic::Quantizers, text("a dict"))]);
        assert_eq!((count(&kept, &quantized), count(&kept, &float)), ((0, 0), (1, 0)));
    }
}
