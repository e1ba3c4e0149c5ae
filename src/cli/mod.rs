//! The command line. Results go to standard output, everything else to standard error. Exit codes are a contract:
//! 0 done, 1 failed while running, 2 usage, 3 bad model, checkpoint or image, 4 no such device, 5 verification differs.

mod agreement;
mod args;
mod array;
mod bench;
mod classes;
mod classify;
mod convert;
mod devices;
mod eval;
mod explain;
mod export;
mod failure;
mod files;
mod folder;
mod inputs;
mod inspect;
mod interrupt;
mod layers;
mod messages;
mod names;
mod open;
mod output;
mod profile;
mod progress;
mod subject;
mod table;
mod tally;
mod tune;
mod verify;

use clap::{Parser, Subcommand};
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
    classify: classify::ClassifyArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Turn a trained checkpoint into a packed model
    Convert(convert::ConvertArgs),
    /// Write a packed model's network with float weights, for other frameworks
    Export(export::ExportArgs),
    /// List the variables that a checkpoint with plain names must hold for a network
    Names(names::NamesArgs),
    /// Show what a packed model holds
    Inspect(inspect::InspectArgs),
    /// Re-run a model's golden vectors and compare digests
    Verify(verify::VerifyArgs),
    /// Measure accuracy over a directory with one folder per class
    Eval(eval::EvalArgs),
    /// List the devices
    Devices(devices::DevicesArgs),
    /// Time the ways to run a model's layers on a device, and keep the fastest for later runs
    Tune(tune::TuneArgs),
    /// Time models on devices and check every result
    Bench(bench::BenchArgs),
    /// Show where the time of a model goes, what bounds each layer, and what other bit widths would cost
    Explain(explain::ExplainArgs),
}

/// Parses the process's arguments and runs the command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    interrupt::install();
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
