//! The ways to run a kernel. All compute the same bits; which one is fastest depends on the device.

/// Invocations of a workgroup: a multiple of every GPU's subgroup size, and little waste at the ends of small layers.
pub const WORKGROUP_SIZE: u32 = 64;
/// Most invocations of a workgroup that divides the work of one invocation: what every device has room for.
pub(crate) const MAX_TEAM: usize = 128;

/// SIMD units of a middling GPU.
const MIDDLING: usize = 128;
/// Multiply-adds of a lane per second that are measured, roughly: GPUs have clocks of about 1.8 GHz, of which the loop of a probe
/// uses five sixths.
const LANE_RATE: f64 = 1.5e9;

/// The properties of a device that the choice and the text of kernels depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Most workgroups along one dimension of a dispatch.
    pub fold: u32,
    /// Invocations of the device's smallest subgroups, if that is known.
    pub least_subgroup: Option<u32>,
    /// Invocations of a workgroup, where a kernel leaves the choice.
    pub workgroup_size: u32,
    /// Rounds that the loops of one invocation may make together, if the device ends them early.
    pub rounds: Option<usize>,
    /// How many SIMD units it has: places where an instruction is executed for 32 invocations at a time. A power of two.
    pub simd_units: usize,
    /// Images of the batches that are expected: with few, the work of a layer has to be divided further.
    pub images: usize,
    /// Whether counting bits takes longer than the logic that adds words up before they are counted.
    pub adders: bool,
    /// Whether it has an instruction for products of packed bytes.
    pub dots: bool,
    /// Whether kernels that share loads and work within a workgroup are thought faster than the general ones.
    pub sharing: bool,
}

impl Target {
    /// A device of which only `fold` is known.
    pub fn plain(fold: u32) -> Self {
        Target {
            fold: fold.max(1),
            least_subgroup: None,
            workgroup_size: WORKGROUP_SIZE,
            rounds: None,
            simd_units: MIDDLING,
            images: 1,
            adders: false,
            dots: false,
            sharing: true,
        }
    }

    /// The [`simd_units`](Target::simd_units) of a device that does so many fused multiply-adds per second. A power of two, because
    /// neither this rate nor the clock is known well, and what is chosen should stay the same.
    pub fn simd_units_of(multiply_adds: f64) -> usize {
        let simd_units = (multiply_adds / LANE_RATE / 32.0).clamp(1.0, 65_536.0);
        1 << simd_units.log2().round() as u32
    }

    /// Whether the device lets an invocation make so many rounds.
    pub fn allows(&self, rounds: usize) -> bool {
        self.rounds.is_none_or(|most| rounds <= most)
    }
}

/// How the output channels of a layer are divided among invocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Channels of a span: a power of two, and a multiple of the channels of a word unless it covers the layer.
    pub channels: usize,
    /// Invocations of a workgroup: one span or several.
    pub workgroup_size: u32,
}

/// A way to run a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The kernel that can do everything.
    General,
    /// `bitconv.tile.wgsl`.
    Tile(Tile),
    /// `limbconv.dots.wgsl` or `limbconv.floats.wgsl`.
    Strip(Strip),
}

/// How `bitconv.tile.wgsl` divides its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Neighbouring output pixels of an invocation.
    pub pixels: usize,
    /// Words of a plane per step.
    pub words: usize,
    /// Output channels of neighbouring invocations.
    pub span: Span,
    /// Whether products are added up before they are counted.
    pub adders: bool,
}

/// How a convolution of a picture divides its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Strip {
    /// Neighbouring output pixels of an invocation.
    pub pixels: usize,
    /// Output channels of neighbouring invocations.
    pub span: Span,
    /// How it multiplies.
    pub products: Products,
}

/// How bytes are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Products {
    /// Four at once: `dot4I8Packed`.
    Dots,
    /// One by one, as floats.
    Floats,
}

impl Variant {
    /// What it is, in words.
    pub fn description(&self) -> String {
        match self {
            Variant::General => "the general kernel".to_owned(),
            Variant::Strip(Strip { pixels, span: Span { channels, workgroup_size }, products }) => {
                let products = match products {
                    Products::Dots => "packed bytes",
                    Products::Floats => "floats",
                };
                format!(
                    "strips of {pixels} pixels for {channels} channels in groups of {workgroup_size}, as {products}"
                )
            }
            Variant::Tile(Tile { pixels, words, span: Span { channels, workgroup_size }, adders }) => {
                let adders = if *adders { ", carry-save adders" } else { "" };
                format!(
                    "tiles of {pixels} pixels x {words} words for {channels} channels in groups of {workgroup_size}{adders}"
                )
            }
        }
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Variant::General => f.write_str("general"),
            Variant::Strip(Strip { pixels, span, products }) => {
                let products = match products {
                    Products::Dots => "dots",
                    Products::Floats => "floats",
                };
                write!(f, "strip {pixels} {span} {products}")
            }
            Variant::Tile(Tile { pixels, words, span, adders }) => {
                write!(f, "tile {pixels}x{words} {span}{}", if *adders { " adders" } else { "" })
            }
        }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "channels {} lanes {}", self.channels, self.workgroup_size)
    }
}
