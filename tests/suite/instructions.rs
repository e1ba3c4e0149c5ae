//! What the check of counted instructions (`benches/instructions`) makes of figures.

use crate::figures::{Comparison, Figures, compare};
use crate::verdict::Verdict;
use std::path::Path;

fn figures(compiler: &str, instructions: &[(&str, u64)]) -> Figures {
    let instructions = instructions.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
    Figures { compiler: compiler.into(), instructions }
}

fn verdicts(comparison: &Comparison) -> Vec<(&str, Verdict)> {
    comparison.lines.iter().map(|line| (line.name.as_str(), line.verdict)).collect()
}

#[test]
fn more_than_three_percent_fail_and_less_is_reported() {
    const M: u64 = 1_000_000;
    let expected = figures("rustc 1", &[("avx2 a", M), ("avx2 b", M), ("avx2 c", M), ("avx2 d", M)]);
    // Three percent are 30,000, and 20,000 are spared.
    let counts = [M + 50_001, M + 50_000, M - 50_000, M - 50_001];
    let found = [("avx2 a", counts[0]), ("avx2 b", counts[1]), ("avx2 c", counts[2]), ("avx2 d", counts[3])];
    let found = figures("rustc 1", &found);
    let comparison = compare(&expected, &found);
    let wanted = [Verdict::Worse, Verdict::Same, Verdict::Same, Verdict::Better];
    assert_eq!(
        verdicts(&comparison),
        ["avx2 a", "avx2 b", "avx2 c", "avx2 d"].into_iter().zip(wanted).collect::<Vec<_>>()
    );
    assert_eq!(comparison.failures(), 1);
    let table = comparison.to_string();
    assert!(table.contains("+5.0 %") && table.contains("WORSE") && table.contains("better"), "{table}");
}

#[test]
fn equal_figures_pass() {
    let same = figures("rustc 1", &[("avx2 a", 5), ("portable a", 50)]);
    assert_eq!(compare(&same, &same).failures(), 0);
}

#[test]
fn names_that_come_and_go_fail_unless_the_processor_lacks_them() {
    let expected = figures("rustc 1", &[("avx2 a", 10), ("portable a", 10), ("portable b", 10)]);
    let found = figures("rustc 1", &[("portable a", 10), ("portable c", 10)]);
    let comparison = compare(&expected, &found);
    let wanted = [
        ("avx2 a", Verdict::Absent),
        ("portable a", Verdict::Same),
        ("portable b", Verdict::Gone),
        ("portable c", Verdict::New),
    ];
    assert_eq!(verdicts(&comparison), wanted);
    assert_eq!(comparison.failures(), 2);
}

#[test]
fn figures_of_another_compiler_are_not_compared() {
    let [old, new] = ["rustc 1", "rustc 2"].map(|compiler| figures(compiler, &[("avx2 a", 100_000)]));
    let slower = figures("rustc 2", &[("avx2 a", 200_000)]);
    assert_eq!(compare(&new, &slower).failures(), 1);
    let comparison = compare(&old, &slower);
    assert_eq!((comparison.failures(), verdicts(&comparison)), (0, vec![("avx2 a", Verdict::Incomparable)]));
    let table = comparison.to_string();
    assert!(table.contains("not comparable: committed with rustc 1; now rustc 2"), "{table}");
}

#[test]
fn the_committed_figures_can_be_read_and_cover_both_instruction_sets() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/expected.json");
    let committed = Figures::read(&path).unwrap();
    for what in ["avx2 2/2 bitconv 3x3", "avx2 1/2 bitconv 3x3", "portable 2/2 cifar-resnet-20"] {
        assert!(committed.instructions.keys().any(|name| name.starts_with(what)), "{what}");
    }
    let copy = tempfile::tempdir().unwrap();
    let copy = copy.path().join("copy.json");
    committed.write(&copy).unwrap();
    assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(path).unwrap());
}
