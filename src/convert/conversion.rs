//! Conversion: a checkpoint becomes a model.

use super::network::{
    Applied, CustomNetwork, Match, NameRules, Scope, bind, find_mean_image, normalizations, recognize, source,
};
use super::options::ConvertOptions;
use super::readers::Checkpoint;
use super::report::ConversionReport;
use super::{claims, notes, unquantized};
use crate::error::{Error, Result};
use crate::format::{Header, Packed, Provenance, VERSION};
use crate::graph::Graph;
use crate::zoo::{Definition, Network};

/// Id in the packed file of networks that are not in the zoo.
const CUSTOM: &str = "custom";

/// A converted checkpoint.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// The model, without golden vectors.
    pub packed: Packed,
    /// What became of each layer.
    pub report: ConversionReport,
    /// Ids of other networks that the checkpoint may be just as well: it does not say what pictures it was trained on.
    pub alternatives: Vec<&'static str>,
    /// What the user should know of the checkpoint: choices that it made, the prefix under which the network was found,
    /// what was left out, what contradicts what.
    pub notes: Vec<String>,
}

/// Recognises the network that a checkpoint holds and makes a model of it. `progress` is told (done, total) numbers.
///
/// ```
/// use lq_infer::{Checkpoint, ConvertOptions, Model, convert};
///
/// let checkpoint = Checkpoint::open("tests/fixtures/torch_layouts/plain-cifar-resnet-20.pt".as_ref())?;
/// let conversion = convert(&checkpoint, &ConvertOptions::default(), &|_, _| {})?;
/// let model = Model::try_from(conversion.packed)?;
/// assert_eq!(model.header().network, "cifar-resnet-20");
/// # Ok::<(), lq_infer::Error>(())
/// ```
///
/// # Errors
/// [`Error::BadCheckpoint`] names the variable, what was found and what was expected. [`Error::Usage`] says what in
/// `options` does not suit the network.
pub fn convert(
    checkpoint: &Checkpoint,
    options: &ConvertOptions,
    progress: &dyn Fn(usize, usize),
) -> Result<Conversion> {
    let evidence = checkpoint.evidence();
    let unknown = |problem| checkpoint.bad(format!("{problem}{}", claims::network(evidence)));
    let (recognized, alternatives) = recognize(checkpoint, options).map_err(unknown)?;
    let Match { scope, network, definition, rules, codes_are_told } = recognized;
    let pictures = notes::pictures(evidence, network, options.arch.is_some());
    let labels = if pictures.usual_labels { usual_labels(network, &definition.graph) } else { Vec::new() };
    let title = Title { network: network.id, name: network.id, labels };
    let mut conversion = pack(&scope, definition, rules, title, options, progress)?;
    if codes_are_told {
        conversion.report.trust_codes();
    }
    conversion.notes.extend(pictures.note);
    Ok(Conversion { alternatives, ..conversion })
}

/// Packs `network` with the weights of a checkpoint, whose variables are named by the network's layers, in the plain
/// naming or as one of the other sources does; float weights of quantized layers are quantized here. `options.arch`
/// and `options.input_size` do not apply. `progress` is told (done, total) numbers.
///
/// # Errors
/// [`Error::BadCheckpoint`] names the variable, what was found and what was expected. [`Error::Usage`] says what in
/// `network` or `options` does not belong together.
///
/// # Example
/// ```
/// use lq_infer::internals::convert::{Checkpoint, ConvertOptions, CustomNetwork, GRAPH_VERSION, convert_graph};
/// use lq_infer::internals::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
/// use lq_infer::internals::graph::{GraphBuilder, Weights};
/// use lq_infer::internals::tensor::{Shape, Window};
///
/// // A float convolution, a 2-bit quantizer, a 1-bit convolution and a float dense layer.
/// let mut b = GraphBuilder::new(Shape { h: 8, w: 8, c: 3 });
/// let x = b.conv("first", b.input(), 4, Window::padded(3, 2, 1), Weights::Float);
/// let x = b.batch_norm_with("norm", x, 1e-5);
/// let x = b.quantize("quant", x, 2);
/// let x = b.conv("second", x, 5, Window::valid(3, 1), Weights::Planes { bits: 1 });
/// let x = b.global_avg_pool("mean", x);
/// b.dense("last", x, 2, [1, 1]);
/// let network = CustomNetwork {
///     version: GRAPH_VERSION,
///     name: "tiny".into(),
///     graph: b.finish()?,
///     preprocess: Preprocess {
///         resize: Resize { shorter_edge: 8, filter: Filter::PillowBilinear, crop: [8, 8], stretch: None },
///         channels: ChannelOrder::Rgb,
///         normalize: Normalize::Channel { mean: [0.5; 3], std: [0.25; 3] },
///     },
///     labels: vec!["cat".into(), "dog".into()],
///     weight_ties: Default::default(),
/// };
/// # let variables: [(&str, &[usize]); 10] = [
/// #     ("first.weight", &[4, 3, 3, 3]), ("norm.weight", &[4]), ("norm.bias", &[4]), ("norm.running_mean", &[4]),
/// #     ("norm.running_var", &[4]), ("quant.basis", &[2]), ("second.weight", &[5, 4, 3, 3]), ("second.basis", &[5, 1]),
/// #     ("last.weight", &[2, 5]), ("last.bias", &[2]),
/// # ];
/// # let numbers: Vec<u8> = (0..180).flat_map(|i| (0.01 + (i % 7) as f32).to_le_bytes()).collect();
/// # let views = variables.map(|(name, shape)| {
/// #     let bytes = &numbers[..4 * shape.iter().product::<usize>()];
/// #     (name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes).unwrap())
/// # });
/// # let folder = tempfile::tempdir()?;
/// # let weights = folder.path().join("weights.safetensors");
/// # std::fs::write(&weights, safetensors::serialize(views, None)?)?;
/// // `weights` is a file with "first.weight" [4, 3, 3, 3], "norm.weight" [4], ..., "quant.basis" [2],
/// // "second.weight" [5, 4, 3, 3], "second.basis" [5, 1], "last.weight" [2, 5] and "last.bias" [2].
/// let packed = convert_graph(&Checkpoint::open(&weights)?, &network, &ConvertOptions::default(), &|_, _| {})?.packed;
/// assert_eq!(packed.header.name, "tiny 1/2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn convert_graph(
    checkpoint: &Checkpoint,
    network: &CustomNetwork,
    options: &ConvertOptions,
    progress: &dyn Fn(usize, usize),
) -> Result<Conversion> {
    if options.arch.is_some() || options.input_size.is_some() {
        return Err(Error::Usage("a graph says itself which network it is and what size its pictures have".into()));
    }
    if options.encoding.is_some() {
        return Err(Error::Usage("a graph says itself which encoding its quantizers have".into()));
    }
    network.check().map_err(Error::Usage)?;
    let definition = network.definition();
    let (scope, rules) = source(checkpoint, &definition, options).map_err(|problem| checkpoint.bad(problem))?;
    let title = Title { network: CUSTOM, name: &network.name, labels: network.labels.clone() };
    pack(&scope, definition, rules, title, options, progress)
}

/// What a packed file says about its network besides the parameters.
struct Title<'a> {
    network: &'a str,
    name: &'a str,
    labels: Vec<String>,
}

/// Binds the parameters of `definition` and adds what a packed file holds besides.
fn pack(
    scope: &Scope,
    mut definition: Definition,
    rules: &NameRules,
    title: Title,
    options: &ConvertOptions,
    progress: &dyn Fn(usize, usize),
) -> Result<Conversion> {
    let checkpoint = scope.checkpoint;
    let (params, report) = bind(scope, &definition, rules, progress)?;
    let mut notes = notes::of_file(checkpoint.evidence());
    notes.extend(unquantized::check(scope, &definition.graph, &report, title.network, options)?);
    notes.extend(notes_of_scope(scope, &mut definition));
    let mean_image =
        find_mean_image(scope, options.mean_image.as_deref(), &definition.graph, &mut definition.preprocess)?;
    let Definition { graph, preprocess, .. } = definition;
    let header = Header {
        version: VERSION,
        name: options.name.clone().unwrap_or_else(|| format!("{} {}", title.name, graph.widths())),
        network: title.network.to_owned(),
        labels: labels(options, &graph, title.labels)?,
        graph,
        preprocess,
        source: Provenance {
            kind: checkpoint.kind().to_string(),
            file: checkpoint.path().file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256: checkpoint.sha256()?,
            converter: concat!("lq-infer ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
        golden: Vec::new(),
    };
    let packed = Packed { header, params, mean_image };
    packed.check().map_err(|problem| checkpoint.bad(problem))?;
    Ok(Conversion { packed, report, alternatives: Vec::new(), notes })
}

/// Takes the normalization that a checkpoint has beside its network into the preprocessing, and says so, and what else
/// was left out.
fn notes_of_scope(scope: &Scope, definition: &mut Definition) -> Vec<String> {
    let mut notes = Vec::new();
    let found = normalizations(scope.checkpoint);
    for normalization in &found {
        let names = format!("'{}' and '{}'", normalization.mean, normalization.deviation);
        let applied = match found.len() {
            1 => normalization.apply(scope.checkpoint, &mut definition.preprocess),
            several => Applied::Left(format!("it is one of {several}")),
        };
        notes.push(match applied {
            Applied::Taken => format!("pictures are normalized with {names}, as the checkpoint says"),
            Applied::Left(why) => format!("the normalization {names} was left out: {why}"),
        });
    }
    let is_normalization = |name: &str| found.iter().any(|n| n.has(name));
    let left_out: Vec<&str> = scope.left_out().map(|(name, _)| name).filter(|name| !is_normalization(name)).collect();
    if !scope.prefix.is_empty() {
        notes.push(match left_out.as_slice() {
            [] => format!("the network was found under '{}'", scope.prefix),
            [first, ..] => format!(
                "the network was found under '{}'; {} other variables were left out, such as '{first}'",
                scope.prefix,
                left_out.len()
            ),
        });
    }
    notes
}

/// The labels of the data set that the network is usually trained on, if it has as many classes.
fn usual_labels(network: &Network, graph: &Graph) -> Vec<String> {
    let as_many = network.labels().count() == graph.classes();
    network.labels().filter(|_| as_many).map(str::to_owned).collect()
}

fn labels(options: &ConvertOptions, graph: &Graph, usual: Vec<String>) -> Result<Vec<String>> {
    let classes = graph.classes();
    match &options.labels {
        Some(given) if given.len() != classes => {
            let given =
                if given.len() == 1 { "1 label was".to_owned() } else { format!("{} labels were", given.len()) };
            Err(Error::Usage(format!("{given} given, the network has {classes} classes")))
        }
        Some(given) => Ok(given.clone()),
        None => Ok(usual),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::export_float;
    use crate::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess, Resize};
    use crate::graph::{Dtype, GraphBuilder, Params, Tensor, Weights};
    use crate::tensor::{Shape, Window};

    /// A model of blocks with a convolution, a batch norm and a quantizer each, in layers whose names start with
    /// `prefix`.
    fn deep(blocks: usize, prefix: &str) -> Packed {
        let mut builder = GraphBuilder::new(Shape { h: 1, w: 1, c: 2 });
        let mut x = builder.input();
        for block in 0..blocks {
            let name = |layer: &str| format!("{prefix}block{block}/{layer}");
            x = builder.conv(&name("conv"), x, 2, Window::valid(1, 1), Weights::Planes { bits: 1 });
            x = builder.batch_norm_with(&name("norm"), x, 1e-5);
            x = builder.quantize(&name("quant"), x, 2);
        }
        builder.dense(&format!("{prefix}last"), x, 2, [1, 1]);
        let graph = builder.finish().unwrap();
        let tensor = |spec: &crate::graph::ParamSpec| {
            let count = spec.shape.iter().product();
            match spec.dtype {
                Dtype::F32 => Tensor::from_f32(spec.shape.clone(), vec![0.5; count]),
                Dtype::U32 => Tensor::from_u32(spec.shape.clone(), vec![0; count]),
            }
        };
        let specs = graph.parameters().unwrap();
        let params = Params::new(&graph, specs.iter().map(|s| (s.name(), tensor(s))).collect()).unwrap();
        let nowhere = Provenance { kind: "".into(), file: "".into(), sha256: "".into(), converter: "".into() };
        let header = Header {
            version: VERSION,
            name: format!("deep {}", graph.widths()),
            network: CUSTOM.into(),
            graph,
            preprocess: Preprocess {
                resize: Resize { shorter_edge: 1, filter: Filter::PillowBilinear, crop: [1; 2], stretch: None },
                channels: ChannelOrder::Rgb,
                normalize: Normalize::TensorOnly { range: 1.0 },
            },
            labels: Vec::new(),
            source: nowhere,
            golden: Vec::new(),
        };
        Packed { header, params, mean_image: None }
    }

    #[test]
    fn exported_networks_of_many_layers_come_back() {
        // More than 9,900 layers with 29,700 variables; and names that look as if a wrapper had been put around them.
        for packed in [deep(3_300, "stage/"), deep(2, "module/")] {
            comes_back(&packed);
        }
    }

    fn comes_back(packed: &Packed) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep.safetensors");
        export_float(packed, &path).unwrap();
        let (network, checkpoint) = (CustomNetwork::read(&path).unwrap(), Checkpoint::open(&path).unwrap());
        let again = convert_graph(&checkpoint, &network, &ConvertOptions::default(), &|_, _| {}).unwrap().packed;
        assert_eq!((&again.header.graph, &again.header.name), (&packed.header.graph, &packed.header.name));
        let bytes = |packed: &Packed| -> Vec<(String, Vec<u8>)> {
            packed.params.tensors().iter().map(|(name, tensor)| (name.clone(), tensor.bytes().to_vec())).collect()
        };
        assert!(bytes(&again) == bytes(packed), "other parameters came back");
    }

    #[test]
    fn what_could_not_be_read_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep.safetensors");
        let refused = |packed: &Packed| export_float(packed, &path).unwrap_err().to_string();
        let error = refused(&deep(600, &"x".repeat(900)));
        assert!(error.contains("bytes of names"), "{error}");
        let error = refused(&deep(3_300, &"x".repeat(100)));
        assert!(error.contains("its safetensors header claims"), "{error}");
        let error = refused(&deep(1, "a\\"));
        assert!(error.contains("bad tensor name"), "{error}");
        assert!(!path.exists());
    }
}
