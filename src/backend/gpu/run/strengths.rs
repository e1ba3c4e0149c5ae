//! Finding out what a device is good at, by timing probes. It is done once per device and kept.

use super::probe::Probe;
use crate::backend::Peak;
use crate::backend::gpu::device::{Gpu, STRENGTHS, Strengths};
use crate::backend::gpu::record::Target;
use crate::backend::peak::{best_rate, rough_rate};
use crate::error::Result;

/// The version of the file's contents, and of what it means to the kernels.
const VERSION: &str = "3";
/// Another way counts as better than the usual one only if it is so much faster: less is noise.
const CLEARLY: f64 = 1.15;

/// The properties of a device that kernels are made for, for batches of `images` images.
pub(crate) fn target(gpu: &Gpu, images: usize) -> Target {
    let Strengths { adders, dots, sharing, simd_units } = strengths(gpu);
    let usual = gpu.target();
    let simd_units = simd_units.map_or(usual.simd_units, |simd_units| 1 << simd_units);
    Target { adders, dots, sharing, simd_units, images: images.max(1), ..usual }
}

/// What is kept of the device; if nothing is, what is usual. A hardware GPU that keeps files is measured the first time.
fn strengths(gpu: &Gpu) -> Strengths {
    *gpu.known_strengths().get_or_init(|| {
        let usual = Strengths::usual(gpu.info());
        let Some(store) = gpu.store().filter(|_| !gpu.info().software) else { return usual };
        if let Some(kept) = store.read(STRENGTHS, VERSION).as_deref().and_then(Strengths::from_bytes) {
            return kept;
        }
        // A device that fails here fails in whatever comes next as well, and that reports it.
        measured(gpu, usual).inspect(|found| store.write(STRENGTHS, VERSION, &found.to_bytes())).unwrap_or(usual)
    })
}

fn measured(gpu: &Gpu, usual: Strengths) -> Result<Strengths> {
    let rate = |probe: Result<Probe>| probe.and_then(|probe| rough_rate(|amount| probe.run(amount)));
    let plain = rate(Probe::new(gpu, Peak::Words))?;
    let added = rate(Probe::adders(gpu))?;
    // What a product of a weight and a colour takes: three products of bytes, of which one in four is wasted on alpha; or
    // two products of floats, and some more for the conversion of the colour.
    let dots = rate(Probe::new(gpu, Peak::ByteProducts))? / 4.0;
    // The only rate that counts by itself. It takes longer, so that the GPU has time to raise its clock.
    let multiply_adds = Probe::floats(gpu).and_then(|probe| best_rate(|amount| probe.run(amount)))?;
    let adders = better(usual.adders, added / plain);
    let simd_units = Some(Target::simd_units_of(multiply_adds).ilog2() as u8);
    Ok(Strengths { adders, dots: better(usual.dots, dots / (multiply_adds / 2.5)), simd_units, ..usual })
}

/// Whether to do what is `advantage` times as fast as the other way, where `usual` says what is usually better.
fn better(usual: bool, advantage: f64) -> bool {
    if usual { advantage * CLEARLY > 1.0 } else { advantage > CLEARLY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_way_stays_unless_the_other_is_clearly_faster() {
        assert_eq!([0.5, 0.9, 1.1, 2.0].map(|advantage| better(false, advantage)), [false, false, false, true]);
        assert_eq!([0.5, 0.9, 1.1, 2.0].map(|advantage| better(true, advantage)), [false, true, true, true]);
    }

    #[test]
    fn what_is_kept_is_read_back() {
        for (number, simd_units) in (0..8).zip([None, Some(0), Some(9), Some(16)].into_iter().cycle()) {
            let strengths =
                Strengths { adders: number & 1 > 0, dots: number & 2 > 0, sharing: number & 4 > 0, simd_units };
            assert_eq!(Strengths::from_bytes(&strengths.to_bytes()), Some(strengths));
        }
        for other in [&[1, 2, 0, 7][..], &[1, 0, 1, 17], &[1, 0, 1], &[]] {
            assert_eq!(Strengths::from_bytes(other), None);
        }
    }

    #[test]
    fn simd_units_follow_from_the_rate_of_multiply_adds() {
        // Radeon RX 6800, GeForce RTX 3060, H200, an integrated GPU; and nonsense.
        let rates = [3840.0 * 2.1e9, 3584.0 * 1.7e9, 16_896.0 * 1.98e9, 768.0 * 1.3e9, 0.0, f64::NAN, f64::INFINITY];
        assert_eq!(rates.map(Target::simd_units_of), [128, 128, 512, 16, 1, 1, 65_536]);
    }
}
