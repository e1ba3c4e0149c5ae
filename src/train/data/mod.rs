//! Pictures with classes: in memory where they fit, else decoded whenever they are needed.

mod augment;
mod cifar;
mod feed;
mod npy;

pub use augment::Augment;
pub(super) use feed::{Feed, order};

use crate::error::{Error, Result};
use crate::graph::preprocess::Resize;
use crate::image::{Pixels, resize_and_crop};
use rayon::prelude::*;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Bytes of pictures that are kept in memory.
const MEMORY: usize = 1 << 30;
/// Most unreadable pictures that a message names after the first.
const NAMED: usize = 10;
/// Pictures that are decoded at the same time.
const DECODED: usize = 8;

/// Pictures with classes.
#[derive(Debug)]
pub struct Dataset {
    pictures: Pictures,
    /// The class of each picture.
    pub labels: Vec<usize>,
}

#[derive(Debug)]
enum Pictures {
    /// RGB pictures of one size, one after the other.
    Memory {
        size: [usize; 2],
        rgb: Vec<u8>,
    },
    Files(Vec<PathBuf>),
}

impl Dataset {
    /// Pictures in files, each with its class. They are resized by `rule` and kept if they fit and `may_keep`, else decoded
    /// again in every epoch. `progress` is told how many of how many are read.
    ///
    /// # Errors
    /// Pictures that are to be kept cannot be decoded: the message names the first, and how many there are.
    pub fn of_files(
        files: Vec<(usize, PathBuf)>,
        rule: &Resize,
        may_keep: bool,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Self> {
        let (labels, paths): (Vec<usize>, Vec<PathBuf>) = files.into_iter().unzip();
        let each = 3 * rule.crop[0] * rule.crop[1];
        if !may_keep || paths.len() > MEMORY / each.max(1) {
            return Ok(Dataset { pictures: Pictures::Files(paths), labels });
        }
        let (mut rgb, mut bad) = (Vec::with_capacity(paths.len() * each), Vec::new());
        for (at, some) in paths.chunks(16 * DECODED).enumerate() {
            progress(at * 16 * DECODED, paths.len());
            let one = |path: &PathBuf| Ok(resize_and_crop(&Pixels::open(path)?, rule)?.rgb);
            let decoded: Vec<Result<Vec<u8>>> = some.par_iter().map(one).collect();
            for (path, picture) in some.iter().zip(decoded) {
                picture.map_or_else(|error| bad.push((path, error)), |picture| rgb.extend_from_slice(&picture));
            }
        }
        match unreadable(bad) {
            None => Ok(Dataset { pictures: Pictures::Memory { size: rule.crop, rgb }, labels }),
            Some(error) => Err(error),
        }
    }

    /// Pictures `[n, h, w, 3]` and their classes `[n]`, two `.npy` files.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn of_arrays(images: &Path, labels: &Path, rule: &Resize) -> Result<Self> {
        let (size, rgb) = npy::images(images)?;
        let labels = npy::labels(labels, rgb.len() / (3 * size[0] * size[1]).max(1))?;
        Self::of_pictures(size, rgb, labels, rule)
    }

    /// How many classes an array of them has.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn classes_in(labels: &Path) -> Result<usize> {
        Ok(npy::all_labels(labels)?.into_iter().max().map_or(0, |most| most + 1))
    }

    /// The files of CIFAR-10's binary version, one after the other.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn of_cifar(files: &[PathBuf], rule: &Resize) -> Result<Self> {
        let (rgb, labels) = cifar::read(files)?;
        Self::of_pictures([cifar::SIZE; 2], rgb, labels, rule)
    }

    /// Pictures in memory, resized unless they have the network's size.
    fn of_pictures(size: [usize; 2], rgb: Vec<u8>, labels: Vec<usize>, rule: &Resize) -> Result<Self> {
        let resized = |picture: &[u8]| {
            resize_and_crop(&Pixels { height: size[0], width: size[1], rgb: picture.to_vec() }, rule).map(|p| p.rgb)
        };
        let rgb = match size == rule.crop && rule.shorter_edge == size[0].min(size[1]) {
            true => rgb,
            false => {
                let all = rgb.par_chunks_exact(3 * size[0] * size[1]).map(resized);
                all.collect::<Result<Vec<_>>>()?.concat()
            }
        };
        Ok(Dataset { pictures: Pictures::Memory { size: rule.crop, rgb }, labels })
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Refuses what nothing can be learned from.
    ///
    /// # Errors
    /// [`Error::BadInput`] for `name`: no pictures, or a class without any.
    pub fn check(&self, name: &Path, classes: &[String]) -> Result<()> {
        let mut counts = vec![0usize; classes.len()];
        for &label in &self.labels {
            match counts.get_mut(label) {
                Some(count) => *count += 1,
                None => {
                    let most = classes.len();
                    return Err(Error::bad_input(
                        name,
                        format!("has class {label}; the network has classes 0 to {}", most.max(1) - 1),
                    ));
                }
            }
        }
        if classes.len() < 2 {
            return Err(Error::bad_input(name, "holds one class of pictures; there must be two or more to tell apart"));
        }
        match counts.iter().position(|&count| count == 0) {
            Some(class) => Err(Error::bad_input(name, format!("holds no picture of class '{}'", classes[class]))),
            None => Ok(()),
        }
    }

    /// Splits off pictures for validation: `share` of each class, chosen by `seed`.
    pub fn split(self, share: f64, seed: u64) -> (Self, Self) {
        let mut by_class: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
        self.labels.iter().enumerate().for_each(|(at, &label)| by_class.entry(label).or_default().push(at));
        let mut rng = crate::random::Rng::new(seed);
        let mut held = vec![false; self.len()];
        for members in by_class.values_mut() {
            rng.shuffle(members);
            let count = ((members.len() as f64 * share).round() as usize).clamp(1, members.len().max(2) - 1);
            members.iter().take(count).for_each(|&at| held[at] = true);
        }
        (self.filtered(|at| !held[at]), self.filtered(|at| held[at]))
    }

    fn filtered(&self, keep: impl Fn(usize) -> bool) -> Self {
        let kept = || (0..self.len()).filter(|&at| keep(at));
        let pictures = match &self.pictures {
            Pictures::Files(paths) => Pictures::Files(kept().map(|at| paths[at].clone()).collect()),
            Pictures::Memory { size, rgb } => {
                let each = 3 * size[0] * size[1];
                Pictures::Memory {
                    size: *size,
                    rgb: kept().flat_map(|at| &rgb[at * each..][..each]).copied().collect(),
                }
            }
        };
        Dataset { pictures, labels: kept().map(|at| self.labels[at]).collect() }
    }

    /// A picture as it is kept or stored: of the network's size if it is in memory, else of its own.
    fn stored(&self, index: usize) -> Result<Cow<'_, [u8]>, Error> {
        match &self.pictures {
            Pictures::Memory { size, rgb } => {
                Ok(Cow::Borrowed(&rgb[index * 3 * size[0] * size[1]..][..3 * size[0] * size[1]]))
            }
            Pictures::Files(paths) => Pixels::open(&paths[index]).map(|picture| Cow::Owned(picture.rgb)),
        }
    }

    /// A picture of its own size.
    fn whole(&self, index: usize) -> Result<Pixels> {
        match &self.pictures {
            Pictures::Memory { size: [height, width], .. } => {
                Ok(Pixels { height: *height, width: *width, rgb: self.stored(index)?.into_owned() })
            }
            Pictures::Files(paths) => Pixels::open(&paths[index]),
        }
    }

    /// A picture as the network sees it.
    fn prepared(&self, index: usize, rule: &Resize) -> Result<Cow<'_, [u8]>> {
        match &self.pictures {
            Pictures::Memory { .. } => self.stored(index),
            Pictures::Files(paths) => Ok(Cow::Owned(resize_and_crop(&Pixels::open(&paths[index])?, rule)?.rgb)),
        }
    }

    /// The pictures `range` at the network's size, `[n, h, w, 3]`.
    ///
    /// # Errors
    /// One cannot be decoded.
    pub fn pixels(&self, range: std::ops::Range<usize>, rule: &Resize) -> Result<Vec<u8>> {
        let all = range.into_par_iter().map(|index| self.prepared(index, rule)).collect::<Result<Vec<_>>>()?;
        Ok(all.concat())
    }

    /// The mean of all pictures at the network's size, `[h, w, 3]`.
    pub(super) fn mean_image(&self, rule: &Resize) -> Result<Vec<f32>> {
        let mut sums = vec![0u64; 3 * rule.crop[0] * rule.crop[1]];
        for index in 0..self.len() {
            let picture = self.prepared(index, rule)?;
            sums.iter_mut().zip(&*picture).for_each(|(sum, &pixel)| *sum += u64::from(pixel));
        }
        Ok(sums.iter().map(|&sum| (sum as f64 / self.len().max(1) as f64) as f32).collect())
    }
}

/// One error for all pictures that cannot be read, so that they can be removed at once.
fn unreadable(bad: Vec<(&PathBuf, Error)>) -> Option<Error> {
    let others: Vec<String> = bad.iter().skip(1).map(|(path, _)| path.display().to_string()).collect();
    let (path, first) = bad.into_iter().next()?;
    if others.is_empty() {
        return Some(first);
    }
    let more = others.len().saturating_sub(NAMED);
    let named = others[..others.len() - more].join(", ");
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    let problem = match first {
        Error::BadInput { problem, .. } => problem,
        other => other.to_string(),
    };
    Some(Error::bad_input(path, format!("{problem}; neither can {named}{rest} be read")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_each_class_is_held_out() {
        let labels: Vec<usize> = (0..40).map(|at| at % 2).collect();
        let rgb: Vec<u8> = (0..40 * 3).map(|at| at / 3).collect();
        let all = Dataset { pictures: Pictures::Memory { size: [1, 1], rgb }, labels };
        let (rest, held) = all.split(0.25, 7);
        assert_eq!((rest.len(), held.len()), (30, 10));
        assert_eq!(held.labels.iter().sum::<usize>(), 5);
        for part in [&rest, &held] {
            (0..part.len()).for_each(|at| assert_eq!(usize::from(part.stored(at).unwrap()[0]) % 2, part.labels[at]));
        }
    }

    #[test]
    fn all_unreadable_pictures_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: String, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let ship = include_bytes!("../../../examples/ship.png");
        let mut files = vec![(0, file("good.png".into(), ship))];
        let rule = Resize {
            shorter_edge: 8,
            filter: crate::graph::preprocess::Filter::PillowBilinear,
            crop: [8, 8],
            stretch: None,
        };
        let read = |files: &[(usize, PathBuf)]| Dataset::of_files(files.to_vec(), &rule, true, &|_, _| {});
        assert_eq!(read(&files).unwrap().len(), 1);
        files.push((1, file("a.jpg".into(), b"text")));
        let one = read(&files).unwrap_err().to_string();
        assert!(one.contains("a.jpg") && !one.contains("neither"), "{one}");
        files.extend((0..NAMED + 2).map(|at| (0, file(format!("b{at:02}.png"), b"text"))));
        let all = read(&files).unwrap_err().to_string();
        assert!(
            all.contains("a.jpg") && all.contains("b00.png, ") && all.contains("b09.png and 2 more be read"),
            "{all}"
        );
    }

    #[test]
    fn classes_without_pictures_are_named() {
        let data = |labels: &[usize]| Dataset { pictures: Pictures::Files(Vec::new()), labels: labels.to_vec() };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let error = |labels: &[usize], classes: &[&str]| {
            data(labels).check(Path::new("x"), &names(classes)).unwrap_err().to_string()
        };
        assert!(error(&[0, 0], &["cat", "dog"]).contains("no picture of class 'dog'"));
        assert!(error(&[0], &["cat"]).contains("one class"));
        assert!(error(&[0, 2], &["cat", "dog"]).contains("class 2"));
        assert!(data(&[1, 0]).check(Path::new("x"), &names(&["cat", "dog"])).is_ok());
    }
}
