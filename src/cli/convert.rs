//! `lq-infer convert`

use super::{ConvertArgs, Failure, Outcome, output};
use crate::convert::checkpoint::Checkpoint;
use crate::convert::{Conversion, ConvertOptions, CustomNetwork, candidates, convert, convert_graph, widths};
use crate::error::Error;
use crate::session::{DeviceSelector, Engine, Model, add_golden_with};
use std::path::Path;

/// Runs the command.
pub fn run(args: &ConvertArgs) -> Outcome {
    if args.output.is_dir() {
        return Err(Failure { code: 2, message: Some(format!("{}: is a directory", args.output.display())) });
    }
    if replaces(&args.checkpoint, &args.output)? {
        let message = format!("{}: the output would replace the checkpoint", args.output.display());
        return Err(Failure { code: 2, message: Some(message) });
    }
    let options = ConvertOptions {
        arch: args.arch.clone(),
        labels: args.labels.as_deref().map(read_labels).transpose()?,
        mean_image: args.mean_image.clone(),
        input_size: args.input_size,
        name: args.name.clone(),
    };
    let bar = output::progress(0, "numbers");
    let Conversion { packed, .. } = match &args.graph {
        Some(graph) => convert_graph(&args.checkpoint, &CustomNetwork::read(graph)?, &options, &output::track(&bar))?,
        None => convert(&args.checkpoint, &options, &output::track(&bar))?,
    };
    bar.finish_and_clear();
    if args.graph.is_none() {
        note_choice(&args.checkpoint, &options, &packed.header.network)?;
    }
    let reference = Engine::builder().device(DeviceSelector::CpuReference).build()?;
    let bar = output::progress(0, "golden images");
    let model = add_golden_with(packed, &reference, &output::track(&bar)).map_err(|error| match error {
        // Lowering refused the network: that is about the checkpoint, not about a packed file.
        Error::BadModel { problem, .. } => Error::bad_checkpoint(&args.checkpoint, problem),
        other => other,
    })?;
    bar.finish_and_clear();
    model.save(&args.output).map_err(output::write_failure)?;
    report(&model, &args.output)?;
    if args.graph.is_none() && !model.takes_pixels() {
        output::note(
            "note: this network subtracts the per-pixel mean of its training pictures, which is not in the checkpoint. \
             Without --mean-image the model takes f32 .npy input only.",
        );
    }
    Ok(())
}

/// Says which other networks the checkpoint may be.
fn note_choice(checkpoint: &Path, options: &ConvertOptions, chosen: &str) -> Result<(), Error> {
    let others: Vec<&str> = candidates(checkpoint, options)?.into_iter().filter(|id| *id != chosen).collect();
    if !others.is_empty() {
        output::note(&format!(
            "note: taken as {chosen}. The checkpoint does not say what pictures it was trained on; --arch {} fits as well.",
            others.join(" or ")
        ));
    }
    Ok(())
}

fn report(model: &Model, path: &Path) -> Outcome {
    let header = model.header();
    let size = std::fs::metadata(path).map_or(0, |m| m.len() as usize);
    let input = header.graph.input_shape();
    output::line(&format!("{}: {} from {}", path.display(), header.name, header.source.kind))?;
    output::line(&format!(
        "  network {}, W/A {}, input {input}, {} parameters in {}",
        header.network,
        widths(&header.graph),
        model.packed().params.tensors().len(),
        output::bytes(size)
    ))
}

fn read_labels(path: &Path) -> Result<Vec<String>, Error> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    Ok(text.trim_start_matches('\u{feff}').lines().map(|l| l.trim_end().to_owned()).filter(|l| !l.is_empty()).collect())
}

/// Whether writing `output` would destroy a file of the checkpoint.
fn replaces(checkpoint: &Path, output: &Path) -> Result<bool, Error> {
    let (Ok(main), Ok(output)) = (Checkpoint::open(checkpoint)?.path().canonicalize(), output.canonicalize()) else {
        return Ok(false);
    };
    // The shards beside X.index are X.data-0000k-of-0000n.
    let shards = main.with_extension("data-");
    Ok(output == main || output.to_string_lossy().starts_with(&*shards.to_string_lossy()))
}
