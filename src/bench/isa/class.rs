//! Sorts of machine instructions.

use serde::{Deserialize, Serialize};

/// What an instruction does, as far as its cost depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Counts the ones of a word and adds a word to the count.
    Count,
    /// Bitwise operations, extraction and insertion of bits.
    Logic,
    /// Additions, shifts, minima and maxima.
    Add,
    /// Products of 16 or 24 bits.
    Short,
    /// Products of 32 bits.
    Multiply,
    /// Dot products of four bytes.
    Dot,
    /// Fused multiply-adds of 32-bit floats.
    Fma,
    /// Other operations on floats.
    Float,
    /// Conversions between integers and floats.
    Convert,
    /// Comparisons and selections.
    Compare,
    /// Copies of registers.
    Move,
    /// Exchange between lanes, or with scalar registers.
    Lane,
    /// Reciprocals, roots, exponentials.
    Special,
    /// Operations on 64-bit floats.
    Double,
    /// Operations of the scalar unit, branches among them.
    Scalar,
    /// Waiting, and hints.
    Wait,
    /// Loads of scalar registers.
    ScalarLoad,
    /// Loads of vector registers.
    VectorLoad,
    /// Stores to memory, and atomic operations on it.
    Store,
    /// Accesses to the memory of a workgroup.
    Local,
    /// Barriers of a workgroup.
    Barrier,
}

/// The classes by how the names of instructions begin; the first that fits counts.
const BEGINNINGS: &[(&str, Class)] = &[
    ("v_bcnt", Class::Count),
    ("v_dot", Class::Dot),
    ("v_readlane", Class::Lane),
    ("v_readfirstlane", Class::Lane),
    ("v_writelane", Class::Lane),
    ("v_permlane", Class::Lane),
    ("v_mbcnt", Class::Logic),
    ("v_and", Class::Logic),
    ("v_or", Class::Logic),
    ("v_xor", Class::Logic),
    ("v_xnor", Class::Logic),
    ("v_not", Class::Logic),
    ("v_bf", Class::Logic),
    ("v_perm_", Class::Logic),
    ("v_alignb", Class::Logic),
    ("v_mul_lo_u16", Class::Short),
    ("v_mul_u32_u24", Class::Short),
    ("v_mul_i32_i24", Class::Short),
    ("v_mul_hi_u32_u24", Class::Short),
    ("v_mul_hi_i32_i24", Class::Short),
    ("v_mad_u32_u24", Class::Short),
    ("v_mad_i32_i24", Class::Short),
    ("v_mad_u16", Class::Short),
    ("v_mad_i16", Class::Short),
    ("v_mad_u32_u16", Class::Short),
    ("v_mad_i32_i16", Class::Short),
    ("v_pk_mul_lo", Class::Short),
    ("v_pk_mad", Class::Short),
    ("v_mul_lo", Class::Multiply),
    ("v_mul_hi", Class::Multiply),
    ("v_mad_u64", Class::Multiply),
    ("v_mad_i64", Class::Multiply),
    ("v_fma_f32", Class::Fma),
    ("v_fmac_f32", Class::Fma),
    ("v_fmamk_f32", Class::Fma),
    ("v_fmaak_f32", Class::Fma),
    ("v_cvt", Class::Convert),
    ("v_cndmask", Class::Compare),
    ("v_cmp", Class::Compare),
    ("v_mov", Class::Move),
    ("v_swap", Class::Move),
    ("v_accvgpr", Class::Move),
    ("v_rcp", Class::Special),
    ("v_rsq", Class::Special),
    ("v_sqrt", Class::Special),
    ("v_exp", Class::Special),
    ("v_log", Class::Special),
    ("v_sin", Class::Special),
    ("v_cos", Class::Special),
    ("s_load", Class::ScalarLoad),
    ("s_buffer_load", Class::ScalarLoad),
    ("s_waitcnt", Class::Wait),
    ("s_wait_", Class::Wait),
    ("s_nop", Class::Wait),
    ("s_clause", Class::Wait),
    ("s_delay", Class::Wait),
    ("s_inst_prefetch", Class::Wait),
    ("s_code_end", Class::Wait),
    ("s_barrier", Class::Barrier),
    ("ds_bpermute", Class::Lane),
    ("ds_permute", Class::Lane),
    ("ds_swizzle", Class::Lane),
    ("ds_", Class::Local),
];

impl Class {
    /// Whether the vector unit executes it.
    pub fn is_vector(self) -> bool {
        self < Class::Scalar
    }

    /// The class of the instruction `name`, such as `v_bcnt_u32_b32`.
    pub(super) fn of(name: &str) -> Class {
        if let Some((_, class)) = BEGINNINGS.iter().find(|(beginning, _)| name.starts_with(beginning)) {
            return *class;
        }
        let accesses_memory = ["buffer_", "global_", "flat_", "scratch_", "tbuffer_", "image_"];
        if accesses_memory.iter().any(|beginning| name.starts_with(beginning)) {
            return if name.contains("_load") { Class::VectorLoad } else { Class::Store };
        }
        match name.starts_with("v_") {
            true if name.contains("_f64") => Class::Double,
            true if name.contains("_f32") || name.contains("_f16") => Class::Float,
            true => Class::Add,
            false => Class::Scalar,
        }
    }
}

/// Words that the load `name` brings to each lane.
pub(super) fn words_of_load(name: &str) -> u64 {
    [("x4", 4), ("x3", 3), ("x2", 2), ("b128", 4), ("b96", 3), ("b64", 2)]
        .iter()
        .find(|(ending, _)| name.ends_with(ending))
        .map_or(1, |(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_told_apart_by_their_names() {
        for (name, class) in [
            ("v_bcnt_u32_b32_e64", Class::Count),
            ("v_and_b32_e32", Class::Logic),
            ("v_and_or_b32", Class::Logic),
            ("v_bfi_b32", Class::Logic),
            ("v_bfe_u32", Class::Logic),
            ("v_lshl_add_u32", Class::Add),
            ("v_add3_u32", Class::Add),
            ("v_mul_lo_u32", Class::Multiply),
            ("v_mad_u64_u32", Class::Multiply),
            ("v_mul_u32_u24_e32", Class::Short),
            ("v_mad_u32_u24", Class::Short),
            ("v_dot4_i32_i8", Class::Dot),
            ("v_dot4c_i32_i8", Class::Dot),
            ("v_fmac_f32_e32", Class::Fma),
            ("v_mac_f32_e32", Class::Float),
            ("v_add_f64", Class::Double),
            ("v_cvt_f32_u32_e32", Class::Convert),
            ("v_cmp_gt_u32_e64", Class::Compare),
            ("v_readlane_b32", Class::Lane),
            ("s_buffer_load_dwordx8", Class::ScalarLoad),
            ("s_load_b64", Class::ScalarLoad),
            ("s_cbranch_scc1", Class::Scalar),
            ("s_waitcnt_lgkmcnt", Class::Wait),
            ("buffer_load_dwordx4", Class::VectorLoad),
            ("buffer_load_b128", Class::VectorLoad),
            ("buffer_store_dword", Class::Store),
            ("scratch_load_dword", Class::VectorLoad),
            ("buffer_atomic_or", Class::Store),
            ("ds_read_b32", Class::Local),
            ("ds_bpermute_b32", Class::Lane),
            ("s_barrier", Class::Barrier),
        ] {
            assert_eq!(Class::of(name), class, "{name}");
        }
        assert!(Class::Double.is_vector() && !Class::Scalar.is_vector());
        assert_eq!(["buffer_load_dwordx4", "buffer_load_b64", "buffer_load_ubyte"].map(words_of_load), [4, 2, 1]);
    }
}
