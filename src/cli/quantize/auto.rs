//! `--auto`: bits of each layer for a size or a time.

use super::time::ModelledTime;
use crate::bench::model::MACHINES;
use crate::cli::args::parse_count;
use crate::cli::failure::Outcome;
use crate::cli::output;
use crate::error::Result;
use crate::quantize::{Choice, ChosenLayer, FileSize, Pictures, Price, QuantizeOptions, choose};
use crate::session::Model;
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Args, Debug)]
pub(super) struct AutoArgs {
    /// Choose the bits of each layer so that the logits change least: at most those of --bits, or 8/8
    #[arg(long, requires = "budget")]
    pub auto: bool,
    /// Most bytes of the packed model, as in 500kB or 3MB. Activations keep their bits: they take no room
    #[arg(long, value_name = "BYTES", value_parser = parse_size, group = "budget", requires = "auto")]
    size: Option<usize>,
    /// Longest time for a run, as a share of what it takes at the widest widths, as in 0.7
    #[arg(long, value_name = "SHARE", value_parser = parse_share, group = "budget", requires = "auto")]
    time: Option<f64>,
    /// GPU that the run is modelled for, as `explain` does
    #[arg(long, value_name = "ID", default_value = "rx-6800", value_parser = gpus(), requires = "time")]
    gpu: String,
    /// Images of the run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_count, requires = "time")]
    batch: usize,
}

fn gpus() -> PossibleValuesParser {
    PossibleValuesParser::new(MACHINES.map(|machine| machine.id))
}

/// A number of bytes, with or without a unit.
fn parse_size(text: &str) -> Result<usize, String> {
    const UNITS: [(&str, f64); 7] =
        [("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("KiB", 1024.0), ("MiB", 1048576.0), ("B", 1.0)];
    let unit = UNITS.iter().find_map(|&(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    match number.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok((number * factor) as usize),
        _ => Err("must be a number of bytes, as in 500kB, 3MB or 3000000".into()),
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("must be a share above 0 and at most 1, as in 0.7".into()),
    }
}

/// The choice, as it is printed.
#[derive(Serialize)]
pub(super) struct Automatic {
    #[serde(flatten)]
    pub choice: Choice,
    /// The same with units, for people: a table, and a line.
    #[serde(skip)]
    rows: Vec<Vec<String>>,
    #[serde(skip)]
    summary: String,
}

impl AutoArgs {
    /// The arguments as they were given, to be repeated.
    pub(super) fn text(&self) -> String {
        match (self.size, self.time) {
            (Some(size), _) => format!(" --auto --size {size}"),
            (_, Some(time)) => format!(" --auto --time {time} --gpu {} --batch {}", self.gpu, self.batch),
            _ => String::new(),
        }
    }

    /// Chooses bits, at most those of `options`, if that is asked for.
    pub(super) fn choose(
        &self,
        float: &Model,
        pictures: &dyn Pictures,
        options: &QuantizeOptions,
        kept: &BTreeSet<String>,
    ) -> Result<Option<Automatic>> {
        match (self.size, self.time) {
            (Some(most), _) => {
                automatic(float, pictures, options, kept, &FileSize { float: float.packed(), most }).map(Some)
            }
            (_, Some(share)) => {
                let price = ModelledTime::new(float, share, &self.gpu, self.batch)?;
                automatic(float, pictures, options, kept, &price).map(Some)
            }
            _ => Ok(None),
        }
    }
}

fn automatic(
    float: &Model,
    pictures: &dyn Pictures,
    options: &QuantizeOptions,
    kept: &BTreeSet<String>,
    price: &dyn Price,
) -> Result<Automatic> {
    let bar = output::long_progress(0, "layers tried");
    let tell = |name: &str, done, total| {
        bar.set(done, total);
        if done < total {
            output::detail(|| format!("trying widths of {name}"));
        }
    };
    let choice = choose(float.packed(), pictures, options, kept, price, &tell);
    bar.finish_and_clear();
    let choice = choice?;
    let row = |layer: &ChosenLayer| {
        vec![layer.layer.clone(), layer.bits.clone(), format!("{:.4}", layer.loss), price.text(layer.cost)]
    };
    let head = ["layer", "W/A", "loss", "takes"].map(str::to_owned).to_vec();
    let [cost, most, widest] = [choice.cost, choice.most, choice.widest].map(|cost| price.text(cost));
    let summary = format!(
        "chosen for at most {most}: {cost} ({widest} at the widest widths), expected loss {:.4} of the logits' variance",
        choice.loss
    );
    Ok(Automatic { rows: std::iter::once(head).chain(choice.layers.iter().map(row)).collect(), summary, choice })
}

impl Automatic {
    pub(super) fn print(&self) -> Outcome {
        output::table_of(&self.rows, &[2, 3]).iter().try_for_each(|line| output::line(line))?;
        output::line(&self.summary)?;
        output::line("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("3MB", 3_000_000),
            ("0.5 kB", 500),
            ("70000", 70_000),
            ("12B", 12),
            ("2MiB", 2 << 20),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "-1MB", "3 apples", "nan", "infMB", "0"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert!(["0", "1.01", "x", "nan"].iter().all(|text| parse_share(text).is_err()));
        assert_eq!(parse_share("0.7"), Ok(0.7));
    }
}
