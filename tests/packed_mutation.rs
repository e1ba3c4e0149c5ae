//! Hostile packed models: whatever happens to the bytes, reading gives a model or a one-line error.

use lq_infer::Model;

/// xorshift64*: deterministic, and good enough to pick bytes.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

fn bundled() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/resnet20-cifar10-w2a2.safetensors")).unwrap()
}

/// Bytes of the header, length prefix included.
fn header_end(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |b| 8usize.saturating_add(u64::from_le_bytes(*b) as usize))
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    // Mostly the header, where the structure is.
    let limit = if rng.below(8) == 0 { bytes.len() } else { header_end(bytes).min(bytes.len()) };
    let at = rng.below(limit);
    match rng.below(6) {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, rng.next() as u8),
        3 => drop(bytes.remove(at)),
        4 => replace_digit(rng, bytes, at),
        _ => {
            let (from, len) = (rng.below(limit), rng.below(32));
            let block: Vec<u8> = bytes[from..(from + len).min(bytes.len())].to_vec();
            let end = (at + block.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&block[..end - at]);
        }
    }
}

/// Changes the first digit after `at`: valid JSON with a hostile number.
fn replace_digit(rng: &mut Rng, bytes: &mut [u8], at: usize) {
    if let Some(digit) = bytes[at..].iter_mut().find(|b| b.is_ascii_digit()) {
        *digit = b"0123456789"[rng.below(10)];
    }
}

#[test]
fn a_hundred_thousand_mutations_neither_panic_nor_pass_unnoticed() {
    let original = bundled();
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    let mut refused = 0;
    for round in 0..100_000 {
        let mut bytes = original.clone();
        for _ in 0..=rng.below(3) {
            mutate(&mut rng, &mut bytes);
            if bytes.is_empty() {
                break;
            }
        }
        match Model::from_bytes(&bytes, "mutated") {
            Ok(_) => {}
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with("mutated: ") && !text.contains('\n'), "round {round}: {text}");
                refused += 1;
            }
        }
    }
    assert!(refused > 60_000, "only {refused} were refused: the mutations do not reach the reader's checks");
}

#[test]
fn what_is_wrong_is_said() {
    let refuse = |bytes: &[u8]| Model::from_bytes(bytes, "x").unwrap_err().to_string();
    let original = bundled();
    let edit = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len(), "keeps the header's length");
        let at = original.windows(from.len()).position(|w| w == from.as_bytes()).expect(from);
        let mut bytes = original.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        refuse(&bytes)
    };
    assert!(refuse(&[]).contains("too short"));
    assert!(refuse(&original[..original.len() - 1]).contains("no valid safetensors"));
    assert!(refuse(&u64::MAX.to_le_bytes()).contains("claims 18446744073709551615 bytes"));
    assert!(edit("\\\"version\\\":1", "\\\"version\\\":2").contains("format version 2, this program reads version 1"));
    assert!(
        edit("\"group0/block0/conv1/basis\"", "\"group0/block0/conv1/basiz\"").contains("'group0/block0/conv1/basis'")
    );
    assert!(edit("\\\"outputs\\\":16", "\\\"outputs\\\":17").contains("32x32x17"));
    assert!(edit("\"lq-infer\"", "\"lq-inferx").contains("safetensors"));
}
