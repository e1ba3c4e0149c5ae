//! Constants, table and buffers of `shaders/include/epilogue.wgsl` and `shaders/include/ranks.wgsl`.

use super::super::header::Header;
use super::super::table::{QUAD, Table, code_bits};
use super::launch::Launch;
use super::rounds::rounds;
use super::texts::{EPILOGUE, LANES, QUADS, RANKS, VALUES_EACH, VALUES_LANES, VALUES_QUADS};
use crate::lower::{Epilogue, Finish, Ranks, TensorId, Tensors};

/// Up to this many levels, comparing with all thresholds is cheaper than searching them.
const COUNTED_LEVELS: usize = 8;

/// Adds the constants of a quantizer whose thresholds begin at row `thresholds` and whose codes have `planes` planes.
/// `codes` is empty if there is no quantizer.
fn describe_codes(header: &mut Header, table: &mut Table, codes: &[u16], planes: usize, thresholds: usize) {
    let (words, per_plane) = code_bits(codes, planes);
    table.tail("CODES", words);
    let levels = codes.len().max(1);
    header.number("BITS", planes).number("CODE_PLANES", planes.max(1)).number("LEVELS", levels);
    header.number("COUNTED", if levels <= COUNTED_LEVELS { levels - 1 } else { 0 });
    header.number("THRESHOLDS", thresholds).number("CODE_WORDS", per_plane.max(1));
    header.number("KEPT_ROWS", if levels <= COUNTED_LEVELS { table.rows() } else { thresholds }.max(1));
}

/// Rounds of the loops that find the rank of a number among so many levels.
pub(super) fn rank_rounds(levels: usize) -> usize {
    if levels <= COUNTED_LEVELS { 0 } else { rounds(levels.ilog2() as usize, 0) }
}

/// Adds a quantizer of values, to codes of `planes` planes, to a table.
pub(super) fn add_ranks<'a>(header: &mut Header, table: &mut Table<'a>, ranks: &'a Ranks, planes: usize) {
    let each = ranks.codes_of_ranks.len() - 1;
    let sign = table.row(1, |c| ranks.signs[c]);
    let first = sign + 1;
    for r in 0..each {
        table.row(i32::MAX, move |c| ranks.thresholds[c * each + r]);
    }
    header.number("SIGN", sign);
    describe_codes(header, table, &ranks.codes_of_ranks, planes, first);
}

/// Adds the constants of a kernel that quantizes nothing.
pub(super) fn no_ranks(header: &mut Header, table: &mut Table) {
    header.number("SIGN", 0);
    describe_codes(header, table, &[], 0, 0);
}

/// Adds the rows and constants of an epilogue to a convolution's table.
pub(super) fn add_rows<'a>(header: &mut Header, table: &mut Table<'a>, epilogue: &'a Epilogue, tensors: Tensors) {
    let bias = table.row(0, |c| epilogue.bias[c][0]);
    table.row(0, |c| epilogue.bias[c][1]);
    let planes = Ends::of(epilogue).planes(tensors);
    header.number("LOW_BITS", epilogue.low_bits as usize).number("BIAS", bias);
    match &epilogue.finish {
        Finish::Codes { thresholds, codes_of_ranks, .. } => {
            let each = codes_of_ranks.len() - 1;
            let first = bias + 2;
            for r in 0..each {
                table.row(i32::MAX, move |c| thresholds[c * each + r][0]);
                table.row(0, move |c| thresholds[c * each + r][1]);
            }
            header.number("SHIFT", 0).number("SIGN", 0).flag("SHIFTS_IN_LOW", false);
            describe_codes(header, table, codes_of_ranks, planes, first);
        }
        Finish::Value { shifts, codes, .. } => {
            header.number("SHIFT", table.row(0, |c| shifts[c]));
            let in_low = |shift: &i32| (0..=epilogue.low_bits as i32).contains(shift);
            header.flag("SHIFTS_IN_LOW", shifts.iter().all(in_low));
            match codes {
                Some((ranks, _)) => add_ranks(header, table, ranks, planes),
                None => no_ranks(header, table),
            }
        }
    }
    flags(header, epilogue, tensors);
}

fn flags(header: &mut Header, epilogue: &Epilogue, tensors: Tensors) {
    let ends = Ends::of(epilogue);
    header.flag("CODES_FROM_SUMS", matches!(epilogue.finish, Finish::Codes { .. }));
    header.flag("HAS_RESIDUAL", ends.residual.is_some()).flag("STORE_VALUE", ends.values.is_some());
    header.flag("RELU", matches!(epilogue.finish, Finish::Value { relu: true, .. }));
    header.shape("RESIDUAL_C", tensors.channels(ends.residual));
}

/// Adds the constants of a convolution without an epilogue.
pub(super) fn no_rows(header: &mut Header, table: &mut Table) {
    header.number("LOW_BITS", 16).number("BIAS", 0).number("SHIFT", 0).shape("RESIDUAL_C", 0);
    for flag in ["SHIFTS_IN_LOW", "CODES_FROM_SUMS", "HAS_RESIDUAL", "STORE_VALUE", "RELU"] {
        header.flag(flag, false);
    }
    no_ranks(header, table);
}

/// The tensors of an epilogue.
#[derive(Default)]
pub(super) struct Ends {
    pub residual: Option<TensorId>,
    pub values: Option<TensorId>,
    pub codes: Option<TensorId>,
}

impl Ends {
    /// The tensors of `epilogue`.
    pub(super) fn of(epilogue: &Epilogue) -> Self {
        match &epilogue.finish {
            Finish::Codes { output, .. } => Ends { codes: Some(*output), ..Ends::default() },
            Finish::Value { residual, output, codes, .. } => {
                Ends { residual: *residual, values: *output, codes: codes.as_ref().map(|c| c.1) }
            }
        }
    }

    /// Any of the tensors that are written. All have the same shape.
    pub(super) fn output(&self) -> Option<TensorId> {
        self.values.or(self.codes)
    }

    /// Adds the buffers and texts of an epilogue of quads to a launch.
    pub(super) fn connect(&self, launch: &mut Launch, tensors: Tensors) {
        let fills = |id: TensorId| tensors.get(id).shape.c.is_multiple_of(QUAD);
        let quads = [self.residual, self.values].into_iter().flatten().all(fills);
        let (element, file) = if quads { ("vec4<i32>", VALUES_QUADS) } else { ("i32", VALUES_EACH) };
        self.ports(launch, element);
        launch.files.extend([RANKS, QUADS, file, EPILOGUE]);
    }

    /// Adds the buffers and texts of an epilogue of single channels.
    pub(super) fn connect_lanes(&self, launch: &mut Launch) {
        self.ports(launch, "i32");
        launch.files.extend([RANKS, LANES, VALUES_LANES, EPILOGUE]);
    }

    fn ports(&self, launch: &mut Launch, element: &'static str) {
        launch.read("residual", element, self.residual);
        launch.write("values", element, self.values).write("codes", "u32", self.codes);
    }

    /// How many levels the codes of `epilogue` have.
    pub(super) fn levels(&self, epilogue: &Epilogue) -> usize {
        match &epilogue.finish {
            Finish::Codes { codes_of_ranks, .. } => codes_of_ranks.len(),
            Finish::Value { codes, .. } => codes.as_ref().map_or(1, |(ranks, _)| ranks.codes_of_ranks.len()),
        }
    }

    /// Rounds of the loops that finish a sum.
    pub(super) fn rounds(&self, epilogue: &Epilogue) -> usize {
        rank_rounds(self.levels(epilogue))
    }

    /// Planes of the codes.
    pub(super) fn planes(&self, tensors: Tensors) -> usize {
        self.codes.map_or(0, |id| tensors.get(id).planes())
    }
}
