//! The command line. Results go to standard output, everything else to standard error; exit codes are a contract:
//! 0 done, 1 failed while running, 2 usage, 3 bad model, checkpoint or image, 4 no such device, 5 verification differs.

mod agreement;
mod bench;
mod classify;
mod convert;
mod devices;
mod eval;
mod explain;
mod export;
mod inputs;
mod inspect;
mod layers;
mod names;
mod output;
mod profile;
mod subject;
mod tune;
mod verify;

use crate::error::{Error, ErrorKind};
use crate::session::{DeviceInfo, DeviceSelector, Engine, Model, device_matching, devices};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs LQ-Nets (learned bit-plane networks) exactly, on any GPU or CPU.
///
/// Without a subcommand, classifies pictures.
#[derive(Parser, Debug)]
#[command(name = "lq-infer", version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    classify: ClassifyArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Turn a trained checkpoint into a packed model
    Convert(ConvertArgs),
    /// Write a packed model's network with float weights, for other frameworks
    Export(export::ExportArgs),
    /// List the variables that a network needs from a checkpoint in the plain naming
    Names(NamesArgs),
    /// Show what a packed model holds
    Inspect(InspectArgs),
    /// Re-run a model's golden vectors and compare digests
    Verify(VerifyArgs),
    /// Measure accuracy over a directory with one folder per class
    Eval(EvalArgs),
    /// List the devices
    Devices(DevicesArgs),
    /// Time the ways to run a model's layers on a device, and keep the quickest for later runs
    Tune(TuneArgs),
    /// Time models on devices, with every result checked
    Bench(bench::BenchArgs),
    /// Show where the time of a model goes, what bounds each layer, and what other bit widths would cost
    Explain(explain::ExplainArgs),
}

#[derive(Args, Debug)]
struct DeviceArg {
    /// auto, cpu, cpu-portable, cpu-reference, gpu, vulkan, metal, dx12, gl, an index or id of `lq-infer devices`, part of a name, or a PCI id
    #[arg(long, value_name = "SEL", default_value = "auto")]
    device: String,
}

#[derive(Args, Debug)]
struct ClassifyArgs {
    /// Packed model [default: the bundled CIFAR-10 ResNet-20]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
    /// Classes to report
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = parse_count)]
    top_k: usize,
    /// Images per run [default: up to 16]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    batch: Option<usize>,
    /// One JSON object per input and line
    #[arg(long)]
    json: bool,
    /// Also print logits and their digest
    #[arg(long)]
    logits: bool,
    #[command(flatten)]
    profile: profile::ProfileArg,
    /// Pictures, directories, '-' (a picture on standard input), or .npy (u8 [N,H,W,3] pixels or f32 [N,H,W,C] tensors)
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

#[derive(Args, Debug)]
struct ConvertArgs {
    /// Checkpoint: TensorFlow V2 (.index, prefix, `checkpoint` file or directory), tensorpack .npz, PyTorch .pt or .pth, or a
    /// .safetensors of a state dict
    checkpoint: PathBuf,
    /// Packed model to write
    #[arg(short, long, value_name = "OUT", required_unless_present_any = ["float", "verify"])]
    output: Option<PathBuf>,
    /// Also write the network with float weights, as `export` does
    #[arg(long, value_name = "OUT")]
    float: Option<PathBuf>,
    /// Network id [default: recognised from names and shapes]
    #[arg(long, value_name = "ID")]
    arch: Option<String>,
    /// JSON file with a network of your own, of which the checkpoint holds the weights (see models/README.md), or the
    /// .safetensors that `export` wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["arch", "input_size"])]
    graph: Option<PathBuf>,
    /// Text file with one label per line
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// .npy with the per-pixel mean of the training pictures, [H,W,3] RGB
    #[arg(long, value_name = "FILE")]
    mean_image: Option<PathBuf>,
    /// Height and width of the pictures, if the network was trained on another size than the original
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,
    /// Name stored in the model
    #[arg(long)]
    name: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    verification: agreement::VerificationArgs,
}

#[derive(Args, Debug)]
struct NamesArgs {
    /// Id of a network
    #[arg(required_unless_present = "graph", conflicts_with = "graph")]
    arch: Option<String>,
    /// JSON file with a network of your own
    #[arg(long, value_name = "FILE")]
    graph: Option<PathBuf>,
    /// Bits of quantized weights, 32 for float
    #[arg(long, value_name = "BITS", default_value_t = 2, conflicts_with = "graph")]
    weights: usize,
    /// Bits of quantized activations, 32 for float
    #[arg(long, value_name = "BITS", default_value_t = 2, conflicts_with = "graph")]
    activations: usize,
}

#[derive(Args, Debug)]
struct InspectArgs {
    /// Packed model [default: the bundled one]
    model: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct VerifyArgs {
    /// Packed model [default: the bundled one]
    model: Option<PathBuf>,
    /// As for classification, or `all`
    #[arg(long, value_name = "SEL", default_value = "auto")]
    device: String,
    /// Print JSON, one object per device and golden vector
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: profile::ProfileArg,
}

#[derive(Args, Debug)]
struct EvalArgs {
    /// Packed model
    model: PathBuf,
    /// Directory with one folder per class, named by its label
    directory: PathBuf,
    #[command(flatten)]
    device: DeviceArg,
    /// Images per run
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = parse_count)]
    batch: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: profile::ProfileArg,
}

#[derive(Args, Debug)]
struct TuneArgs {
    /// Packed model [default: the bundled one]
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
}

#[derive(Args, Debug)]
struct DevicesArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also show ids, limits and features
    #[arg(long, short)]
    verbose: bool,
    /// Run every kernel on each device and compare with the reference; `auto` does not take a device that differs
    #[arg(long)]
    check: bool,
}

fn parse_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=4096).contains(&n) => Ok(n),
        _ => Err("must be a number from 1 to 4096".into()),
    }
}

/// Why a command stops: an exit code, and a line to print unless it was printed already.
struct Failure {
    code: u8,
    message: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { code: exit_code(&error), message: Some(error.to_string()) }
    }
}

type Outcome = Result<(), Failure>;

fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Usage => 2,
        ErrorKind::BadModel | ErrorKind::BadCheckpoint | ErrorKind::BadInput | ErrorKind::Io => 3,
        ErrorKind::NoAdapter => 4,
        ErrorKind::VerificationFailed => 5,
        _ => 1,
    }
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    quiet_drivers();
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => classify::run(&cli.classify),
        Some(Command::Convert(args)) => convert::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Names(args)) => names::run(&args),
        Some(Command::Inspect(args)) => inspect::run(&args),
        Some(Command::Verify(args)) => verify::run(&args),
        Some(Command::Eval(args)) => eval::run(&args),
        Some(Command::Devices(args)) => devices::run(&args),
        Some(Command::Tune(args)) => tune::run(&args),
        Some(Command::Bench(args)) => bench::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message {
                output::error(&message);
            }
            ExitCode::from(failure.code)
        }
    }
}

/// Without a session, Mesa's device-select layer prints a complaint about `XDG_RUNTIME_DIR` for every Vulkan instance. It
/// has nothing to select then, so it is switched off.
fn quiet_drivers() {
    let unset = |name| std::env::var_os(name).is_none();
    if cfg!(target_os = "linux") && unset("XDG_RUNTIME_DIR") && unset("NODEVICE_SELECT") {
        // SAFETY: this is the first thing the program does; no other thread exists that could read the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

fn open_model(path: Option<&PathBuf>) -> Result<Model, Error> {
    path.map_or_else(Model::bundled, Model::open)
}

/// Opens the selected device. Whatever goes wrong, there is no such device to use: exit code 4.
fn open_engine(selector: &str) -> Result<Engine, Failure> {
    let selector = selector.parse().unwrap_or(DeviceSelector::Auto);
    let engine = Engine::builder().device(selector).build();
    let engine = engine.map_err(|error| Failure { code: 4, message: Some(error.to_string()) })?;
    engine.passed_over().iter().for_each(note_passed_over);
    Ok(engine)
}

/// The selected device, not opened.
fn matching(selector: &str) -> Result<DeviceInfo, Failure> {
    let (selector, devices) = (selector.parse().unwrap_or_default(), devices());
    let chosen = device_matching(&selector, &devices)?;
    if selector == DeviceSelector::Auto {
        devices.iter().filter(|device| device.passed_over()).for_each(note_passed_over);
    }
    Ok(chosen.clone())
}

fn note_passed_over(device: &DeviceInfo) {
    let DeviceInfo { name, api, failed_check, .. } = device;
    let problem = failed_check.as_deref().unwrap_or_default();
    output::note(&format!("{name} ({api}) is not used: {problem}. `lq-infer devices --check` checks it again"));
}
