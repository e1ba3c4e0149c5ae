//! What the check of machine code (`benches/isa`) makes of figures.

use crate::compare::{divisions, shaders};
use crate::division::Division;
use crate::verdict::Verdict;
use lq_infer::internals::bench::model::{Figure, Figures, Loads};
use std::collections::BTreeMap;
use std::path::Path;

fn figure() -> Figure {
    let loads = Loads { scalar: 2, vector: 6, local: 0 };
    Figure {
        instructions: 1_000,
        issue: 480.0,
        per_product: 2.5,
        loads,
        sgprs: 64,
        vgprs: 64,
        waves: 16,
        products: 192,
        ..Figure::default()
    }
}

fn figures(figure: Figure) -> Figures {
    Figures { compiler: "Mesa 1".into(), shaders: BTreeMap::from([("net conv bitconv".into(), figure)]) }
}

/// The figures of a changed shader that are told, with what is made of them.
fn told(change: impl Fn(&mut Figure)) -> Vec<(String, Verdict)> {
    let mut changed = figure();
    change(&mut changed);
    shaders(&figures(figure()), &figures(changed)).into_iter().map(|c| (c.figure, c.verdict)).collect()
}

#[test]
fn every_figure_that_gets_worse_is_told() {
    assert_eq!(told(|_| ()), []);
    assert_eq!(told(|f| (f.instructions, f.per_product, f.vgprs) = (1_046, 2.525, 72)), [], "within the tolerances");
    let worse = |name: &str| vec![(name.to_owned(), Verdict::Worse)];
    assert_eq!(told(|f| f.instructions = 1_047), worse("instructions"));
    assert_eq!(told(|f| f.per_product = 2.53), worse("instructions of a step per product"));
    assert_eq!(told(|f| f.loads.vector = 7), worse("vector loads of a step per product"));
    assert_eq!(told(|f| f.loads.scalar = 3), worse("scalar loads of a step per product"));
    assert_eq!(told(|f| f.loads.local = 1), worse("local accesses of a step per product"));
    assert_eq!(told(|f| f.vgprs = 73), worse("vector registers"));
    assert_eq!(told(|f| f.sgprs = 73), worse("scalar registers"));
    assert_eq!(told(|f| f.waves = 15), worse("waves"));
    assert_eq!(told(|f| f.spills = 1), worse("spilled registers"));
    assert_eq!(told(|f| f.scratch = 4), worse("bytes of scratch memory"));
    let better = told(|f| (f.per_product, f.waves) = (2.4, 20));
    let names = ["instructions of a step per product", "waves"];
    assert_eq!(better, names.map(|name| (name.to_owned(), Verdict::Better)));
}

/// Shaders that multiply nothing have small loops, in which a few instructions more are tolerated.
#[test]
fn small_loops_are_judged_by_their_instructions() {
    let small = |issue| figures(Figure { issue, per_product: 0.0, products: 0, ..figure() });
    assert_eq!(shaders(&small(100.0), &small(113.0)).len(), 0);
    let changes = shaders(&small(100.0), &small(114.0));
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].to_string(), "net conv bitconv: instructions of a step 100 -> 114  WORSE");
}

#[test]
fn shaders_that_come_and_go_fail() {
    let none = Figures { compiler: "Mesa 1".into(), shaders: BTreeMap::new() };
    for (expected, found, verdict) in
        [(&none, &figures(figure()), Verdict::New), (&figures(figure()), &none, Verdict::Gone)]
    {
        let changes = shaders(expected, found);
        assert_eq!((changes.len(), changes[0].verdict, verdict.fails()), (1, verdict, true));
    }
}

#[test]
fn figures_of_another_compiler_are_not_judged() {
    let mut other = figures(Figure { spills: 100, ..figure() });
    other.compiler = "Mesa 2".into();
    assert_eq!(shaders(&figures(figure()), &other).len(), 0);
}

#[test]
fn dispatches_should_make_few_steps_in_many_workgroups() {
    let of =
        |steps, workgroups| BTreeMap::from([("a".to_owned(), Division { variant: String::new(), steps, workgroups })]);
    let told = |steps, workgroups| -> Vec<String> {
        divisions(&of(24, 50), &of(steps, workgroups)).iter().map(ToString::to_string).collect()
    };
    assert_eq!(told(24, 50), [""; 0]);
    assert_eq!(told(25, 49), ["a: steps 24 -> 25  WORSE", "a: workgroups 50 -> 49  WORSE"]);
    assert_eq!(told(24, 51), ["a: workgroups 50 -> 51  better: update the figures"]);
}

#[test]
fn the_committed_figures_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/isa/figures");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for family in ["polaris10", "vega10", "navi10", "navi21", "gfx1100"] {
        let figures = Figures::parse(&read(&format!("{family}.json"))).unwrap();
        assert!(!figures.shaders.is_empty() && shaders(&figures, &figures).is_empty());
    }
    let dispatches: BTreeMap<String, Division> = serde_json::from_str(&read("dispatches.json")).unwrap();
    assert!(!dispatches.is_empty() && dispatches.values().all(|d| d.steps > 0 && d.workgroups > 0));
}
