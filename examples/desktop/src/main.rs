//! A window that classifies pictures. lq-infer computes on the device that eframe draws with.
//!
//!     cargo run --release -- ../ship.png

mod jobs;
mod network;
mod options;
mod pictures;
mod session;
mod state;
mod view;
mod window;

use lq_infer::Model;
use options::{Options, USAGE};
use session::Session;
use std::process::ExitCode;
use window::Ending;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(mistake) => {
            eprintln!("lq-desktop: {mistake}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if options.help {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("lq-desktop: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Opens a window, and another one whenever the device of the last was lost: eframe has no way to go on with a new device.
fn run(options: Options) -> Result<(), String> {
    let model = options.model.as_ref().map_or_else(Model::bundled, Model::open).map_err(|error| error.to_string())?;
    model.need_pixels().map_err(|error| error.to_string())?;
    let mut session = Session::new(model, options);
    let mut look = window::Look::default();
    loop {
        match window::open(&mut session, &mut look)? {
            Ending::Closed => return Ok(()),
            Ending::DeviceLost => {}
            Ending::Failed(problem) => return Err(problem),
        }
    }
}
