//! Files kept between runs: compiled pipelines, the variants that the tuner chose, results of self-checks. Each
//! belongs to one device and one purpose, in a folder that the caller names. A damaged file counts as absent.

use super::info::AdapterInfo;
use crate::backend::gpu::kernels::shader_hash;
use crate::files::hex;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};

/// First bytes of every file; the number is the version of the format.
const MAGIC: &[u8] = b"lq-infer cache 1\n";
/// Bytes of the checksum behind it.
const CHECKSUM: usize = 32;
/// Larger files are not read.
const MAX_BYTES: u64 = 256 << 20;

/// The files of one device.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    device: String,
}

impl Store {
    /// Files of the device `info` in `folder`. Their names contain a hash of the device's name and PCI id, the API, the
    /// driver and its version, and the version of this crate.
    pub(crate) fn new(folder: PathBuf, info: &AdapterInfo) -> Self {
        let AdapterInfo { name, api, driver, driver_info, pci_id, .. } = info;
        let version = env!("CARGO_PKG_VERSION");
        let device = hash([format!("{version}|{name}|{api}|{driver}|{driver_info}|{pci_id:?}").as_bytes()]);
        Store { folder, device }
    }

    /// The data stored under `name` and `key`; `None` if the file is absent or damaged.
    pub(crate) fn read(&self, name: &str, key: &str) -> Option<Vec<u8>> {
        let path = self.path(name, key);
        if std::fs::metadata(&path).ok()?.len() > MAX_BYTES {
            return None;
        }
        let file = std::fs::read(&path).ok()?;
        let (checksum, data) = file.strip_prefix(MAGIC)?.split_at_checked(CHECKSUM)?;
        (checksum == Sha256::digest(data).as_slice()).then(|| data.to_vec())
    }

    /// Stores `data` under `name` and `key`, whole or not at all. Failing is no error: then nothing is cached.
    pub(crate) fn write(&self, name: &str, key: &str, data: &[u8]) {
        let path = self.path(name, key);
        let attempt = |folder: &Path| -> std::io::Result<()> {
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(MAGIC)?;
            file.write_all(&Sha256::digest(data))?;
            file.write_all(data)?;
            file.persist(&path).map(drop).map_err(|e| e.error)
        };
        attempt(&self.folder).ok();
    }

    fn path(&self, name: &str, key: &str) -> PathBuf {
        self.folder.join(format!("{name}-{}-{key}", self.device))
    }
}

/// Name of the file with the result of the last self-check.
const VERDICT: &str = "verdict";

impl Store {
    /// Why the device failed its last self-check with these shaders, this driver and this version, if it did.
    pub(crate) fn verdict(&self) -> Option<String> {
        let problem = String::from_utf8(self.read(VERDICT, &shaders())?).ok()?;
        (!problem.is_empty()).then_some(problem)
    }

    /// Stores the result of a self-check: what is wrong, if anything.
    pub(crate) fn keep_verdict(&self, problem: Option<&str>) {
        self.write(VERDICT, &shaders(), problem.unwrap_or_default().as_bytes());
    }
}

/// A short hash of the shaders that run quantized networks.
fn shaders() -> String {
    hash([shader_hash().as_bytes()])
}

/// A short hash of these texts, for names of files.
pub(crate) fn hash<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    hex(&hasher.finalize()[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path) -> Store {
        Store { folder: folder.join("made when needed"), device: "device".into() }
    }

    #[test]
    fn what_was_written_is_read_back_by_its_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        assert_eq!(store.read("pipelines", "a"), None);
        store.write("pipelines", "a", b"data");
        assert_eq!(store.read("pipelines", "a"), Some(b"data".to_vec()));
        assert_eq!((store.read("pipelines", "b"), store.read("choices", "a")), (None, None));
        let other = Store { device: "other".into(), ..store };
        assert_eq!(other.read("pipelines", "a"), None);
    }

    #[test]
    fn the_last_verdict_counts() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        assert_eq!(store.verdict(), None);
        store.keep_verdict(Some("it differs"));
        assert_eq!(store.verdict().as_deref(), Some("it differs"));
        store.keep_verdict(None);
        assert_eq!(store.verdict(), None);
    }

    #[test]
    fn damaged_files_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.write("pipelines", "a", b"some data");
        let path = store.path("pipelines", "a");
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(store.read("pipelines", "a"), None, "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, flipped).unwrap();
            assert_eq!(store.read("pipelines", "a"), None, "byte {at}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let store = store(file.path());
        store.write("pipelines", "a", b"data");
        assert_eq!(store.read("pipelines", "a"), None);
    }
}
