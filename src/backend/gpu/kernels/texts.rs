//! The texts of shaders: those that several kernels include are here, a kernel's own are in its file.

/// Defines a constant for the text of each shader, and `TEXTS`, the list of them.
macro_rules! texts {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(
            #[doc = concat!("`shaders/", $file, "`.")]
            pub(crate) const $name: &str = include_str!(concat!("../../../../shaders/", $file));
        )+
        /// The texts of this file.
        pub(super) const TEXTS: &[&str] = &[$($name),+];
    };
}
pub(super) use texts;

texts! {
    COMMON = "include/common.wgsl",
    ROWS = "include/rows.table.wgsl",
    RANKS = "include/ranks.wgsl",
    QUADS = "include/quads.wgsl",
    LANES = "include/lanes.wgsl",
    EPILOGUE = "include/epilogue.wgsl",
    WIDE = "include/wide.wgsl",
    VALUES_EACH = "include/values.each.wgsl",
    VALUES_LANES = "include/values.lanes.wgsl",
    VALUES_QUADS = "include/values.quads.wgsl",
    TEAM = "include/team.wgsl",
}
