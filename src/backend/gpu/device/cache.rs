//! Files kept between runs: compiled pipelines, the variants that the tuner chose, what the device is good at, results of
//! self-checks. Each belongs to one device and one purpose, in a folder that the caller names. A damaged file counts as absent.

use super::info::AdapterInfo;
use crate::backend::gpu::kernels::shader_hash;
use crate::files::{hex, read_file, replace_file};
use sha2::{Digest, Sha256};
use std::fs::{DirEntry, File};
use std::path::PathBuf;
use std::time::Duration;

/// First bytes of every file; the number is the version of the format.
const MAGIC: &[u8] = b"lq-infer cache 1\n";
/// Bytes of the checksum behind it.
const CHECKSUM: usize = 32;
/// Larger files are not read.
const MAX_BYTES: usize = 256 << 20;
/// Files that were not written for longer than this are removed when another one is written: those of earlier
/// versions and drivers, which nothing reads any more, and those that cost little to make again.
const MAX_AGE: Duration = Duration::from_secs(180 * 24 * 60 * 60);

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
        let file = read_file(&self.path(name, key), MAX_BYTES).ok()?;
        let (checksum, data) = file.strip_prefix(MAGIC)?.split_at_checked(CHECKSUM)?;
        (checksum == Sha256::digest(data).as_slice()).then(|| data.to_vec())
    }

    /// Stores `data` under `name` and `key`, whole or not at all. Failing is no error: then nothing is cached.
    pub(crate) fn write(&self, name: &str, key: &str, data: &[u8]) {
        let checksum = Sha256::digest(data);
        if std::fs::create_dir_all(&self.folder).is_ok() {
            let _ = replace_file(&self.path(name, key), &[MAGIC, &checksum, data].concat());
            self.remove_old(MAX_AGE);
        }
    }

    /// Reads `name` and `key`, changes the data, and writes it back, while no other process does the same.
    pub(crate) fn update(&self, name: &str, key: &str, change: impl FnOnce(Option<Vec<u8>>) -> Vec<u8>) {
        // Where the file system has no locks, the last process to write wins.
        let lock = std::fs::create_dir_all(&self.folder).and_then(|()| File::create(self.folder.join(LOCK)));
        let _locked = lock.inspect(|file| drop(file.lock()));
        self.write(name, key, &change(self.read(name, key)));
    }

    /// Removes files of this cache, of whatever device, that are older than `age`.
    fn remove_old(&self, age: Duration) {
        let old = |entry: &DirEntry| {
            let modified = entry.metadata().and_then(|meta| meta.modified());
            modified.is_ok_and(|time| time.elapsed().is_ok_and(|elapsed| elapsed > age))
        };
        let ours = |entry: &DirEntry| {
            let name = entry.file_name();
            NAMES
                .iter()
                .any(|ours| name.to_str().and_then(|n| n.strip_prefix(ours)).is_some_and(|n| n.starts_with('-')))
        };
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.filter(|entry| ours(entry) && old(entry)).for_each(|entry| drop(std::fs::remove_file(entry.path())));
    }

    fn path(&self, name: &str, key: &str) -> PathBuf {
        self.folder.join(format!("{name}-{}-{key}", self.device))
    }
}

/// Name of the file with the result of the last self-check.
const VERDICT: &str = "verdict";
/// Name of the files with compiled pipelines.
pub(crate) const PIPELINES: &str = "pipelines";
/// Name of the file with the variants that the tuner chose.
pub(crate) const CHOICES: &str = "choices";
/// Name of the file with what the device is good at.
pub(crate) const STRENGTHS: &str = "strengths";
/// Names of all files of a cache.
const NAMES: [&str; 4] = [VERDICT, PIPELINES, CHOICES, STRENGTHS];
/// The file whose lock a process holds while it changes another one.
const LOCK: &str = "lock";

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
    use std::path::Path;

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
    fn updates_do_not_lose_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        std::thread::scope(|scope| {
            for number in 0..8u8 {
                let store = &store;
                scope.spawn(move || {
                    for _ in 0..20 {
                        store.update("choices", "a", |old| [old.unwrap_or_default(), vec![number]].concat());
                    }
                });
            }
        });
        let mut all = store.read("choices", "a").unwrap();
        all.sort_unstable();
        let expected: Vec<u8> = (0..8).flat_map(|number| [number; 20]).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn old_files_of_the_cache_are_removed_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.write("pipelines", "old", b"data");
        let others = store.folder.join("notes-of-the-user");
        std::fs::write(&others, "mine").unwrap();
        store.remove_old(Duration::from_secs(3600));
        assert!(store.read("pipelines", "old").is_some());
        store.remove_old(Duration::ZERO);
        assert_eq!(store.read("pipelines", "old"), None);
        assert!(others.exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.write("pipelines", "a", b"data");
        let path = store.path("pipelines", "a");
        std::fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(store.read("pipelines", "a"), None);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert_eq!(store.read("pipelines", "a"), None);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let store = store(file.path());
        store.write("pipelines", "a", b"data");
        assert_eq!(store.read("pipelines", "a"), None);
    }
}
