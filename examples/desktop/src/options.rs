//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
usage: lq-desktop [OPTIONS] [PICTURE]

  --model FILE        a packed model; the one inside the library if absent
  --json              also prints each result as a line of JSON
  --screenshot FILE   saves the window as a PNG once PICTURE is classified, and ends
  --lose-device       destroys the device after the first result, to show that the window goes on";

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) model: Option<PathBuf>,
    pub(crate) picture: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) screenshot: Option<PathBuf>,
    pub(crate) lose_device: bool,
    pub(crate) help: bool,
}

impl Options {
    /// Reads the arguments that follow the program's name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut options = Options::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().map(PathBuf::from).ok_or_else(|| format!("{} needs a file", argument.display()));
            match argument.to_str() {
                Some("--model") => options.model = Some(value()?),
                Some("--screenshot") => options.screenshot = Some(value()?),
                Some("--json") => options.json = true,
                Some("--lose-device") => options.lose_device = true,
                Some("--help" | "-h") => options.help = true,
                Some(other) if other.starts_with("--") => return Err(format!("there is no option {other}")),
                _ if options.picture.is_some() => return Err("there can be one PICTURE only".into()),
                _ => options.picture = Some(argument.into()),
            }
        }
        if options.screenshot.is_some() && options.picture.is_none() {
            return Err("--screenshot needs a PICTURE".into());
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_and_a_picture_in_any_order() {
        let all = parse("--json ship.png --model net.safetensors --lose-device --screenshot shot.png").unwrap();
        let expected = Options {
            model: Some("net.safetensors".into()),
            picture: Some("ship.png".into()),
            json: true,
            screenshot: Some("shot.png".into()),
            lose_device: true,
            help: false,
        };
        assert_eq!(all, expected);
        assert_eq!(parse("").unwrap(), Options::default());
    }

    #[test]
    fn mistakes_are_named() {
        let mistakes = [
            ("--modle x", "there is no option --modle"),
            ("--model", "--model needs a file"),
            ("a.png b.png", "there can be one PICTURE only"),
            ("--screenshot a.png", "--screenshot needs a PICTURE"),
        ];
        for (line, message) in mistakes {
            assert_eq!(parse(line).unwrap_err(), message, "{line}");
        }
    }
}
