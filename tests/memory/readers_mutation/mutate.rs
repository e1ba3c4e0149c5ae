//! Deterministic random damage.

/// Marsaglia's xorshift64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) % limit.max(1) as u64) as usize
    }
}

/// Damages `bytes` in one to three places.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        mutate_once(bytes, random);
    }
}

fn mutate_once(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    let len = random.below(16.min(bytes.len() - at + 1));
    match random.below(7) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 => bytes.truncate(at),
        2 => {
            bytes.insert(at, random.below(256) as u8);
        }
        3 => {
            bytes.drain(at..at + len);
        }
        4 => {
            let copied = bytes[at..at + len].to_vec();
            let to = random.below(bytes.len() - copied.len() + 1);
            bytes[to..to + copied.len()].copy_from_slice(&copied);
        }
        5 => {
            let copied = bytes[at..at + len].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, copied);
        }
        _ => overwrite_number(bytes, at, random),
    }
}

const EXTREMES: [u64; 10] = [0, 1, 0x7f, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 31, u64::MAX, u64::MAX >> 1, 48 << 20];

/// A number as hostile files have it: mostly small or at the end of some range.
pub fn extreme(random: &mut Random) -> u64 {
    if random.below(2) == 0 { random.below(8) as u64 } else { EXTREMES[random.below(EXTREMES.len())] }
}

/// Writes an extreme value over 1 to 8 bytes, as a little-endian integer or as digits.
fn overwrite_number(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let value = extreme(random);
    if random.below(4) == 0 {
        bytes.splice(at..at, value.to_string().bytes());
        return;
    }
    let width = 1 << random.below(4);
    for (byte, new) in bytes.iter_mut().skip(at).zip(&value.to_le_bytes()[..width]) {
        *byte = *new;
    }
}
