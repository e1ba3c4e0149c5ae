//! `lq-infer INPUT...`

use super::inputs::{self, Array, Input};
use super::profile::Profiling;
use super::{ClassifyArgs, Failure, Outcome, open_engine, open_model, output};
use crate::backend::Control;
use crate::error::Error;
use crate::session::{Batch, Classification, Net, Prediction, PrepareOptions};
use serde::Serialize;

/// Images per run if the user does not say.
const DEFAULT_BATCH: usize = 16;

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    input: &'a str,
    index: usize,
    model: &'a str,
    device: &'a str,
    top: &'a [Prediction],
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
}

/// Where results go, and whether any input failed.
struct Report<'a> {
    args: &'a ClassifyArgs,
    net: &'a Net,
    device: String,
    /// More than one image: one line each instead of a list.
    many: bool,
    profiling: &'a Profiling,
    failed: Option<u8>,
}

/// Runs the command.
pub fn run(args: &ClassifyArgs) -> Outcome {
    args.profile.around(|profiling| classify(args, profiling))
}

fn classify(args: &ClassifyArgs, profiling: &Profiling) -> Outcome {
    if args.inputs.is_empty() {
        return Err(Failure { code: 2, message: Some("no INPUT given; see lq-infer --help".into()) });
    }
    let model = profiling.host("load", || open_model(args.model.as_ref()))?;
    let mut failed = None;
    let mut sources = Vec::new();
    for path in &args.inputs {
        match inputs::expand(path, &model) {
            Ok(found) => sources.extend(found),
            Err(error) => complain(&error, &mut failed),
        }
    }
    let images: usize = sources.iter().map(Input::len).sum();
    if images == 0 {
        return finish(failed);
    }
    let max_batch = args.batch.unwrap_or(DEFAULT_BATCH).min(images);
    let engine = profiling.engine(profiling.host("open device", || open_engine(&args.device.device))?);
    let bar = output::progress(0, "kernels");
    let net = engine.prepare_with(&model, PrepareOptions { max_batch, progress: &output::track(&bar) })?;
    bar.finish_and_clear();
    let many = images > 1 || args.inputs.len() > 1;
    let mut report = Report { args, net: &net, device: engine.device_name(), many, profiling, failed };
    for group in sources.chunk_by(|a, b| !matches!((a, b), (Input::Array(_), _) | (_, Input::Array(_)))) {
        match group {
            [Input::Array(array)] => report.array(array, max_batch)?,
            pictures => pictures.chunks(max_batch).try_for_each(|chunk| report.pictures(chunk))?,
        }
    }
    finish(report.failed)
}

fn complain(error: &Error, failed: &mut Option<u8>) {
    output::error(&error.to_string());
    failed.get_or_insert(super::exit_code(error));
}

/// Failed inputs were reported one by one; the exit code is that of the first.
fn finish(failed: Option<u8>) -> Outcome {
    failed.map_or(Ok(()), |code| Err(Failure { code, message: None }))
}

impl Report<'_> {
    fn pictures(&mut self, chunk: &[Input]) -> Outcome {
        let refs: Vec<&Input> = chunk.iter().collect();
        let mut names = Vec::new();
        let mut pixels = Vec::new();
        let rule = &self.net.model().header().preprocess.resize;
        let pictures = self.profiling.host("decode", || inputs::load(&refs, rule));
        for (input, loaded) in chunk.iter().zip(pictures) {
            match loaded {
                Ok(rgb) => {
                    names.push(input.name());
                    pixels.extend(rgb);
                }
                Err(error) => complain(&error, &mut self.failed),
            }
        }
        let results = self.net.logits(&Batch::Pixels(pixels), &Control::default())?;
        for (name, logits) in names.iter().zip(results) {
            self.print(name, None, logits)?;
        }
        Ok(())
    }

    fn array(&mut self, array: &Array, max_batch: usize) -> Outcome {
        let name = array.path().display().to_string();
        let rows = array.len();
        for start in (0..rows).step_by(max_batch) {
            let batch = self.profiling.host("read", || array.rows(start..rows.min(start + max_batch)))?;
            let results = match self.net.logits(&batch, &Control::default()) {
                Err(Error::BadInput { problem, .. }) => {
                    complain(&Error::bad_input(array.path(), problem), &mut self.failed);
                    return Ok(());
                }
                other => other?,
            };
            for (row, logits) in results.into_iter().enumerate() {
                self.print(&name, Some(start + row), logits)?;
            }
        }
        Ok(())
    }

    /// Prints one result; `row` is that of an array.
    fn print(&self, name: &str, row: Option<usize>, logits: Vec<f32>) -> Outcome {
        let result = self.net.classification(logits, self.args.top_k);
        if !self.args.json {
            return self.print_text(name, row, &result);
        }
        output::json(&Line {
            input: name,
            index: row.unwrap_or(0),
            model: &self.net.model().header().name,
            device: &self.device,
            top: &result.top,
            logits: self.args.logits.then_some(&result.logits),
            digest: self.args.logits.then_some(&result.digest),
        })
    }

    fn print_text(&self, name: &str, row: Option<usize>, result: &Classification) -> Outcome {
        let name = row.map_or(name.to_owned(), |row| format!("{name}[{row}]"));
        let percent = |p: &Prediction| 100.0 * p.probability;
        if self.many {
            let top = result.top.iter().map(|p| format!("{} {:.1}%", p.label, percent(p)));
            output::line(&format!("{name}: {}", top.collect::<Vec<_>>().join(", ")))?;
        } else {
            output::line(&name)?;
            for p in &result.top {
                output::line(&format!("  {:>5.1}%  {}", percent(p), p.label))?;
            }
        }
        if self.args.logits {
            let logits: Vec<String> = result.logits.iter().map(ToString::to_string).collect();
            output::line(&format!("  logits {}", logits.join(" ")))?;
            output::line(&format!("  digest {}", result.digest))?;
        }
        Ok(())
    }
}
