//! The text of all shaders, and how each kernel of a program becomes a [`Launch`]: constants, buffers and a size.

mod carry_save;
mod convs;
mod epilogue;
mod groups;
mod pixels;
mod pools;
pub(super) mod sharing;
mod small;
mod tile;
mod variant;

pub use variant::{Strip, Target, Tile, Variant};

use super::header::{Header, Port};
use super::record::LANES;
use crate::files::hex;
use crate::fixed::VALUE_MAX;
use crate::lower::{Kernel, Program, TensorId, TensorSpec};
use sha2::{Digest, Sha256};

const COMMON: &str = include_str!("../../../../shaders/include/common.wgsl");
pub(super) const ROWS: &str = include_str!("../../../../shaders/include/rows.table.wgsl");
const RANKS: &str = include_str!("../../../../shaders/include/ranks.wgsl");
const EPILOGUE: &str = include_str!("../../../../shaders/include/epilogue.wgsl");
const WIDE: &str = include_str!("../../../../shaders/include/wide.wgsl");
const VALUES_EACH: &str = include_str!("../../../../shaders/include/values.each.wgsl");
const VALUES_QUADS: &str = include_str!("../../../../shaders/include/values.quads.wgsl");
const BITCONV: &str = include_str!("../../../../shaders/bitconv.wgsl");
const LIMBCONV: &str = include_str!("../../../../shaders/limbconv.wgsl");
const QUANTIZE: &str = include_str!("../../../../shaders/quantize.wgsl");
pub(super) const SHARED_SUBGROUP: &str = include_str!("../../../../shaders/include/shared.subgroup.wgsl");
pub(super) const SHARED_EACH: &str = include_str!("../../../../shaders/include/shared.each.wgsl");
const BITCONV_TILE: &str = include_str!("../../../../shaders/bitconv.tile.wgsl");
const LIMBCONV_PIXELS: &str = include_str!("../../../../shaders/limbconv.pixels.wgsl");
const POINTWISE: &str = include_str!("../../../../shaders/pointwise.wgsl");
const MAXPOOL: &str = include_str!("../../../../shaders/maxpool.wgsl");
const AVGPOOL: &str = include_str!("../../../../shaders/avgpool.wgsl");
const MAXPOOL_QUADS: &str = include_str!("../../../../shaders/maxpool.quads.wgsl");
const AVGPOOL_QUADS: &str = include_str!("../../../../shaders/avgpool.quads.wgsl");
const SPLIT: &str = include_str!("../../../../shaders/split.wgsl");
const SLICE: &str = include_str!("../../../../shaders/slice.wgsl");
const LEVELS: &str = include_str!("../../../../shaders/levels.wgsl");
const JOIN: &str = include_str!("../../../../shaders/join.wgsl");

/// All of them.
const ALL: [&str; 23] = [
    COMMON,
    ROWS,
    RANKS,
    EPILOGUE,
    WIDE,
    VALUES_EACH,
    VALUES_QUADS,
    BITCONV,
    LIMBCONV,
    QUANTIZE,
    SHARED_SUBGROUP,
    SHARED_EACH,
    BITCONV_TILE,
    LIMBCONV_PIXELS,
    POINTWISE,
    MAXPOOL,
    AVGPOOL,
    MAXPOOL_QUADS,
    AVGPOOL_QUADS,
    SPLIT,
    SLICE,
    LEVELS,
    JOIN,
];

/// SHA-256 of the text of all shaders that run networks, in hex: says whether two programs run the same kernels.
pub fn shader_hash() -> String {
    hex(&ALL.iter().fold(Sha256::new(), |sum, text| sum.chain_update(text)).finalize())
}

/// What a shader's port is connected to.
#[derive(Clone, Debug)]
pub enum Source {
    /// A tensor of the program.
    Tensor(TensorId),
    /// Weights or tables, uploaded once.
    Words(Vec<u32>),
    /// Nothing: the shader does not use it with these constants.
    Absent,
}

/// A kernel made ready for one program.
pub struct Launch {
    /// Constants of the kernel.
    pub header: Header,
    /// Buffers in order of their bindings.
    pub ports: Vec<(Port, Source)>,
    /// Invocations per image and layer.
    pub per_image: usize,
    /// Layers of the dispatch: its size along z.
    pub layers: usize,
    /// Invocations of a workgroup.
    pub lanes: u32,
    /// Whole files behind the header, in order.
    pub files: Vec<&'static str>,
}

impl Launch {
    /// A launch of `per_image` invocations without buffers or constants of its own yet.
    pub(super) fn new(per_image: usize, files: &[&'static str]) -> Self {
        let mut header = Header::default();
        header.signed("VALUE_MAX", VALUE_MAX).shape("PER_IMAGE", per_image);
        let files = [COMMON].into_iter().chain(files.iter().copied()).collect();
        Launch { header, ports: Vec::new(), per_image, layers: 1, lanes: LANES, files }
    }

    pub(super) fn read(&mut self, name: &'static str, element: &'static str, source: Source) -> &mut Self {
        self.ports.push((Port { name, element, write: false }, source));
        self
    }

    pub(super) fn write(&mut self, name: &'static str, element: &'static str, tensor: Option<TensorId>) -> &mut Self {
        let source = tensor.map_or(Source::Absent, Source::Tensor);
        self.ports.push((Port { name, element, write: true }, source));
        self
    }
}

/// The ways to run `kernel`, the one that is best as far as known first.
pub fn variants(kernel: &Kernel, program: &Program, target: &Target) -> Vec<Variant> {
    let tensors = Tensors(&program.tensors);
    let mut variants: Vec<Variant> = match kernel {
        Kernel::BitConv(k) => tile::tiles(k, tensors, target).into_iter().map(Variant::Tile).collect(),
        Kernel::LimbConv(k) => pixels::strips(k, tensors, target).into_iter().map(Variant::Strip).collect(),
        _ => Vec::new(),
    };
    variants.push(Variant::General);
    variants
}

/// What `kernel` looks like: layers with the same signature take the same time.
pub fn signature(kernel: &Kernel, program: &Program) -> String {
    let tensors = Tensors(&program.tensors);
    let list = |ids: Vec<TensorId>| -> String {
        let specs = ids.into_iter().map(|id| tensors.get(id));
        specs.map(|spec| format!(" {} {:?}", spec.shape, spec.repr.without_scale())).collect()
    };
    let own = match kernel {
        Kernel::BitConv(k) => {
            format!(" {} {} planes {} parts {}", k.window, k.stored_planes(), k.parts.len(), k.channel_words())
        }
        Kernel::LimbConv(k) => format!(" {} {} words", k.window, k.words),
        _ => String::new(),
    };
    format!("{}{own}:{} <-{}", kernel.name(), list(kernel.writes()), list(kernel.reads()))
}

/// Whether `next` can be done by the launch of `kernel`, the step before it.
pub fn takes(kernel: &Kernel, next: &Kernel, program: &Program) -> bool {
    pools::takes(kernel, next, Tensors(&program.tensors))
}

/// The launch of one kernel in one of its [`variants`], and of the one that it [`takes`].
pub fn launch(kernel: &Kernel, next: Option<&Kernel>, variant: &Variant, program: &Program) -> Launch {
    let tensors = Tensors(&program.tensors);
    match kernel {
        Kernel::BitConv(k) => match variant {
            Variant::Tile(tile) => tile::bitconv(k, tile, tensors),
            _ => convs::bitconv(k, tensors),
        },
        Kernel::LimbConv(k) => match variant {
            Variant::Strip(strip) => pixels::limbconv(k, strip, tensors),
            _ => convs::limbconv(k, tensors),
        },
        Kernel::LimbSum(k) => convs::limbsum(k, tensors),
        Kernel::Quantize(k) => small::quantize(k, tensors),
        Kernel::Pointwise(k) => small::pointwise(k, tensors),
        Kernel::MaxPool(k) => {
            pools::maxpool(k, if let Some(Kernel::Quantize(q)) = next { Some(q) } else { None }, tensors)
        }
        Kernel::AvgPool(k) => {
            pools::avgpool(k, if let Some(Kernel::Split(s)) = next { Some(s) } else { None }, tensors)
        }
        Kernel::Split(k) => small::split(k, tensors),
        Kernel::Slice(k) => small::slice(k, tensors),
        Kernel::Levels(k) => small::levels(k, tensors),
        Kernel::Join(k) => small::join(k, tensors),
    }
}

/// The tensors of a program by id.
#[derive(Clone, Copy)]
struct Tensors<'a>(&'a [TensorSpec]);

impl<'a> Tensors<'a> {
    fn get(self, id: TensorId) -> &'a TensorSpec {
        &self.0[id]
    }

    /// Channels of an optional tensor.
    fn channels(self, id: Option<TensorId>) -> usize {
        id.map_or(0, |id| self.get(id).shape.c)
    }
}

#[cfg(test)]
mod tests {
    /// Whoever adds a shader and forgets it in the table would leave it out of the hash.
    #[test]
    fn the_hash_covers_all_shaders() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
        // Pixels of textures are imported beside the networks' kernels.
        let files =
            [root.clone(), root.join("include")].into_iter().flat_map(|f| std::fs::read_dir(f).unwrap().flatten());
        let shaders =
            files.filter(|f| f.file_name().to_str().is_some_and(|n| n.ends_with(".wgsl") && n != "pixels.wgsl"));
        let texts: Vec<String> = shaders.map(|f| std::fs::read_to_string(f.path()).unwrap()).collect();
        assert_eq!(texts.len(), super::ALL.len());
        assert!(texts.iter().all(|text| super::ALL.contains(&text.as_str())));
    }

    use super::*;

    #[test]
    fn every_shader_names_its_reference() {
        let kernels = [
            BITCONV,
            BITCONV_TILE,
            LIMBCONV_PIXELS,
            LIMBCONV,
            QUANTIZE,
            POINTWISE,
            MAXPOOL,
            MAXPOOL_QUADS,
            AVGPOOL,
            AVGPOOL_QUADS,
            SPLIT,
            SLICE,
            LEVELS,
            JOIN,
        ];
        for text in kernels {
            assert!(text.contains("Reference: src/backend/reference/"), "{}", text.lines().next().unwrap_or_default());
        }
    }
}
