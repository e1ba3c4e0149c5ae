//! The identity of all shaders.

use super::{bitconv, diagonals, limbconv, parts, pools, small, strip, texts, tile};
use crate::files::hex;
use sha2::{Digest, Sha256};

/// The texts of all shaders that run networks.
fn all() -> impl Iterator<Item = &'static str> {
    [
        texts::TEXTS,
        bitconv::TEXTS,
        tile::TEXTS,
        diagonals::TEXTS,
        limbconv::TEXTS,
        parts::TEXTS,
        strip::TEXTS,
        pools::TEXTS,
        small::TEXTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// SHA-256 of the text of all shaders that run networks, in hex: says whether two programs run the same kernels.
pub fn shader_hash() -> String {
    let digest = all().fold(Sha256::new(), |sum, text| sum.chain_update(text));
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    /// A shader that is missing in the lists would be left out of the hash.
    #[test]
    fn the_hash_covers_all_shaders() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
        let folders = [root.clone(), root.join("include")];
        let files = folders.iter().flat_map(|f| std::fs::read_dir(f).unwrap().flatten()).map(|f| f.path());
        let is_shader = |f: &PathBuf| f.extension().is_some_and(|e| e == "wgsl");
        let shaders: Vec<PathBuf> = files.filter(is_shader).collect();
        for shader in &shaders {
            let text = std::fs::read_to_string(shader).unwrap();
            assert!(all().any(|known| known == text), "{}", shader.display());
        }
        assert_eq!(shaders.len(), all().count());
    }

    #[test]
    fn every_kernel_names_its_reference() {
        for text in all().filter(|text| text.contains("@compute")) {
            assert!(text.contains("Reference: src/backend/reference/"), "{}", text.lines().next().unwrap_or_default());
        }
    }
}
