//! Pieces of machine code that Mesa printed, shortened.

use super::{Class, Code, Mix, Sought};

const NAVI21: &str = include_str!("texts/navi21.txt");
const GFX1100: &str = include_str!("texts/gfx1100.txt");

fn counts(mix: &Mix) -> Vec<(Class, f64)> {
    mix.iter().collect()
}

#[test]
fn instructions_are_told_apart_by_the_loop_they_are_in() {
    let code = Code::parse(NAVI21, Sought::Words).unwrap();
    assert_eq!(
        counts(&code.step),
        [
            (Class::Count, 4.0),
            (Class::Logic, 4.0),
            (Class::Multiply, 1.0),
            (Class::Compare, 1.0),
            (Class::Lane, 2.0),
            (Class::Scalar, 3.0),
            (Class::Wait, 1.0),
            (Class::VectorLoad, 2.0),
        ]
    );
    assert_eq!(code.step.words, 6.0);
    assert_eq!(
        (code.turn.of(Class::Multiply), code.turn.of(Class::ScalarLoad), code.turn.of(Class::Move)),
        (2.0, 1.0, 1.0)
    );
    assert_eq!((code.others.of(Class::Count), code.others.words), (2.0, 2.0));
    assert_eq!((code.once.of(Class::Store), code.once.of(Class::Special), code.once.of(Class::Move)), (1.0, 1.0, 1.0));
}

#[test]
fn parts_are_executed_as_often_as_their_loops_run() {
    let executed = Code::parse(NAVI21, Sought::Words).unwrap().executed(8, 24);
    assert_eq!(executed.of(Class::Count), 2.0 * 24.0 + 4.0 * 8.0 * 24.0);
    assert_eq!(executed.of(Class::Multiply), 1.0 + 24.0 + 2.0 * 8.0 + 8.0 * 24.0);
    assert_eq!(executed.words, 2.0 * 24.0 + 6.0 * 8.0 * 24.0);
}

/// On RDNA 3 some exchanges between lanes become loops of their own.
#[test]
fn a_hot_loop_may_have_loops_within() {
    let code = Code::parse(GFX1100, Sought::Words).unwrap();
    let step = [Class::Count, Class::Logic, Class::Lane, Class::Compare].map(|class| code.step.of(class));
    assert_eq!(step, [2.0, 1.0, 2.0, 3.0]);
    assert_eq!((code.step.words, counts(&code.turn)), (4.0, vec![]));
    // Whoever seeks nothing special gets the innermost loop.
    assert_eq!(Code::parse(GFX1100, Sought::Any).unwrap().step.of(Class::Count), 0.0);
}

#[test]
fn programs_without_loops_are_one_step() {
    let code = Code::parse("BB0:\n\tv_mul_lo_u32 v0, v1, v2 ; d5690000\n\ts_endpgm\n", Sought::Bytes).unwrap();
    assert_eq!((code.step.of(Class::Multiply), counts(&code.once)), (1.0, vec![]));
    assert!(Code::parse("", Sought::Any).unwrap_err().contains("no instructions"));
    assert!(Code::parse("; a comment\n", Sought::Any).is_err());
}
