//! What an evaluation counts: right answers by class, and what was taken for what.

use super::output;
use crate::session::Model;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most classes whose confusion matrix is printed as a whole.
const MATRIX: usize = 20;
/// Most pairs of classes that are printed otherwise.
const PAIRS: usize = 20;

/// Answers so far.
#[derive(Default)]
pub(super) struct Tally {
    classes: BTreeMap<usize, Counts>,
    /// How often pictures of a class were taken for another.
    pairs: BTreeMap<(usize, usize), usize>,
    mistakes: Vec<(PathBuf, usize, usize, f64)>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    images: usize,
    top1: usize,
    top5: usize,
}

/// The answers about one class, as `--json` prints them.
#[derive(Serialize)]
pub(super) struct ClassResult {
    class: usize,
    label: String,
    images: usize,
    top1: f64,
    top5: f64,
}

/// How often pictures of one class were taken for another.
#[derive(Serialize)]
pub(super) struct Confusion {
    class: usize,
    predicted: usize,
    images: usize,
}

/// A picture whose class was not the most probable one.
#[derive(Serialize)]
pub(super) struct Mistake {
    pub file: String,
    pub class: String,
    pub predicted: String,
    pub probability: f64,
}

impl Tally {
    /// Counts the answer for a picture: its most probable class with its probability, and how many classes are more
    /// probable than the right one.
    pub(super) fn add(&mut self, path: &Path, class: usize, (predicted, probability): (usize, f64), better: usize) {
        let counts = self.classes.entry(class).or_default();
        counts.images += 1;
        counts.top1 += usize::from(better == 0);
        counts.top5 += usize::from(better < 5);
        if better > 0 {
            *self.pairs.entry((class, predicted)).or_default() += 1;
            self.mistakes.push((path.to_owned(), class, predicted, probability));
        }
    }

    /// Number of pictures.
    pub(super) fn images(&self) -> usize {
        self.classes.values().map(|counts| counts.images).sum()
    }

    /// Shares of pictures whose class is the most probable one, and among the five most probable.
    pub(super) fn accuracy(&self) -> (f64, f64) {
        let sum = |of: fn(&Counts) -> usize| self.classes.values().map(of).sum::<usize>() as f64;
        (sum(|c| c.top1) / self.images() as f64, sum(|c| c.top5) / self.images() as f64)
    }

    pub(super) fn class_results(&self, model: &Model) -> Vec<ClassResult> {
        let result = |(&class, counts): (&usize, &Counts)| {
            let share = |n: usize| n as f64 / counts.images as f64;
            let (top1, top5) = (share(counts.top1), share(counts.top5));
            ClassResult { class, label: model.label(class), images: counts.images, top1, top5 }
        };
        self.classes.iter().map(result).collect()
    }

    /// All pairs of a class and another one that it was taken for.
    pub(super) fn confusions(&self) -> Vec<Confusion> {
        let entry = |(&(class, predicted), &images)| Confusion { class, predicted, images };
        self.pairs.iter().map(entry).collect()
    }

    pub(super) fn mistakes(&self, model: &Model) -> Vec<Mistake> {
        let mistake = |(path, class, predicted, probability): &(PathBuf, usize, usize, f64)| Mistake {
            file: path.display().to_string(),
            class: model.label(*class),
            predicted: model.label(*predicted),
            probability: *probability,
        };
        self.mistakes.iter().map(mistake).collect()
    }

    /// One line for each class that has pictures.
    pub(super) fn class_table(&self, model: &Model) -> Vec<String> {
        let head = ["class", "images", "top-1", "top-5"].map(String::from).to_vec();
        let percent = |share: f64| format!("{:.2}%", 100.0 * share);
        let row = |r: ClassResult| vec![r.label, r.images.to_string(), percent(r.top1), percent(r.top5)];
        let rows: Vec<Vec<String>> =
            std::iter::once(head).chain(self.class_results(model).into_iter().map(row)).collect();
        output::table_of(&rows, &[1, 2, 3])
    }

    /// The confusion matrix, or its largest entries beside the diagonal if there are many classes.
    pub(super) fn confusion_table(&self, model: &Model) -> Vec<String> {
        let mut involved: Vec<usize> = self.classes.keys().chain(self.pairs.keys().map(|(_, p)| p)).copied().collect();
        involved.sort_unstable();
        involved.dedup();
        if involved.len() > MATRIX { self.pair_table(model) } else { self.matrix(model, &involved) }
    }

    fn matrix(&self, model: &Model, involved: &[usize]) -> Vec<String> {
        let head =
            std::iter::once("is \\ taken for".to_owned()).chain(involved.iter().map(|&class| model.label(class)));
        let count = |class: usize, predicted: usize| match self.classes.get(&class) {
            Some(counts) if class == predicted => counts.top1,
            _ => self.pairs.get(&(class, predicted)).copied().unwrap_or(0),
        };
        let row = |&class: &usize| {
            let counts = involved.iter().map(|&predicted| count(class, predicted).to_string());
            std::iter::once(model.label(class)).chain(counts).collect()
        };
        let rows: Vec<Vec<String>> = std::iter::once(head.collect()).chain(involved.iter().map(row)).collect();
        output::table_of(&rows, &(1..=involved.len()).collect::<Vec<_>>())
    }

    fn pair_table(&self, model: &Model) -> Vec<String> {
        let mut pairs = self.confusions();
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.images));
        let head = ["images", "is", "taken for"].map(String::from).to_vec();
        let row = |p: &Confusion| vec![p.images.to_string(), model.label(p.class), model.label(p.predicted)];
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(pairs.iter().take(PAIRS).map(row)).collect();
        output::table_of(&rows, &[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class() {
        let model = Model::bundled().unwrap();
        let mut tally = Tally::default();
        tally.add("a".as_ref(), 8, (8, 0.9), 0);
        tally.add("b".as_ref(), 8, (0, 0.5), 2);
        tally.add("c".as_ref(), 3, (5, 0.7), 7);
        assert_eq!((tally.images(), tally.accuracy()), (3, (1.0 / 3.0, 2.0 / 3.0)));
        let rows =
            ["class  images   top-1    top-5", "cat         1   0.00%    0.00%", "ship        2  50.00%  100.00%"];
        assert_eq!(tally.class_table(&model), rows);
        let matrix = [
            "is \\ taken for  airplane  cat  dog  ship",
            "airplane               0    0    0     0",
            "cat                    0    0    1     0",
            "dog                    0    0    0     0",
            "ship                   1    0    0     1",
        ];
        assert_eq!(tally.confusion_table(&model), matrix);
        assert_eq!(
            tally.pair_table(&model),
            ["images  is    taken for", "     1  cat   dog", "     1  ship  airplane"]
        );
        let files: Vec<String> =
            tally.mistakes(&model).into_iter().map(|m| format!("{} {}", m.file, m.predicted)).collect();
        assert_eq!(files, ["b airplane", "c dog"]);
    }
}
