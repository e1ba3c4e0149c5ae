//! Pictures in a directory, and what else is in it.

use super::output;
use crate::error::{Error, Result};
use crate::image::{EXTENSIONS, format_of_extension};
use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Pictures, sorted by path.
    pub pictures: Vec<PathBuf>,
    pub skipped: Skipped,
}

/// How many files and directories were passed over, by reason.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Skipped(BTreeMap<Reason, usize>);

/// Why something is no input. Hidden files come first in messages, what is nobody's concern last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// Its name begins with a dot, as those of the files do that macOS puts beside pictures on foreign disks.
    Hidden,
    /// A picture in a format that cannot be read.
    Format(&'static str),
    /// A link to a directory: it may lead back.
    Link,
    /// A pipe, a socket or a device, which may not have an end.
    Special,
    /// A directory that may not be read.
    Unreadable,
    Other,
}

impl Skipped {
    fn add(&mut self, reason: Reason) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// Adds what another search passed over.
    pub(super) fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(reason, count)| *self.0.entry(reason).or_default() += count);
    }

    /// How many were passed over, by reason, as `--json` prints them.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, usize> {
        self.0.iter().map(|(reason, count)| (reason.name(), *count)).collect()
    }

    /// Such as "3 hidden, 2 HEIC"; `None` if nothing was passed over.
    pub(super) fn summary(&self) -> Option<String> {
        let parts: Vec<String> = self.0.iter().map(|(reason, count)| format!("{count} {}", reason.name())).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The error for a directory without pictures.
    pub(super) fn no_picture(&self, directory: &Path) -> Error {
        let skipped = self.summary().map_or(String::new(), |summary| format!("; skipped: {summary}"));
        let names = EXTENSIONS.join(", ");
        Error::bad_input(directory, format!("holds no picture (names that end in {names}){skipped}"))
    }

    /// Tells the user what was passed over in a directory, if anything was.
    pub(super) fn tell(&self, directory: &Path) {
        let note = |summary: String| output::note(&format!("note: {}: skipped: {summary}", directory.display()));
        self.summary().into_iter().for_each(note);
    }
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::Hidden => "hidden",
            Reason::Format(name) => name,
            Reason::Link => "linked directory",
            Reason::Special => "pipe, socket or device",
            Reason::Unreadable => "unreadable directory",
            Reason::Other => "not a picture",
        }
    }
}

/// All pictures below a directory.
pub(super) fn search(directory: &Path) -> Result<Found> {
    let mut found = Found::default();
    let mut pending = vec![directory.to_owned()];
    while let Some(folder) = pending.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if folder == directory => return Err(Error::io(directory, error)),
            Err(_) => {
                found.skipped.add(Reason::Unreadable);
                continue;
            }
        };
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(&folder, error))?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_hidden(&entry.path()) {
                pending.push(entry.path());
                continue;
            }
            match reason_to_skip(&entry) {
                Some(reason) => found.skipped.add(reason),
                None => found.pictures.push(entry.path()),
            }
        }
    }
    found.pictures.sort();
    Ok(found)
}

/// Whether the name of a file or directory begins with a dot.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn reason_to_skip(entry: &DirEntry) -> Option<Reason> {
    let path = entry.path();
    if is_hidden(&path) {
        return Some(Reason::Hidden);
    }
    // Of the file that a link leads to. A link that leads nowhere is reported when it is read.
    let meta = std::fs::metadata(&path).ok();
    let is = |wanted: fn(&std::fs::Metadata) -> bool| meta.as_ref().is_some_and(wanted);
    if is(|meta| meta.is_dir()) {
        return Some(Reason::Link);
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    if !EXTENSIONS.contains(&extension.as_str()) {
        return Some(format_of_extension(&extension).map_or(Reason::Other, Reason::Format));
    }
    is(|meta| !meta.is_file()).then_some(Reason::Special)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn pictures_are_found_and_the_rest_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let files = [
            "a.png",
            "B.JPG",
            "c.jfif",
            "d.jpe",
            "e.tif",
            "f.Tiff",
            "g.jpeg",
            ".h.png",
            "._a.png",
            "Thumbs.db",
            "i.HEIC",
            "j.heif",
            "k.avif",
            "l.dng",
            "m",
            "n.json",
        ];
        files.iter().for_each(|name| std::fs::write(at(name), "").unwrap());
        ["folder.png", "sub/deep", ".hidden/sub"].iter().for_each(|name| std::fs::create_dir_all(at(name)).unwrap());
        ["folder.png/in.png", "sub/deep/x.gif", ".hidden/y.png", ".hidden/sub/z.png"]
            .iter()
            .for_each(|name| std::fs::write(at(name), "").unwrap());
        symlink("..", at("sub/loop")).unwrap();
        symlink("a.png", at("link.png")).unwrap();
        symlink("nowhere", at("broken.png")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket.png")).unwrap();
        let Found { pictures, skipped } = search(folder.path()).unwrap();
        let names: Vec<_> = pictures.iter().map(|p| p.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        let expected = [
            "B.JPG",
            "a.png",
            "broken.png",
            "c.jfif",
            "d.jpe",
            "e.tif",
            "f.Tiff",
            "folder.png/in.png",
            "g.jpeg",
            "link.png",
            "sub/deep/x.gif",
        ];
        assert_eq!(names, expected);
        let summary =
            "3 hidden, 1 AVIF, 2 HEIC, 1 camera raw, 1 linked directory, 1 pipe, socket or device, 3 not a picture";
        assert_eq!(skipped.summary().unwrap(), summary);
    }

    #[test]
    fn nothing_skipped_is_nothing_said() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.png"), "").unwrap();
        assert_eq!(search(folder.path()).unwrap().skipped.summary(), None);
        assert_eq!(search(&folder.path().join("none")).unwrap_err().kind(), crate::error::ErrorKind::Io);
    }
}
