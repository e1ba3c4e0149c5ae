//! Runs this program under callgrind and reads the counts.

use crate::common::Outcome;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// The argument that makes this program run the code to be counted.
pub const INSIDE: &str = "--counted";

/// After each call of this function, callgrind writes a file with the counts since the previous one.
const FUNCTION: &str = "instructions::counted::counted*";

pub struct Valgrind(());

impl Valgrind {
    /// None if valgrind is not installed.
    pub fn find() -> Option<Self> {
        let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success()).then_some(Valgrind(()))
    }

    /// The number of instructions of one repeat, by name.
    pub fn count(&self) -> Outcome<BTreeMap<String, u64>> {
        let folder = tempfile::tempdir()?;
        let files = folder.path().join("out");
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!("--dump-after={FUNCTION}"))
            .arg(format!("--callgrind-out-file={}", files.display()))
            .arg(std::env::current_exe()?)
            .arg(INSIDE)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("valgrind: {}", output.status).into());
        }
        let mut instructions = BTreeMap::new();
        let names = String::from_utf8(output.stdout)?;
        // There are three calls for each name: the first ends the count of earlier code, the second does one repeat and
        // the third does two. In the difference of the last two, everything but one repeat cancels.
        for (index, name) in names.lines().enumerate() {
            let [once, twice] = [2, 3].map(|call| total(&files.with_extension((3 * index + call).to_string())));
            instructions.insert(name.to_owned(), difference(name, once?, twice?)?);
        }
        Ok(instructions)
    }
}

fn difference(name: &str, once: u64, twice: u64) -> Outcome<u64> {
    let repeat = twice.checked_sub(once).filter(|&n| n > 0);
    Ok(repeat.ok_or_else(|| format!("{name}: {once} instructions once, {twice} twice: calls were not told apart"))?)
}

/// The total count in a file.
fn total(path: &Path) -> Outcome<u64> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:"));
    Ok(total.ok_or_else(|| format!("{} has no totals", path.display()))?.trim().parse()?)
}
