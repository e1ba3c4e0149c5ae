//! Arguments that say how pictures are prepared for a network.

use super::failure::{Failure, Outcome};
use crate::format::Packed;
use crate::graph::preprocess::{ChannelOrder, Filter, Normalize};
use clap::{Args, ValueEnum};

/// How pictures are prepared, where it is not as the network's definition says.
#[derive(Args, Debug)]
#[command(next_help_heading = "Preparation of pictures")]
pub(super) struct PreparationArgs {
    /// Mean of the training pictures, red, green, blue, as a share of the brightest pixel (see --scale)
    #[arg(long, value_name = "R,G,B", value_parser = parse_channels, allow_hyphen_values = true, requires = "std")]
    mean: Option<Channels>,
    /// Standard deviation of the training pictures, as --mean
    #[arg(long, value_name = "R,G,B", value_parser = parse_channels, requires = "mean")]
    std: Option<Channels>,
    /// What pixels from 0 to 255 were divided by before --mean was subtracted: 1 if they were not [default: 255]
    #[arg(long, value_name = "N", value_parser = parse_scale, requires = "mean")]
    scale: Option<f64>,
    /// Resize the shorter edge to N pixels and keep the shape, or stretch to HEIGHTxWIDTH
    #[arg(long, value_name = "N|HxW", value_parser = parse_target)]
    resize: Option<Target>,
    /// Crop the centre; must be what the network takes
    #[arg(long, value_name = "N|HxW", value_parser = parse_target)]
    crop: Option<Target>,
    /// Filter of the resize
    #[arg(long, value_enum)]
    filter: Option<FilterArg>,
    /// Order of the channels that the network was trained with
    #[arg(long, value_enum)]
    channels: Option<ChannelsArg>,
}

/// A number for each of red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Channels([f64; 3]);

/// One edge, or height and width.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Edge(usize),
    Size([usize; 2]),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FilterArg {
    /// As Pillow computes it
    Bicubic,
    /// As Pillow and torchvision compute it
    Bilinear,
    /// OpenCV's INTER_CUBIC
    OpencvCubic,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ChannelsArg {
    /// Red first: Pillow, torchvision
    Rgb,
    /// Blue first: OpenCV, Caffe
    Bgr,
}

fn parse_channels(text: &str) -> Result<Channels, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[n]) if n.is_finite() => Ok(Channels([n; 3])),
        Some(&[r, g, b]) if r.is_finite() && g.is_finite() && b.is_finite() => Ok(Channels([r, g, b])),
        _ => Err("must be one number, or three with commas, such as 0.485,0.456,0.406".into()),
    }
}

fn parse_scale(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0);
    number.ok_or_else(|| "must be a number above 0, such as 255 or 1".into())
}

fn parse_target(text: &str) -> Result<Target, String> {
    let edge = |text: &str| text.trim().parse().ok().filter(|&n: &usize| n > 0);
    let target = match text.split_once(['x', 'X', ',']) {
        None => edge(text).map(Target::Edge),
        Some((height, width)) => edge(height).zip(edge(width)).map(|(h, w)| Target::Size([h, w])),
    };
    target.ok_or_else(|| "must be a number of pixels, such as 256, or height and width, such as 256x256".into())
}

impl PreparationArgs {
    /// Whether anything is to be changed.
    pub(super) fn is_given(&self) -> bool {
        let PreparationArgs { mean, std, scale, resize, crop, filter, channels } = self;
        let numbers = mean.is_some() || std.is_some() || scale.is_some();
        numbers || resize.is_some() || crop.is_some() || filter.is_some() || channels.is_some()
    }

    /// Whether the numbers change that the network sees, and with them its golden vectors.
    pub(super) fn changes_numbers(&self) -> bool {
        self.mean.is_some() || self.channels.is_some()
    }

    /// Changes how a model prepares pictures.
    pub(super) fn apply(&self, packed: &mut Packed) -> Outcome {
        let preprocess = &mut packed.header.preprocess;
        let was = preprocess.channels;
        preprocess.channels = self.channels.map_or(was, ChannelOrder::from);
        if let (Some(Channels(mean)), Some(Channels(std))) = (self.mean, self.std) {
            let scale = self.scale.unwrap_or(255.0);
            let ordered = |channels: [f64; 3]| in_order(channels.map(|n| n * scale / 255.0), preprocess.channels);
            preprocess.normalize = Normalize::Channel { mean: ordered(mean), std: ordered(std) };
            packed.mean_image = None;
        } else if was != preprocess.channels {
            // Mean and deviation are of the network's channels.
            match &mut preprocess.normalize {
                Normalize::Channel { mean, std } => [mean, std].into_iter().for_each(|numbers| numbers.reverse()),
                Normalize::TensorOnly { .. } => {}
                Normalize::MeanImage { .. } => {
                    return Err(Failure::new(
                        2,
                        "--channels: the model subtracts a mean image, whose channels have an order; \
                         give --mean and --std",
                    ));
                }
            }
        }
        let resize = &mut preprocess.resize;
        resize.filter = self.filter.map_or(resize.filter, Filter::from);
        match self.resize {
            Some(Target::Edge(edge)) => (resize.shorter_edge, resize.stretch) = (edge, None),
            Some(Target::Size(size)) => (resize.shorter_edge, resize.stretch) = (size[0].min(size[1]), Some(size)),
            None => {}
        }
        let taken = resize.crop;
        let crop = self.crop.map(|crop| match crop {
            Target::Edge(edge) => [edge; 2],
            Target::Size(size) => size,
        });
        if let Some([height, width]) = crop.filter(|crop| *crop != taken) {
            return Err(Failure::new(
                2,
                format!(
                    "--crop {height}x{width}: the network takes pictures of {}x{}; \
                     `convert --input-size` makes it take others",
                    taken[0], taken[1]
                ),
            ));
        }
        if self.resize.is_none() {
            return Ok(());
        }
        resize.check().map_err(|problem| Failure::new(2, format!("--resize: {problem}")))
    }
}

/// Red, green, blue in the order of the network's channels.
fn in_order(mut channels: [f64; 3], order: ChannelOrder) -> [f64; 3] {
    if order == ChannelOrder::Bgr {
        channels.reverse();
    }
    channels
}

impl From<FilterArg> for Filter {
    fn from(filter: FilterArg) -> Self {
        match filter {
            FilterArg::Bicubic => Filter::PillowBicubic,
            FilterArg::Bilinear => Filter::PillowBilinear,
            FilterArg::OpencvCubic => Filter::OpencvCubic,
        }
    }
}

impl From<ChannelsArg> for ChannelOrder {
    fn from(channels: ChannelsArg) -> Self {
        match channels {
            ChannelsArg::Rgb => ChannelOrder::Rgb,
            ChannelsArg::Bgr => ChannelOrder::Bgr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Model;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        preparation: PreparationArgs,
    }

    fn applied(args: &[&str]) -> Result<Packed, Failure> {
        let mut packed = Model::bundled().unwrap().packed().clone();
        let cli = Cli::try_parse_from([&["x"], args].concat()).map_err(|e| Failure::new(2, e.to_string()))?;
        cli.preparation.apply(&mut packed).map(|()| packed)
    }

    #[test]
    fn numbers_are_stored_in_the_networks_order_and_units() {
        let normalize = |args: &[&str]| match applied(args).unwrap().header.preprocess.normalize {
            Normalize::Channel { mean, std } => (mean, std),
            other => panic!("{other:?}"),
        };
        assert_eq!(normalize(&["--mean", "0.5,-0.25,0.75", "--std", "0.25"]), ([0.5, -0.25, 0.75], [0.25; 3]));
        let caffe = ["--mean", "51,102,153", "--std", "255", "--scale", "1", "--channels", "bgr"];
        assert_eq!(normalize(&caffe), ([153.0 / 255.0, 102.0 / 255.0, 51.0 / 255.0], [1.0; 3]));
    }

    #[test]
    fn pictures_keep_their_shape_or_are_stretched() {
        let resize = |args: &[&str]| applied(args).unwrap().header.preprocess.resize;
        let kept = resize(&["--resize", "40", "--filter", "bilinear"]);
        assert_eq!((kept.shorter_edge, kept.stretch, kept.filter), (40, None, Filter::PillowBilinear));
        let stretched = resize(&["--resize", "36x48", "--crop", "32"]);
        assert_eq!((stretched.shorter_edge, stretched.stretch, stretched.crop), (36, Some([36, 48]), [32, 32]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |args: &[&str]| applied(args).map(|_| ()).unwrap_err().message.unwrap();
        assert!(refused(&["--crop", "28"]).contains("takes pictures of 32x32"));
        assert!(refused(&["--resize", "30"]).contains("less than their crop"));
        assert!(refused(&["--resize", "64x31"]).contains("64 x 31, less than their crop"));
        assert!(refused(&["--resize", "99999"]).contains("supported are 1 to"));
        assert!(refused(&["--mean", "0.5"]).contains("--std"));
        assert!(refused(&["--mean", "0.5,0.5", "--std", "1"]).contains("three with commas"));
        assert!(refused(&["--resize", "0"]).contains("such as 256x256"));
    }
}
