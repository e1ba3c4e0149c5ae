//! `lq-infer quantize`

use super::failure::{Failure, Outcome};
use super::files::{need_file, read_labels, usage};
use super::folder::search;
use super::inputs::holds_no_picture;
use super::output;
use super::preparation::PreparationArgs;
use crate::convert::{Checkpoint, Conversion, ConvertOptions, CustomNetwork, convert, convert_graph};
use crate::error::{Error, Result};
use crate::image::{Pixels, resize_and_crop};
use crate::quantize::{Bits, Method, Pictures, QuantizeOptions, QuantizeReport, Quantized, kept_in_float, quantize};
use crate::random::Rng;
use crate::session::{Batch, DeviceSelector, Engine, Model, add_golden_with};
use clap::Args;
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Fewer calibration pictures than this are noted.
const FEW: usize = 64;

#[derive(Args, Debug)]
pub(super) struct QuantizeArgs {
    /// Checkpoint of a network in float, in any format that `convert` reads
    checkpoint: PathBuf,
    /// Packed model to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Bits of weights and activations, 1 to 8 or 32 for float; for single layers by name, where * stands for any text:
    /// 2/2,layer4.*=3/3
    #[arg(long, value_name = "W/A")]
    bits: Bits,
    /// Folder of pictures as the network will see them; labels are not needed
    #[arg(long, value_name = "DIR")]
    calibrate: PathBuf,
    /// How many of the pictures are used
    #[arg(long, value_name = "N", default_value = "256")]
    pictures: std::num::NonZeroUsize,
    /// Which of the pictures are used
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How weights are found
    #[arg(long, value_enum, default_value_t = MethodArg::Full)]
    method: MethodArg,
    /// Also quantize the first and the last layer
    #[arg(long)]
    first_last: bool,
    /// Key of the state dict in a PyTorch checkpoint that holds several, such as state_dict_ema
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// Network id [default: recognized from names and shapes]
    #[arg(long, value_name = "ID")]
    arch: Option<String>,
    /// JSON file that describes a network of your own, whose weights the checkpoint holds (see models/README.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arch", "input_size"])]
    graph: Option<PathBuf>,
    /// What the names of the network's variables start with, such as "student." [default: found]
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Text file with one label per line
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// .npy with the per-pixel mean of the training pictures, [H,W,3] RGB
    #[arg(long, value_name = "FILE")]
    mean_image: Option<PathBuf>,
    /// Height and width of the pictures, if not those of the original network
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,
    /// Name stored in the model
    #[arg(long)]
    name: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    preparation: PreparationArgs,
}

/// How weights are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum MethodArg {
    /// So that each layer gives what it gave in float
    Full,
    /// Each at the nearest level: a rough result in seconds
    Fast,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    network: &'a str,
    source: &'a crate::format::Provenance,
    pictures: usize,
    seconds: f64,
    #[serde(flatten)]
    report: &'a QuantizeReport,
    notes: &'a [String],
    output: &'a Path,
}

/// Runs the command.
pub(super) fn run(args: &QuantizeArgs) -> Outcome {
    need_file(&args.output)?;
    let checkpoint = match &args.key {
        None => Checkpoint::open(&args.checkpoint)?,
        Some(key) => Checkpoint::open_state_dict(&args.checkpoint, key)?,
    };
    if checkpoint.includes(&args.output) {
        return Err(usage(&args.output, "the output would replace the checkpoint"));
    }
    let Conversion { mut packed, notes, .. } = float_network(args, &checkpoint)?;
    args.preparation.apply(&mut packed)?;
    let float = Model::try_from(packed)?;
    float.need_pixels()?;
    let start = Instant::now();
    let pictures = calibration(args, &float)?;
    let count = pictures.0.len();
    let Quantized { mut packed, report } = quantized(args, &float, &pictures)?;
    let seconds = start.elapsed().as_secs_f64();
    packed.header.source.converter = provenance(args, count);
    packed.header.name =
        args.name.clone().unwrap_or_else(|| format!("{} {}", base_name(&float), packed.header.graph.widths()));
    let reference = Engine::builder().device(DeviceSelector::CpuReference).build()?;
    let model = add_golden_with(packed, &reference, &|_, _| {}).map_err(|error| match error {
        Error::BadModel { problem, .. } => Error::bad_checkpoint(&args.checkpoint, problem),
        other => other,
    })?;
    model.save(&args.output).map_err(Failure::of_writing)?;
    let header = model.header();
    let summary = Summary {
        name: &header.name,
        network: &header.network,
        source: &header.source,
        pictures: count,
        seconds,
        report: &report,
        notes: &notes,
        output: &args.output,
    };
    notes.iter().for_each(|note| output::note(&format!("note: {note}")));
    if args.json { output::json(&summary) } else { summary.print() }
}

/// The checkpoint as a model in float.
fn float_network(args: &QuantizeArgs, checkpoint: &Checkpoint) -> Result<Conversion> {
    let options = ConvertOptions {
        arch: args.arch.clone(),
        prefix: args.prefix.clone(),
        encoding: None,
        labels: args.labels.as_deref().map(read_labels).transpose()?,
        mean_image: args.mean_image.clone(),
        input_size: args.input_size,
        name: None,
        allow_float: true,
    };
    match &args.graph {
        Some(graph) => convert_graph(checkpoint, &CustomNetwork::read(graph)?, &options, &|_, _| {}),
        None => convert(checkpoint, &options, &|_, _| {}),
    }
}

/// The name without the widths that a conversion adds.
fn base_name(float: &Model) -> &str {
    let name = &float.header().name;
    name.strip_suffix(&format!(" {}", float.header().graph.widths())).unwrap_or(name)
}

/// How the model was made, in one line.
fn provenance(args: &QuantizeArgs, pictures: usize) -> String {
    let method = if args.method == MethodArg::Full { "full" } else { "fast" };
    let ends = if args.first_last { " --first-last" } else { "" };
    format!(
        "lq-infer {} quantize --bits {}{ends} --method {method}, {pictures} pictures, --seed {}",
        env!("CARGO_PKG_VERSION"),
        args.bits,
        args.seed
    )
}

/// Tensors of the calibration pictures.
struct Tensors(Vec<Vec<f32>>);

impl Pictures for Tensors {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn tensor(&self, index: usize) -> Result<Vec<f32>> {
        Ok(self.0[index].clone())
    }
}

/// Decodes the pictures that the seed chooses.
fn calibration(args: &QuantizeArgs, float: &Model) -> Result<Tensors> {
    let found = search(&args.calibrate)?;
    let skipped = found.skipped.summary().map(|summary| format!("skipped: {summary}"));
    if found.pictures.is_empty() {
        return Err(Error::bad_input(&args.calibrate, holds_no_picture(skipped)));
    }
    let chosen = choose(found.pictures, args.pictures.get(), args.seed);
    if chosen.len() < FEW {
        output::note(&format!(
            "note: only {} pictures to calibrate with; some hundreds give better networks",
            chosen.len()
        ));
    }
    let rule = &float.header().preprocess.resize;
    let one = |path: &PathBuf| Batch::Pixels(resize_and_crop(&Pixels::open(path)?, rule)?.rgb).real(float);
    chosen.par_iter().map(one).collect::<Result<_>>().map(Tensors)
}

/// At most `count` of the pictures, by the seed, in their order.
fn choose(mut pictures: Vec<PathBuf>, count: usize, seed: u64) -> Vec<PathBuf> {
    let mut rng = Rng::new(seed);
    let count = count.min(pictures.len());
    for at in 0..count {
        let other = at + (rng.next_u64() % (pictures.len() - at) as u64) as usize;
        pictures.swap(at, other);
    }
    pictures.truncate(count);
    pictures.sort();
    pictures
}

fn quantized(args: &QuantizeArgs, float: &Model, pictures: &Tensors) -> Result<Quantized> {
    let method = if args.method == MethodArg::Full { Method::FULL } else { Method::FAST };
    let options = QuantizeOptions { bits: args.bits.clone(), ends: args.first_last, method };
    let bar = output::long_progress(0, "layers");
    let tell = |name: &str, done, total| {
        bar.set(done, total);
        output::detail(|| name.to_owned());
    };
    let kept = kept_in_float(&float.header().network);
    let quantized = quantize(float.packed(), pictures, &options, &kept, &tell);
    bar.finish_and_clear();
    quantized
}

impl Summary<'_> {
    fn print(&self) -> Outcome {
        let head = ["layer", "W/A", "weights", "float", "nearest", "fitted", "feedback", "last", "levels", "bytes"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        let share = |x: f64| if x.is_nan() { String::new() } else { format!("{x:.4}") };
        for layer in &self.report.layers {
            let e = &layer.outputs;
            let mut row = vec![layer.layer.clone(), layer.bits.clone()];
            row.extend([layer.weights, e.inputs, e.nearest, e.fitted, e.feedback, e.last].map(share));
            row.extend([format!("{:.0}%", 100.0 * layer.levels_used), output::bytes(layer.bytes)]);
            rows.push(row);
        }
        output::table_of(&rows, &[2, 3, 4, 5, 6, 7, 8, 9]).iter().try_for_each(|line| output::line(line))?;
        output::line(&format!("{}: {} in {:.1} s", self.output.display(), self.name, self.seconds))
    }
}
