//! Hostile packed models: whatever happens to the bytes, reading gives a model or a one-line error.

use crate::common::rng::Rng;
use lq_infer::{Batch, DeviceSelector, Engine, Model};

/// What reading may take beyond the file's own size.
const ALLOWANCE: usize = 64 << 20;

fn bundled() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/resnet20-cifar10-w2a2.safetensors")).unwrap()
}

/// Bytes of the header, length prefix included.
fn header_end(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |b| 8usize.saturating_add(u64::from_le_bytes(*b) as usize))
}

/// Makes the checksum right again, if the file is still a safetensors file with one: hostile content behind valid seals.
fn reseal(bytes: &mut [u8]) {
    use safetensors::SafeTensors;
    let Ok((_, metadata)) = SafeTensors::read_metadata(bytes) else { return };
    let Ok(file) = SafeTensors::deserialize(bytes) else { return };
    let Some(json) = metadata.metadata().as_ref().and_then(|m| m.get("lq-infer")) else { return };
    let mut tensors: Vec<(&str, &[u8])> = file.iter().map(|(name, view)| (name, view.data())).collect();
    tensors.sort();
    let others = tensors.iter().filter(|(name, _)| *name != "checksum");
    let crc = others.fold(crc32c::crc32c(json.as_bytes()), |crc, (_, data)| crc32c::crc32c_append(crc, data));
    let Some((_, seal)) = tensors.iter().find(|(name, data)| *name == "checksum" && data.len() == 4) else { return };
    let at = seal.as_ptr() as usize - bytes.as_ptr() as usize;
    bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    // Mostly the header, where the structure is.
    let limit = if rng.below(8) == 0 { bytes.len() } else { header_end(bytes).clamp(1, bytes.len()) };
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

/// Mutated models that are read here; `fuzz/run` reads more for as long as one likes.
const MUTATIONS: usize = 25_000;

#[test]
fn mutations_neither_panic_nor_pass_unnoticed() {
    let original = bundled();
    let mut rng = Rng::new(1);
    let mut refused = 0;
    for round in 0..MUTATIONS {
        let mut bytes = original.clone();
        for _ in 0..=rng.below(3) {
            mutate(&mut rng, &mut bytes);
            if bytes.is_empty() {
                break;
            }
        }
        if round % 4 > 0 {
            reseal(&mut bytes);
        }
        let (result, peak) = crate::alloc::peak_of(|| Model::from_bytes(&bytes, "mutated"));
        assert!(peak <= bytes.len() + ALLOWANCE, "round {round}: {peak} bytes for a file of {}", bytes.len());
        match result {
            Ok(_) => {}
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with("mutated: ") && !text.contains('\n'), "round {round}: {text}");
                refused += 1;
            }
        }
    }
    assert!(refused > MUTATIONS / 5 * 3, "only {refused} were refused: the mutations do not reach the reader's checks");
}

/// Well-formed files with absurd numbers: lowering refuses them or the network runs; nothing overflows.
#[test]
fn extreme_parameters_run_or_are_refused() {
    const EXTREMES: [f32; 12] = [0.0, -0.0, 1.0, -1.0, 1e-45, -1e-38, 1e-20, -1e-9, 1e9, -1e20, f32::MAX, f32::MIN];
    let original = bundled();
    let engine = Engine::builder().device(DeviceSelector::CpuReference).build().unwrap();
    let start = header_end(&original);
    let mut rng = Rng::new(2);
    let (mut ran, mut refused) = (0, 0);
    for round in 0..400 {
        let mut bytes = original.clone();
        for _ in 0..=rng.below(6) {
            let word = start + rng.below((bytes.len() - start) / 4) * 4;
            let length = [1, 1, 4, 16, 64][rng.below(5)].min((bytes.len() - word) / 4);
            let value = EXTREMES[rng.below(EXTREMES.len())];
            bytes[word..word + 4 * length].copy_from_slice(&value.to_le_bytes().repeat(length));
        }
        reseal(&mut bytes);
        let Ok(model) = Model::from_bytes(&bytes, "extreme") else { continue };
        match engine.prepare(&model) {
            Err(error) => {
                assert!(error.to_string().contains("layer '"), "round {round}: {error}");
                refused += 1;
            }
            Ok(net) => {
                let pixels = (0..32 * 32 * 3).map(|_| rng.next() as u8).collect();
                assert_eq!(net.logits(&Batch::Pixels(pixels), &Default::default()).unwrap()[0].len(), 10);
                ran += 1;
            }
        }
    }
    assert!(ran > 100 && refused > 10, "{ran} ran, {refused} were refused: the numbers do not reach lowering");
}

/// Small files that describe huge work are refused before it begins.
#[test]
fn absurd_graphs_are_refused_or_quick() {
    use lq_infer::internals::graph::{GraphBuilder, Op};
    use lq_infer::internals::lower::{InputKind, lower};
    use lq_infer::internals::tensor::{Shape, Window};
    let pools = |count: usize, window: Window| {
        let mut b = GraphBuilder::new(Shape { h: 1, w: 1, c: 3 });
        for i in 0..count {
            b.push(&format!("pool{i}"), Op::MaxPool { window }, &[i]);
        }
        b.finish()
    };
    let wide = Window { kernel: [1 << 20; 2], before: [(1 << 20) - 1; 2], ..Window::valid(1, 1) };
    assert!(pools(1, wide).unwrap_err().contains("layer 'pool0': pools over"));
    assert!(pools(10_001, Window::valid(1, 1)).unwrap_err().contains("10002 layers"));
    // On a thread with little stack, and not in quadratic time with a large factor.
    let graph = pools(9_000, Window::valid(1, 1)).unwrap();
    let normalize = lq_infer::internals::graph::preprocess::Normalize::TensorOnly { range: 1.0 };
    let lowering = move || lower(&graph, &Default::default(), &normalize, InputKind::Tensor).map(|p| p.steps.len());
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(lowering).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(9_000));
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
        reseal(&mut bytes);
        refuse(&bytes)
    };
    let mut flipped = original.clone();
    *flipped.last_mut().unwrap() ^= 4;
    assert!(refuse(&flipped).contains("is damaged: its contents have the checksum"));
    assert!(refuse(&[]).contains("too short"));
    assert!(refuse(&original[..original.len() - 1]).contains("bytes of tensors, its header describes"));
    assert!(refuse(&u64::MAX.to_le_bytes()).contains("claims 18446744073709551615 bytes"));
    assert!(edit("\\\"version\\\":1", "\\\"version\\\":2").contains("format version 2, this program reads version 1"));
    assert!(
        edit("\"group0/block0/conv1/basis\"", "\"group0/block0/conv1/basiz\"").contains("'group0/block0/conv1/basis'")
    );
    assert!(edit("\\\"outputs\\\":16", "\\\"outputs\\\":17").contains("32x32x17"));
    assert!(edit("\"lq-infer\"", "\"lq-inferx").contains("safetensors"));
}
