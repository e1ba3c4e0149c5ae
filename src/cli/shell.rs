//! `lq-infer completions` and `lq-infer man`: what shells and `man` read.

use super::failure::{Failure, Outcome};
use super::output;
use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Args, Debug)]
pub(super) struct CompletionsArgs {
    /// Shell to write them for
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args, Debug)]
pub(super) struct ManArgs {
    /// Page of this command [default: of the program]
    command: Option<String>,
}

/// Prints a script that completes arguments of `program`.
pub(super) fn completions(args: &CompletionsArgs, mut program: Command) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "lq-infer", &mut script);
    output::text(String::from_utf8_lossy(&script).trim_end())
}

/// Prints a manual page of `program`, or of one of its commands.
pub(super) fn man(args: &ManArgs, program: Command) -> Outcome {
    let page = match &args.command {
        None => clap_mangen::Man::new(program),
        Some(name) => {
            let known = program.find_subcommand(name).cloned();
            let command = known.ok_or_else(|| Failure::new(2, format!("there is no command '{name}'")))?;
            let title = format!("lq-infer-{name}");
            clap_mangen::Man::new(command.bin_name(format!("lq-infer {name}"))).title(title)
        }
    };
    let mut text = Vec::new();
    page.render(&mut text).map_err(|error| Failure::new(1, format!("cannot write the page: {error}")))?;
    output::text(String::from_utf8_lossy(&text).trim_end())
}
