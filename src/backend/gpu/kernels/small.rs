//! Launches of the element-wise kernels.

use super::super::table::{GROUP_QUADS, QUAD, Table};
use super::epilogue::{add_ranks, rank_rounds};
use super::launch::Launch;
use super::on_gpu::OnGpu;
use super::rounds::rounds;
use super::texts::{QUADS, RANKS, ROWS, WIDE, texts};
use super::variant::Variant;
use crate::fixed::{LIMB_LANES, VALUE_LIMBS};
use crate::lower::{Join, Kernel, Levels, Pointwise, Quantize, Slice, Split, Tensors};
use crate::quant::{WORD_BITS, words};

texts! {
    QUANTIZE = "quantize.wgsl",
    POINTWISE = "pointwise.wgsl",
    SPLIT = "split.wgsl",
    SLICE = "slice.wgsl",
    LEVELS = "levels.wgsl",
    JOIN = "join.wgsl",
}

impl OnGpu for Quantize {
    fn launch(&self, tensors: Tensors, _: &Variant, _: Option<&Kernel>) -> Launch {
        let (shape, planes) = (tensors.get(self.output).shape, tensors.get(self.output).planes());
        let mut launch = Launch::new(shape.pixels() * words(shape.c), &[ROWS, RANKS, QUADS, QUANTIZE]);
        let header = &mut launch.header;
        header.shape("OUT_C", shape.c).shape("GROUPS", words(shape.c));
        launch.rounds = rounds(GROUP_QUADS, QUAD * rank_rounds(self.ranks.codes_of_ranks.len())) + rounds(planes, 0);
        let mut table = Table::new(shape.c);
        add_ranks(header, &mut table, &self.ranks, planes);
        table.describe(header);
        launch.read("input", "i32", self.input).read("table", "vec4<i32>", table.words());
        launch.write("codes", "u32", self.output);
        launch
    }
}

impl OnGpu for Pointwise {
    fn launch(&self, tensors: Tensors, _: &Variant, _: Option<&Kernel>) -> Launch {
        let shape = tensors.get(self.output).shape;
        let mut launch = Launch::new(shape.elements(), &[WIDE, POINTWISE]);
        let header = &mut launch.header;
        header.shape("OUT_C", shape.c).shape("IN_C", tensors.get(self.input).shape.c);
        header.shape("RESIDUAL_C", tensors.channels(self.residual));
        header.flag("HAS_RESIDUAL", self.residual.is_some()).flag("RELU", self.relu);
        let row = |c: usize| -> [u32; QUAD] {
            [self.gains[c] as u32, self.biases[c] as u32, (self.biases[c] >> 32) as u32, self.shifts[c]]
        };
        let table: Vec<u32> = (0..shape.c).flat_map(row).collect();
        launch.read("input", "i32", self.input).read("table", "vec4<i32>", table);
        launch.read("residual", "i32", self.residual);
        launch.write("values", "i32", self.output);
        launch
    }
}

impl OnGpu for Split {
    fn launch(&self, tensors: Tensors, _: &Variant, _: Option<&Kernel>) -> Launch {
        let shape = tensors.get(self.input).shape;
        let groups = shape.c.div_ceil(LIMB_LANES);
        let mut launch = Launch::new(shape.pixels() * groups, &[SPLIT]);
        launch.header.shape("OUT_C", shape.c).shape("GROUPS", groups).number("LIMBS", VALUE_LIMBS);
        launch.rounds = rounds(VALUE_LIMBS, 0);
        launch.read("input", "i32", self.input).write("limbs", "u32", self.output);
        launch
    }
}

impl OnGpu for Slice {
    fn launch(&self, tensors: Tensors, _: &Variant, _: Option<&Kernel>) -> Launch {
        let spec = tensors.get(self.output);
        let groups = words(spec.shape.c);
        let mut launch = Launch::new(spec.shape.pixels() * groups, &[SLICE]);
        launch.header.shape("OUT_C", spec.shape.c).shape("GROUPS", groups).number("PLANES", spec.planes());
        launch.rounds = rounds(WORD_BITS, rounds(WORD_BITS, 0)) + rounds(spec.planes().max(WORD_BITS), 0) + 1;
        launch.read("input", "i32", self.input).write("planes", "u32", self.output);
        launch
    }
}

impl OnGpu for Levels {
    fn launch(&self, tensors: Tensors, _: &Variant, _: Option<&Kernel>) -> Launch {
        let (shape, planes) = (tensors.get(self.output).shape, tensors.get(self.input).planes());
        let mut launch = Launch::new(shape.elements(), &[LEVELS]);
        launch.header.shape("OUT_C", shape.c).shape("GROUPS", words(shape.c)).number("PLANES", planes);
        launch.rounds = rounds(planes, 0);
        let mut table: Vec<u32> = self.values.iter().map(|&v| v as u32).collect();
        table.resize(table.len().next_multiple_of(QUAD), 0);
        launch.read("input", "u32", self.input).read("table", "vec4<i32>", table);
        launch.write("values", "i32", self.output);
        launch
    }
}

impl OnGpu for Join {
    fn launch(&self, tensors: Tensors, _: &Variant, _: Option<&Kernel>) -> Launch {
        let (from, to) = (tensors.get(self.input), tensors.get(self.output));
        let mut launch = Launch::new(from.image_words(), &[JOIN]);
        launch.header.shape("IN_ROW", from.pixel_words()).shape("OUT_ROW", to.pixel_words()).shape("AT", self.at);
        launch.read("input", "u32", self.input).write("joined", "u32", self.output);
        launch
    }
}
