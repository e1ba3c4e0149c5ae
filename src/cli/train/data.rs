//! Pictures to learn from, as people have them: a folder per class, a pair of arrays, or the files of CIFAR-10.

use crate::cli::classes::folders;
use crate::cli::folder::{Skipped, search};
use crate::cli::output;
use crate::error::{Error, Result};
use crate::graph::preprocess::Resize;
use crate::train::Dataset;
use crate::zoo;
use std::path::{Path, PathBuf};

/// The names of a pair of arrays.
const ARRAYS: [&str; 2] = ["images.npy", "labels.npy"];
/// How the names of CIFAR-10's files end, and how those with training pictures start.
const BINARY: &str = ".bin";
const BINARY_TRAINING: &str = "data_batch_";

/// The pictures of a training.
pub(super) struct Pictures {
    pub training: Dataset,
    pub validation: Dataset,
}

/// What pictures are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Training,
    Validation,
}

/// Where pictures are.
pub(super) enum Source {
    /// The class of each picture, and the folder of each class.
    Folders {
        files: Vec<(usize, PathBuf)>,
        classes: Vec<String>,
    },
    Arrays(PathBuf, PathBuf),
    Cifar(Vec<PathBuf>),
}

impl Source {
    /// What `directory` holds. `classes` are names of folders in the order of the classes; if there are none, folders are
    /// classes in the order of their names.
    pub(super) fn find(directory: &Path, classes: &[String], role: Role) -> Result<Self> {
        let [images, labels] = ARRAYS.map(|name| directory.join(name));
        if images.is_file() && labels.is_file() {
            return Ok(Source::Arrays(images, labels));
        }
        let binary = binary(directory, role)?;
        if !binary.is_empty() {
            return Ok(Source::Cifar(binary));
        }
        Self::folders(directory, classes, role)
    }

    fn folders(directory: &Path, known: &[String], role: Role) -> Result<Self> {
        let folders = folders(directory)?;
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let names: Vec<String> = folders.iter().map(name).collect();
        let classes = if known.is_empty() { names.clone() } else { known.to_vec() };
        if folders.is_empty() {
            let problem = "holds no folders; pictures belong into one folder per class (or into images.npy [n, h, w, 3] and \
                           labels.npy [n], or the files of CIFAR-10's binary version)";
            return Err(Error::bad_input(directory, problem));
        }
        let (mut files, mut skipped) = (Vec::new(), Skipped::default());
        for (folder, name) in folders.iter().zip(&names) {
            let class = classes.iter().position(|class| class == name).ok_or_else(|| {
                Error::bad_input(folder, format!("is the name of no class; the classes are {}", classes.join(", ")))
            })?;
            let found = search(folder)?;
            if found.pictures.is_empty() && role == Role::Training {
                return Err(found.skipped.no_picture(folder));
            }
            files.extend(found.pictures.into_iter().map(|path| (class, path)));
            skipped.merge(found.skipped);
        }
        skipped.tell(directory);
        Ok(Source::Folders { files, classes })
    }

    /// The names of the classes; none if the source does not have them.
    pub(super) fn classes(&self) -> Option<Vec<String>> {
        match self {
            Source::Folders { classes, .. } => Some(classes.clone()),
            Source::Arrays(..) => None,
            Source::Cifar(_) => Some(zoo::find("cifar-resnet-20").ok()?.labels().map(str::to_owned).collect()),
        }
    }

    /// How many classes there are.
    pub(super) fn count_classes(&self) -> Result<usize> {
        match self {
            Source::Arrays(_, labels) => Dataset::classes_in(labels),
            _ => Ok(self.classes().map_or(0, |classes| classes.len())),
        }
    }

    /// Reads the pictures, resized by `rule`, into memory if they fit and `may_keep`.
    pub(super) fn read(self, rule: &Resize, may_keep: bool) -> Result<Dataset> {
        match self {
            Source::Arrays(images, labels) => Dataset::of_arrays(&images, &labels, rule),
            Source::Cifar(files) => Dataset::of_cifar(&files, rule),
            Source::Folders { files, .. } => {
                let bar = output::long_progress(files.len(), "pictures read");
                let read = Dataset::of_files(files, rule, may_keep, &output::track(&bar));
                bar.finish_and_clear();
                read
            }
        }
    }
}

/// The files of CIFAR-10's binary version: those for training, or the others.
fn binary(directory: &Path, role: Role) -> Result<Vec<PathBuf>> {
    let io = |error| Error::io(directory, error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(BINARY) && path.is_file() {
            files.push((name.starts_with(BINARY_TRAINING), path));
        }
    }
    files.sort();
    let has_both = files.iter().any(|(is_training, _)| *is_training);
    Ok(files
        .into_iter()
        .filter(|(is_training, _)| !has_both || *is_training == (role == Role::Training))
        .map(|(_, path)| path)
        .collect())
}
