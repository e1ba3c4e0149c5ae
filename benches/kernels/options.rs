//! What to measure.

use crate::common::Outcome;

pub struct Options {
    pub device: String,
    /// How many threads a CPU uses; all if None.
    pub threads: Option<usize>,
    pub net: String,
    /// Bits of weights and activations.
    pub bits: Vec<[usize; 2]>,
    pub batch: usize,
    pub rounds: usize,
    /// Which variant of each GPU kernel to run instead of the best; numbers past the last mean the general one.
    pub variant: Option<usize>,
    /// Whether to tune the GPU first.
    pub tune: bool,
    /// Whether to time whole inferences only.
    pub total: bool,
    /// Whether to compare with the float32 baseline.
    pub against: bool,
}

impl Options {
    pub fn read() -> Outcome<Self> {
        let mut options = Options {
            device: "cpu".into(),
            threads: None,
            net: "preact-resnet-18".into(),
            bits: vec![[2, 2], [1, 2], [1, 1]],
            batch: 1,
            rounds: 15,
            variant: None,
            tune: false,
            total: false,
            against: false,
        };
        let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--total" => options.total = true,
                "--against" => options.against = true,
                "--tune" => options.tune = true,
                _ => options.set(&name, &arguments.next().ok_or_else(|| format!("{name} needs a value"))?)?,
            }
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Outcome<()> {
        match name {
            "--device" => self.device = value.into(),
            "--threads" => self.threads = Some(value.parse()?),
            "--net" => self.net = value.into(),
            "--bits" => self.bits = value.split(',').map(widths).collect::<Outcome<_>>()?,
            "--batch" => self.batch = value.parse::<usize>()?.max(1),
            "--rounds" => self.rounds = value.parse::<usize>()?.max(1),
            "--variant" => self.variant = Some(value.parse()?),
            _ => return Err(format!("unknown option {name}").into()),
        }
        Ok(())
    }
}

fn widths(text: &str) -> Outcome<[usize; 2]> {
    let (w, a) = text.split_once('/').ok_or("bits are given as W/A")?;
    Ok([w.parse()?, a.parse()?])
}
