//! The places of the members of concatenations.

use super::*;
use crate::lower::rows::rows;

/// A line per row, with the first word and the planes of each member.
fn places(graph: &Graph) -> String {
    let rows = rows(graph, &graph.facts().unwrap());
    let line = |row: &crate::lower::rows::Row| {
        let members =
            row.members.iter().map(|m| format!("{} at {} planes {}", graph.nodes()[m.node].name, m.at, m.planes));
        format!("{} words {}: {}\n", row.shape, row.words, members.collect::<Vec<_>>().join(", "))
    };
    rows.iter().map(line).collect()
}

/// 40 channels of 2 bits are two words of 2 planes.
#[test]
fn codes_stand_side_by_side() {
    let build = |b: &mut GraphBuilder| {
        let one = b.quantize("one", 0, 2);
        let two = b.quantize("two", 0, 2);
        let both = b.concat("both", &[one, two]);
        b.conv("conv", both, 4, point(), bits(1));
    };
    let graph = graph(
        [2, 2, 40],
        build,
        "
        input  input 2x2x40  -> 2x2x40  <-
        one  quantize to 2 bits  -> 2x2x40 codes of 2 bits  <- input
        two  quantize to 2 bits  -> 2x2x40 codes of 2 bits  <- input
        both  concat  -> 2x2x80 with codes  <- one, two
        conv  conv 1x1/1 -> 4, 1-bit weights  -> 2x2x4  <- both
    ",
    );
    assert_text(&places(&graph), "2x2x80 words 8: one at 0 planes 2, two at 4 planes 2");
}

/// Values have 32 planes, here rounded up to a multiple of the 3 planes of the codes beside them.
#[test]
fn values_take_as_many_planes_as_divide_evenly() {
    let build = |b: &mut GraphBuilder| {
        let codes = b.quantize("codes", 0, 3);
        let both = b.concat("both", &[codes, 0]);
        b.conv("conv", both, 4, point(), bits(1));
    };
    assert_text(&places(&unseen([2, 2, 8], build)), "2x2x16 words 36: input at 0 planes 33, codes at 33 planes 3");
}

/// As in a dense block: the second concatenation has the first one's members and one more, and both share one row.
#[test]
fn concatenations_that_meet_share_a_row() {
    let build = |b: &mut GraphBuilder| {
        let one = b.quantize("one", 0, 1);
        let two = b.quantize("two", 0, 1);
        let first = b.concat("first", &[one, two]);
        let x = b.conv("conv", first, 8, point(), bits(1));
        let three = b.quantize("three", x, 1);
        let second = b.concat("second", &[first, three]);
        b.conv("last", second, 4, point(), bits(1));
    };
    assert_text(
        &places(&unseen([2, 2, 8], build)),
        "2x2x24 words 3: one at 0 planes 1, two at 1 planes 1, three at 2 planes 1",
    );
}

/// A concatenation that is only read as values needs no row of planes.
#[test]
fn float_layers_need_no_row() {
    let build = |b: &mut GraphBuilder| {
        let codes = b.quantize("codes", 0, 1);
        let both = b.concat("both", &[codes, 0]);
        b.conv("conv", both, 4, point(), Weights::Float);
    };
    assert_text(&places(&unseen([2, 2, 8], build)), "");
}
