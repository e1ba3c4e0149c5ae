//! The ways to run a kernel. All compute the same bits; which one is fastest depends on the device.

/// Invocations of a workgroup: a multiple of every GPU's subgroup size, and little waste at the ends of small layers.
pub const WORKGROUP_SIZE: u32 = 64;
/// Most invocations of a workgroup that divides the work of one invocation: what every device has room for.
pub(crate) const MAX_TEAM: usize = 128;
/// Invocations of a subgroup that read constants for each other: as many vectors arrive with one load.
pub(crate) const SHARERS: usize = 8;

/// The properties of a device that the choice and the text of kernels depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Most workgroups along one dimension of a dispatch.
    pub fold: u32,
    /// Invocations of the device's smallest subgroups, if its shaders may use them.
    pub least_subgroup: Option<u32>,
    /// Invocations of a workgroup, where a kernel leaves the choice.
    pub workgroup_size: u32,
    /// Rounds that the loops of one invocation may make together, if the device ends them early.
    pub rounds: Option<usize>,
}

impl Target {
    /// A device of which only `fold` is known.
    pub fn plain(fold: u32) -> Self {
        Target { fold: fold.max(1), least_subgroup: None, workgroup_size: WORKGROUP_SIZE, rounds: None }
    }

    /// Whether the device lets an invocation make so many rounds.
    pub fn allows(&self, rounds: usize) -> bool {
        self.rounds.is_none_or(|most| rounds <= most)
    }

    /// Whether invocations of a subgroup can read constants for each other.
    pub fn can_share(&self) -> bool {
        self.least_subgroup.is_some_and(|least| least as usize >= SHARERS)
    }
}

/// A way to run a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The kernel that can do everything.
    General,
    /// `bitconv.tile.wgsl`.
    Tile(Tile),
    /// `limbconv.pixels.wgsl`.
    Strip(Strip),
}

/// How `bitconv.tile.wgsl` divides its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Neighbouring output pixels of an invocation.
    pub pixels: usize,
    /// Vectors of four channels at once.
    pub quads: usize,
    /// Words of a plane per step.
    pub words: usize,
    /// Invocations of a workgroup.
    pub workgroup_size: u32,
    /// Whether products are added up before they are counted.
    pub adders: bool,
    /// Whether weights are read once per subgroup.
    pub broadcast: bool,
}

/// How `limbconv.pixels.wgsl` divides its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Strip {
    /// Neighbouring output pixels of an invocation.
    pub pixels: usize,
    /// Invocations of a workgroup.
    pub workgroup_size: u32,
    /// Whether weights are read once per subgroup.
    pub broadcast: bool,
}

impl Variant {
    /// What it is, in words.
    pub fn description(&self) -> String {
        let shared = |broadcast: bool| if broadcast { ", shared weights" } else { "" };
        match self {
            Variant::General => "the general kernel".to_owned(),
            Variant::Strip(Strip { pixels, workgroup_size, broadcast }) => {
                format!("strips of {pixels} pixels in groups of {workgroup_size}{}", shared(*broadcast))
            }
            Variant::Tile(Tile { pixels, quads, words, workgroup_size, adders, broadcast }) => {
                let channels = 4 * quads;
                let adders = if *adders { ", carry-save adders" } else { "" };
                format!(
                    "tiles of {pixels} pixels x {channels} channels x {words} words in groups of {workgroup_size}{adders}{}",
                    shared(*broadcast)
                )
            }
        }
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Variant::General => f.write_str("general"),
            Variant::Strip(Strip { pixels, workgroup_size, broadcast }) => {
                write!(f, "strip {pixels} lanes {workgroup_size}{}", if *broadcast { " broadcast" } else { "" })
            }
            Variant::Tile(t) => {
                let Tile { pixels, quads, words, workgroup_size, .. } = t;
                write!(f, "tile {pixels}x{quads}x{words} lanes {workgroup_size}")?;
                write!(f, "{}{}", if t.adders { " adders" } else { "" }, if t.broadcast { " broadcast" } else { "" })
            }
        }
    }
}
