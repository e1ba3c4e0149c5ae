//! What a device is good at, as far as the choice of kernels depends on it.

use super::info::AdapterInfo;

/// PCI vendor of NVIDIA's GPUs.
const NVIDIA: &str = "10de";

/// In a file, for a number of SIMD units that was not measured; and the largest logarithm of one that was.
const UNKNOWN: u8 = 255;
const MOST_UNITS: u8 = 16;

/// What a device is good at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strengths {
    /// Whether logic is so much faster than counting bits that words should be added up before they are counted.
    pub adders: bool,
    /// Whether it has an instruction for products of packed bytes.
    pub dots: bool,
    /// Whether kernels that share loads and work within a workgroup are faster than those whose invocations each work
    /// alone.
    pub sharing: bool,
    /// The logarithm of the number of SIMD units, if that was measured.
    pub simd_units: Option<u8>,
}

impl Strengths {
    /// What is known without measuring.
    ///
    /// * AMD's GPUs, and as far as is known those of Intel, Qualcomm and Apple, count bits as fast as they add, or nearly so.
    ///   Which of them multiply packed bytes differs from one generation to the next.
    /// * NVIDIA's count the bits of 16 words per clock and multiprocessor, and do logic on 64 or more. All that are still
    ///   supported multiply packed bytes, which Vulkan's shaders can make use of, and converting bytes to floats is slow.
    /// * Rasterisers on CPUs do neither in one instruction; on lavapipe, plain counts and packed bytes were faster. There
    ///   invocations run one after the other, so that they have nothing to share, and have to be stopped at each barrier.
    pub(crate) fn usual(info: &AdapterInfo) -> Self {
        let nvidia = info.pci_id.as_ref().is_some_and(|id| id.starts_with(NVIDIA));
        let dots = nvidia && info.api == "vulkan" || info.software;
        Strengths { adders: nvidia, dots, sharing: !info.software, simd_units: None }
    }

    /// As kept in a file.
    pub(crate) fn to_bytes(self) -> [u8; 4] {
        let [adders, dots, sharing] = [self.adders, self.dots, self.sharing].map(u8::from);
        [adders, dots, sharing, self.simd_units.unwrap_or(UNKNOWN)]
    }

    /// From a file.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let &[adders @ 0..=1, dots @ 0..=1, sharing @ 0..=1, simd_units] = bytes else { return None };
        let simd_units = match simd_units {
            0..=MOST_UNITS => Some(simd_units),
            UNKNOWN => None,
            _ => return None,
        };
        Some(Strengths { adders: adders == 1, dots: dots == 1, sharing: sharing == 1, simd_units })
    }
}
