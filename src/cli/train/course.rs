//! The course of a training as the user sees it.

use super::args::TrainArgs;
use super::data::Pictures;
use crate::backend::CancelToken;
use crate::cli::args::AUTO;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::progress::Progress;
use crate::cli::{interrupt, output};
use crate::error::Error;
use crate::files::replace_file;
use crate::train::{Epoch, Score, Trainer};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the state is kept within an epoch.
const KEEP_EVERY: Duration = Duration::from_secs(300);

/// A training that runs.
pub(super) struct Course<'a> {
    pub args: &'a TrainArgs,
    /// Where the state is kept.
    pub state: &'a Path,
    pub pictures: &'a Pictures,
}

impl Course<'_> {
    /// Runs what is left of the training.
    pub(super) fn run(&self, trainer: &mut Trainer) -> Outcome {
        let cancel = CancelToken::new();
        interrupt::cancels(&cancel);
        // That the state can be written is known before any time is spent.
        trainer.save(self.state).map_err(Failure::of_writing)?;
        let data = &self.pictures.training;
        let each = trainer.batches(data) * trainer.settings().batch;
        let (epochs, mut kept) = (trainer.settings().epochs, Instant::now());
        let bar = output::long_progress(epochs * each, "images");
        bar.set(trainer.position().epoch * each + trainer.position().seen, epochs * each);
        while !trainer.is_done() {
            if cancel.is_cancelled() {
                return self.interrupted(trainer, &bar);
            }
            if !trainer.is_epoch_done(data) {
                let step = trainer.step(data).map_err(|error| self.stopped(error))?;
                let epoch = trainer.position().epoch + 1;
                let percent = 100.0 * step.accuracy;
                bar.message(format!("epoch {epoch}/{epochs} loss {:.4} accuracy {percent:.2}%", step.loss));
                bar.inc(step.pictures as u64);
            }
            if trainer.is_epoch_done(data) {
                let evaluation = trainer.evaluate(&self.pictures.validation, &|_, _| {});
                let score = evaluation.map_err(|error| self.stopped(error))?.score;
                let line = line(trainer.end_epoch(Some(score), data).map_err(|error| self.stopped(error))?);
                bar.suspend(|| output::note(&line));
                trainer.save(self.state).map_err(Failure::of_writing)?;
                self.log(trainer)?;
                kept = Instant::now();
            } else if kept.elapsed() >= KEEP_EVERY {
                trainer.save(self.state).map_err(Failure::of_writing)?;
                kept = Instant::now();
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Keeps the state and says how to go on.
    fn interrupted(&self, trainer: &mut Trainer, bar: &Progress) -> Outcome {
        bar.finish_and_clear();
        trainer.save(self.state).map_err(Failure::of_writing)?;
        let (position, state) = (trainer.position(), self.state.display());
        let (epoch, batch) = (position.epoch + 1, position.batch);
        let batches = if batch == 1 { "batch" } else { "batches" };
        Err(Failure::new(
            1,
            format!(
                "interrupted in epoch {epoch} after {batch} {batches}; the state is in {state}. To go on:\n  {}",
                self.resuming()
            ),
        ))
    }

    /// What ends the training when a step or an evaluation fails. The state on disk is the last that was kept.
    fn stopped(&self, error: Error) -> Failure {
        match error {
            Error::DeviceLost { .. } => {
                Failure::new(1, format!("{error}; to go on from the last state kept:\n  {}", self.resuming()))
            }
            error => error.into(),
        }
    }

    /// The command that goes on with the training.
    fn resuming(&self) -> String {
        let TrainArgs { data, val, output, teacher, json, device, .. } = self.args;
        let mut command = format!("lq-infer train --resume {} --data {}", self.state.display(), data.display());
        let others = [("--val", val), ("--teacher", teacher), ("--json", json)];
        for (name, path) in others.iter().filter_map(|(name, path)| Some((name, path.as_ref()?))) {
            command += &format!(" {name} {}", path.display());
        }
        if device.device != AUTO {
            command += &format!(" --device {}", device.device);
        }
        command + &format!(" -o {}", output.display())
    }

    /// Writes a line of JSON for each epoch so far: after an interruption, the file is as if there had been none.
    fn log(&self, trainer: &Trainer) -> Outcome {
        let Some(path) = &self.args.json else { return Ok(()) };
        let lines = trainer.position().history.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        let lines = lines.map_err(|e| Error::Usage(e.to_string()))?;
        replace_file(path, (lines.join("\n") + "\n").as_bytes()).map_err(Failure::of_writing)
    }
}

/// The line of an epoch.
fn line(epoch: &Epoch) -> String {
    let Epoch { epoch, rate, loss, accuracy, validation } = epoch;
    let percent = |share: f64| format!("{:.2}%", 100.0 * share);
    let validation = validation.map_or(String::new(), |Score { loss, accuracy, .. }| {
        format!("; validation loss {loss:.4}, accuracy {}", percent(accuracy))
    });
    let training = percent(*accuracy);
    format!("epoch {epoch}: training loss {loss:.4}, accuracy {training}{validation}; learning rate {rate:.5}")
}
