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
mod graph;
mod inputs;
mod inspect;
mod interrupt;
mod label;
mod layers;
mod messages;
mod names;
mod network;
mod networks;
mod open;
mod output;
mod preparation;
mod profile;
mod progress;
mod quantize;
mod shell;
mod source;
mod subject;
mod table;
mod tally;
mod train;
mod tune;
mod verify;

use crate::text::closest;
use clap::{ArgAction, CommandFactory, Parser, Subcommand};
use messages::Level;
use std::ffi::OsString;
use std::path::Path;
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
    /// Print nothing but results and errors
    #[arg(short, long, global = true, action = ArgAction::SetTrue, conflicts_with = "verbose")]
    quiet: bool,
    /// Also print what is used: model, device, cache; for `devices`, ids, limits and features
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    verbose: bool,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Turn a trained checkpoint into a packed model
    Convert(convert::ConvertArgs),
    /// Turn a float checkpoint into a packed model of few bits, with some pictures and without training
    Quantize(quantize::QuantizeArgs),
    /// Train a network together with its quantizers, from pictures to a packed model
    Train(train::TrainArgs),
    /// Write a packed model's network with float weights, for other frameworks
    Export(export::ExportArgs),
    /// List the known networks, with their inputs, parameters and multiply-accumulates
    Networks(networks::NetworksArgs),
    /// Write the graph file of a known network, for `convert --graph`, to change it
    Graph(graph::GraphArgs),
    /// List the variables that a checkpoint with plain names must hold for a network
    Names(names::NamesArgs),
    /// Set a packed model's labels, or how it prepares pictures
    Label(label::LabelArgs),
    /// Show what a packed model holds
    Inspect(inspect::InspectArgs),
    /// Re-run a model's golden vectors and compare digests; of networks with random parameters, the CPU makes the vectors
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
    /// Print a script with which a shell completes arguments
    Completions(shell::CompletionsArgs),
    /// Print a manual page (lq-infer man | man -l -)
    Man(shell::ManArgs),
}

/// Parses the process's arguments and runs the command.
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os().collect()))
}

/// Runs the command that `arguments` name, the first of which is the program, and returns the exit code. Help and errors
/// in the arguments end the process.
pub fn run(arguments: Vec<OsString>) -> u8 {
    let arguments = flags_after_command(arguments);
    let typed = arguments.get(1).and_then(|first| mistyped(Path::new(first)));
    let cli = Cli::parse_from(arguments);
    interrupt::install();
    messages::set_level(match (cli.quiet, cli.verbose) {
        (true, _) => Level::Quiet,
        (_, true) => Level::Verbose,
        _ => Level::Usual,
    });
    let outcome = match cli.command {
        None if typed.is_some() => Err(failure::Failure::new(2, typed.unwrap_or_default())),
        None => classify::run(&cli.classify),
        Some(Command::Convert(args)) => convert::run(&args),
        Some(Command::Quantize(args)) => quantize::run(&args),
        Some(Command::Train(args)) => train::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Networks(args)) => networks::run(&args),
        Some(Command::Graph(args)) => graph::run(&args),
        Some(Command::Names(args)) => names::run(&args),
        Some(Command::Label(args)) => label::run(&args),
        Some(Command::Inspect(args)) => inspect::run(&args),
        Some(Command::Verify(args)) => verify::run(&args),
        Some(Command::Eval(args)) => eval::run(&args),
        Some(Command::Devices(args)) => devices::run(&args),
        Some(Command::Tune(args)) => tune::run(&args),
        Some(Command::Bench(args)) => bench::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Completions(args)) => shell::completions(&args, Cli::command()),
        Some(Command::Man(args)) => shell::man(&args, Cli::command()),
    };
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            if let Some(message) = failure.message {
                output::error(&message);
            }
            failure.code
        }
    }
}

/// The arguments with `-q` and `-v` after the command instead of before it, where clap would take the command for an
/// input.
fn flags_after_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_flag = |argument: &OsString| ["-q", "--quiet", "-v", "--verbose"].iter().any(|flag| argument == flag);
    let flags = arguments.iter().skip(1).take_while(|argument| is_flag(argument)).count();
    // Most calls have none, and need not build the definition of all commands for this.
    if flags > 0 && arguments.get(1 + flags).is_some_and(|first| is_command(&first.to_string_lossy())) {
        arguments[1..=1 + flags].rotate_right(1);
    }
    arguments
}

fn is_command(name: &str) -> bool {
    Cli::command().find_subcommand(name).is_some()
}

/// What to say if the first argument is no file, but nearly a command.
fn mistyped(argument: &Path) -> Option<String> {
    let name = argument.to_str().filter(|name| !name.starts_with('-') && !name.contains(['.', '/', '\\']))?;
    if name == "help" || argument.exists() || is_command(name) {
        return None;
    }
    let program = Cli::command();
    let meant = closest(name, program.get_subcommands().map(clap::Command::get_name))?;
    Some(format!("there is no command or file '{name}'; did you mean `lq-infer {meant}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_may_precede_the_command() {
        let moved = |arguments: &[&str]| flags_after_command(arguments.iter().map(OsString::from).collect());
        assert_eq!(moved(&["lq-infer", "-q", "-v", "bench", "--quick"]), ["lq-infer", "bench", "-q", "-v", "--quick"]);
        assert_eq!(moved(&["lq-infer", "-q", "ship.png"]), ["lq-infer", "-q", "ship.png"]);
        assert_eq!(moved(&["lq-infer", "devices"]), ["lq-infer", "devices"]);
    }

    #[test]
    fn mistyped_commands_are_recognized() {
        assert!(mistyped(Path::new("bnech")).is_some_and(|text| text.contains("lq-infer bench")));
        assert_eq!(
            ["bench", "ship.png", "--json", "completely-else"].map(|name| mistyped(Path::new(name))),
            [const { None }; 4]
        );
    }
}
