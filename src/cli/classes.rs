//! Pictures in one folder per class, and which class of a model each folder is.

use super::folder::{Skipped, is_hidden, search};
use super::output;
use crate::error::{Error, Result};
use crate::session::Model;
use crate::text::did_you_mean;
use crate::zoo::class_of_synset;
use std::path::{Path, PathBuf};

/// Outputs of a network for ImageNet.
const IMAGENET: usize = 1000;
/// Most labels in a message.
const SHOWN: usize = 12;

/// The pictures of a directory with one folder per class.
pub(super) struct Labelled {
    /// Pictures with their classes, sorted by path.
    pub pictures: Vec<(usize, PathBuf)>,
    /// What was passed over.
    pub skipped: Skipped,
}

/// How the names of folders give classes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Naming {
    /// A label, letter by letter.
    Label,
    /// A label but for case, and with underscores, hyphens or spaces between words.
    LooseLabel,
    /// A WordNet id of ImageNet, such as n01440764.
    Synset,
    /// The number of a class.
    Number,
    /// As many folders as classes, in alphabetical order: what torchvision's `ImageFolder` makes of them.
    Order,
}

/// Finds the pictures and their classes. Every folder must have a class, and all of them in the same way.
pub(super) fn labelled(directory: &Path, model: &Model) -> Result<Labelled> {
    let folders = folders(directory)?;
    let (labels, classes) = (&model.header().labels, model.header().graph.classes());
    let names: Vec<String> =
        folders.iter().map(|f| f.file_name().unwrap_or_default().to_string_lossy().into()).collect();
    let (naming, found) = classes_of(&names, labels, classes).map_err(|problem| match problem {
        Some(name) => Error::bad_input(&directory.join(&name), unknown_class(&name, labels, classes)),
        None => Error::bad_input(
            directory,
            format!("holds no folders; pictures belong into one folder per class. {}", known(labels, classes)),
        ),
    })?;
    if naming == Naming::Order {
        let names = "note: the model has no labels; the folders are taken as its classes in alphabetical order";
        output::note(names);
    }
    let mut pictures = Vec::new();
    let mut skipped = Skipped::default();
    for (folder, class) in folders.iter().zip(found) {
        let found = search(folder)?;
        pictures.extend(found.pictures.into_iter().map(|path| (class, path)));
        skipped.merge(found.skipped);
    }
    if pictures.is_empty() {
        return Err(skipped.no_picture(directory));
    }
    Ok(Labelled { pictures, skipped })
}

/// The folders in a directory, without hidden ones, sorted. A linked folder counts.
pub(super) fn folders(directory: &Path) -> Result<Vec<PathBuf>> {
    let io = |e| Error::io(directory, e);
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() && !is_hidden(&path) {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The class of each name, by the first naming that gives all of them one. Else the first name that the best naming
/// does not know; `None` if there are no names.
fn classes_of(names: &[String], labels: &[String], classes: usize) -> Result<(Naming, Vec<usize>), Option<String>> {
    let mut namings = vec![Naming::Label, Naming::LooseLabel];
    namings.extend((classes == IMAGENET).then_some(Naming::Synset));
    namings.push(Naming::Number);
    namings.extend((labels.is_empty() && names.len() == classes).then_some(Naming::Order));
    let (mut unknown, mut most) = (names.first().cloned(), 0);
    for naming in namings {
        let found: Vec<Option<usize>> =
            names.iter().enumerate().map(|(at, name)| naming.class(at, name, labels, classes)).collect();
        if let Some(all) = found.iter().copied().collect::<Option<Vec<usize>>>().filter(|all| !all.is_empty()) {
            return Ok((naming, all));
        }
        let count = found.iter().flatten().count();
        if count > most {
            most = count;
            unknown = found.iter().position(Option::is_none).map(|at| names[at].clone());
        }
    }
    Err(unknown)
}

impl Naming {
    /// The class of the folder that comes at place `at`.
    fn class(self, at: usize, name: &str, labels: &[String], classes: usize) -> Option<usize> {
        match self {
            Naming::Label => labels.iter().position(|label| label == name),
            Naming::LooseLabel => {
                let mut same = (0..labels.len()).filter(|&class| loose(&labels[class]) == loose(name));
                same.next().filter(|_| same.next().is_none())
            }
            Naming::Synset => class_of_synset(name),
            Naming::Number => {
                let digits = name.bytes().all(|b| b.is_ascii_digit());
                name.parse().ok().filter(|&class| digits && class < classes)
            }
            Naming::Order => Some(at),
        }
    }
}

fn loose(name: &str) -> String {
    name.split(['_', '-', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").to_lowercase()
}

fn unknown_class(name: &str, labels: &[String], classes: usize) -> String {
    let contains = |label: &&String| loose(label).split(' ').any(|word| word == loose(name));
    let near: Vec<&str> = labels.iter().filter(contains).take(SHOWN).map(String::as_str).collect();
    let near = match near[..] {
        [] => did_you_mean(name, labels.iter().map(String::as_str)),
        _ => format!("; labels with this word: {}", near.join(", ")),
    };
    let end = if near.ends_with('?') { "" } else { "." };
    format!("no class of the model is named '{name}'{near}{end} {}", known(labels, classes))
}

/// What folders may be called.
fn known(labels: &[String], classes: usize) -> String {
    let numbers = format!("numbers from 0 to {}", classes.saturating_sub(1));
    let synsets = if classes == IMAGENET { ", WordNet ids such as n01440764" } else { "" };
    if labels.is_empty() {
        return format!(
            "The model has no labels (`lq-infer label` adds them), so folders may be named by {numbers}{synsets}, or \
             be {classes} in the alphabetical order of its classes"
        );
    }
    let more = if labels.len() > SHOWN { format!(" and {} more", labels.len() - SHOWN) } else { String::new() };
    let some = labels.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    format!("Folders may be named by {numbers}{synsets}, or by label: {some}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], labels: &[&str], classes: usize) -> Result<(Naming, Vec<usize>), Option<String>> {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        classes_of(&owned(names), &owned(labels), classes)
    }

    #[test]
    fn labels_that_are_near_are_named() {
        let labels = ["Egyptian cat", "tiger cat", "catamaran", "hen"].map(str::to_owned);
        let said = |name: &str| unknown_class(name, &labels, 4);
        assert!(
            said("Cat")
                .starts_with("no class of the model is named 'Cat'; labels with this word: Egyptian cat, tiger cat. ")
        );
        assert!(said("catamarn").contains("'catamarn'; did you mean 'catamaran'? Folders"), "{}", said("catamarn"));
        assert!(said("submarine").contains("'submarine'. Folders"), "{}", said("submarine"));
    }

    #[test]
    fn folders_are_named_in_one_way() {
        let labels = ["cat", "Great White Shark", "dog"];
        assert_eq!(of(&["cat", "dog"], &labels, 3).unwrap(), (Naming::Label, vec![0, 2]));
        assert_eq!(of(&["Cat", "great_white-shark"], &labels, 3).unwrap(), (Naming::LooseLabel, vec![0, 1]));
        assert_eq!(of(&["0", "02"], &labels, 3).unwrap(), (Naming::Number, vec![0, 2]));
        assert_eq!(of(&["n01440764", "n02123045"], &[], 1000).unwrap(), (Naming::Synset, vec![0, 281]));
        assert_eq!(of(&["a", "b"], &[], 2).unwrap(), (Naming::Order, vec![0, 1]));
        // Labels that are numbers are labels.
        assert_eq!(of(&["5", "3"], &["5", "3"], 2).unwrap(), (Naming::Label, vec![0, 1]));
    }

    #[test]
    fn a_folder_without_a_class_is_named() {
        let labels = ["cat", "dog"];
        assert_eq!(of(&["cat", "bird", "dog"], &labels, 2).unwrap_err().as_deref(), Some("bird"));
        assert_eq!(of(&["0", "2"], &labels, 2).unwrap_err().as_deref(), Some("2"));
        assert_eq!(of(&["+1", "0"], &labels, 2).unwrap_err().as_deref(), Some("+1"));
        assert_eq!(of(&["n01440764"], &labels, 2).unwrap_err().as_deref(), Some("n01440764"));
        assert_eq!(of(&["a"], &[], 2).unwrap_err().as_deref(), Some("a"));
        assert_eq!(of(&[], &labels, 2).unwrap_err(), None);
        // Two labels that differ only in case are not confused.
        assert_eq!(of(&["CRANE"], &["crane", "Crane"], 2).unwrap_err().as_deref(), Some("CRANE"));
        assert!(known(&[], 10).contains("no labels") && known(&[], 10).contains("0 to 9"));
        assert!(known(&labels.map(String::from), 2).ends_with("by label: cat, dog"));
    }
}
