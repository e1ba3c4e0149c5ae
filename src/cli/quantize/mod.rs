//! `lq-infer quantize`

mod auto;
mod calibration;
mod in_float;
mod summary;
mod time;

use super::args::DeviceArg;
use super::eval::{Accuracy, accuracy};
use super::failure::{Failure, Outcome};
use super::files::{need_file, size};
use super::preparation::PreparationArgs;
use super::source::{SourceArgs, with_golden};
use super::{interrupt, open, output};
use crate::convert::{Conversion, ConvertOptions, Unquantized};
use crate::error::Result;
use crate::quantize::{
    ALL_LAYERS, Bits, Method, QuantizeOptions, Quantized, Tuning, count_layers, kept_in_float, quantize,
};
use crate::session::Model;
use crate::text::counted;
use auto::AutoArgs;
use calibration::{Calibration, need_folder};
use clap::Args;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;
use summary::{Evaluation, Summary};

#[derive(Args, Debug)]
pub(super) struct QuantizeArgs {
    /// Checkpoint of a network in float, in any format that `convert` reads
    checkpoint: PathBuf,
    /// Packed model to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Bits of weights and activations, 1 to 8 or 32 for float; for single layers by name, where * stands for any text:
    /// 2/2,layer4.*=3/3. With --auto the most that layers get [default with --auto: 8/8]
    #[arg(
        long,
        value_name = "W/A",
        required = false,
        required_unless_present = "auto",
        default_value_if("auto", "true", "8/8")
    )]
    bits: Bits,
    #[command(flatten)]
    auto: AutoArgs,
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
    /// How often the pictures are seen when all layers are tuned together in the end; 0 for not at all [default: as many as
    /// take about a minute, none for large networks]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Do not use the mirror images of the pictures too: for text, or where left and right differ otherwise
    #[arg(long)]
    no_mirror: bool,
    /// Also quantize the first and the last layer
    #[arg(long)]
    first_last: bool,
    #[command(flatten)]
    source: SourceArgs,
    /// Also measure the accuracy in float and of the result, over a directory with one folder per class
    #[arg(long, value_name = "DIR")]
    eval: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
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

/// Runs the command.
pub(super) fn run(args: &QuantizeArgs) -> Outcome {
    need_file(&args.output)?;
    need_folder(&args.calibrate)?;
    let checkpoint = args.source.open(&args.checkpoint, [&args.output])?;
    // The name that the caller gives is that of the result, below.
    let options = ConvertOptions { name: None, unquantized: Unquantized::Expected, ..args.source.options()? };
    let Conversion { mut packed, mut notes, .. } = args.source.convert(&checkpoint, &options)?;
    args.preparation.apply(&mut packed)?;
    let float = Model::try_from(packed)?;
    float.need_pixels()?;
    interrupt::says(Some(format!("interrupted; {} was not written", args.output.display())));
    let start = Instant::now();
    let pictures = Calibration::find(&args.calibrate, args.pictures.get(), args.seed, &float)?;
    let count = pictures.paths.len();
    let (widest, kept) = (quantize_options(args, &float, count), kept_in_float(&float.header().network));
    let automatic = args.auto.choose(&float, &pictures, &widest, &kept)?;
    let bits = automatic.as_ref().map_or(widest.bits.clone(), |automatic| automatic.choice.bits.clone());
    let options = QuantizeOptions { bits, ..widest.clone() };
    let widths = if automatic.is_some() { "the chosen bits".to_owned() } else { options.bits.to_string() };
    output::note(&start_of(&float, &options, &kept, &widths, count)?);
    let Quantized { mut packed, report } = quantized(&float, &pictures, &options, &kept)?;
    let seconds = start.elapsed().as_secs_f64();
    packed.header.source.converter = provenance(args, &widest, count);
    packed.header.name =
        args.source.name.clone().unwrap_or_else(|| format!("{} {}", base_name(&float), packed.header.graph.widths()));
    let model = with_golden(&args.checkpoint, packed)?;
    interrupt::says(None);
    model.save(&args.output).map_err(Failure::of_writing)?;
    let evaluation = args.eval.as_ref().map(|directory| evaluate(args, directory, &float, &model)).transpose()?;
    let bytes = size(&args.output);
    let header = model.header();
    notes.extend(in_float::remark(&header.graph, &model.packed().params, &kept, &options.bits, bytes));
    let summary = Summary {
        name: &header.name,
        network: &header.network,
        source: &header.source,
        pictures: count,
        seconds,
        automatic: automatic.as_ref(),
        report: &report,
        warnings: summary::warnings(&report),
        evaluation,
        notes: &notes,
        bytes,
        float_bytes: float.packed().params.tensors().values().map(|tensor| tensor.bytes().len()).sum(),
        output: &args.output,
    };
    summary.tell();
    if args.json { output::json(&summary) } else { summary.print() }
}

/// The name without the widths that a conversion adds.
fn base_name(float: &Model) -> &str {
    let name = &float.header().name;
    name.strip_suffix(&format!(" {}", float.header().graph.widths())).unwrap_or(name)
}

/// What the arguments say. The length of the tuning follows from the network and the pictures.
fn quantize_options(args: &QuantizeArgs, float: &Model, pictures: usize) -> QuantizeOptions {
    let seen = if args.no_mirror { pictures } else { 2 * pictures };
    let usual = Tuning::usual(&float.header().graph, seen);
    let tuning = Tuning { epochs: args.epochs.unwrap_or(usual.epochs), ..usual };
    let method = match args.method {
        MethodArg::Fast => Method::FAST,
        MethodArg::Full => Method { tuning: (tuning.epochs > 0).then_some(tuning), ..Method::FULL },
    };
    QuantizeOptions { bits: args.bits.clone(), ends: args.first_last, method, mirror: !args.no_mirror, seed: args.seed }
}

/// How the model was made, in one line. `options` are those of the arguments.
fn provenance(args: &QuantizeArgs, options: &QuantizeOptions, pictures: usize) -> String {
    let QuantizeOptions { bits, ends, method, mirror, seed } = options;
    let method = match method {
        Method { full: false, .. } => "fast".to_owned(),
        Method { tuning, .. } => format!("full --epochs {}", tuning.map_or(0, |tuning| tuning.epochs)),
    };
    let flags = [(*ends, " --first-last"), (!mirror, " --no-mirror")];
    let flags: String = flags.iter().filter(|(given, _)| *given).map(|(_, text)| *text).collect();
    format!(
        "lq-infer {} quantize --bits {bits}{}{flags} --method {method}, {pictures} pictures, --seed {seed}",
        env!("CARGO_PKG_VERSION"),
        args.auto.text(),
    )
}

/// What is about to be done.
fn start_of(
    float: &Model,
    options: &QuantizeOptions,
    kept: &BTreeSet<String>,
    widths: &str,
    pictures: usize,
) -> Result<String> {
    let layers = count_layers(float.packed(), options, kept)?;
    let (layers, pictures) = (counted(layers, "layer"), counted(pictures, "picture"));
    let mirrored = if options.mirror { ", mirrored as well" } else { "" };
    Ok(format!("quantizing {layers} of {} to {widths} with {pictures}{mirrored}", base_name(float)))
}

fn quantized(
    float: &Model,
    pictures: &Calibration,
    options: &QuantizeOptions,
    kept: &BTreeSet<String>,
) -> Result<Quantized> {
    let (layers, steps) = (output::long_progress(0, "layers"), OnceCell::new());
    let tell = |name: &str, done, total| {
        let bar = match name {
            ALL_LAYERS => steps.get_or_init(|| {
                layers.finish_and_clear();
                output::long_progress(0, "steps")
            }),
            _ => &layers,
        };
        bar.message(name.to_owned());
        bar.set(done, total);
        output::detail(|| name.to_owned());
    };
    let quantized = quantize(float.packed(), pictures, options, kept, &tell);
    [Some(&layers), steps.get()].into_iter().flatten().for_each(|bar| bar.finish_and_clear());
    quantized
}

/// The accuracy of both networks on the same pictures.
fn evaluate(args: &QuantizeArgs, directory: &Path, float: &Model, low: &Model) -> Result<Evaluation, Failure> {
    let engine = open::engine(&args.device.device)?;
    let [float, quantized]: [Accuracy; 2] = [accuracy(float, &engine, directory)?, accuracy(low, &engine, directory)?];
    Ok(Evaluation { float, quantized })
}
