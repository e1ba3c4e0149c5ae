//! What settings of training are about, told by the names that people give them.

/// What a setting of training is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Bits of quantized weights.
    WeightBits,
    /// Bits of quantized activations.
    ActivationBits,
    /// Bits of whatever is quantized.
    Bits,
    /// Name of the data set.
    Dataset,
    /// Folder of the data set, whose name may tell which it is.
    DatasetFolder,
    /// Name of the network.
    Network,
    /// Parameters of quantizers beside the state dict.
    Quantizers,
}

/// Names of settings by topic, in lower case and without anything but letters and digits. They are those of the
/// original code, of its ports, and of code for quantized networks in general.
const NAMES: [(Topic, &[&str]); 6] = [
    (
        Topic::WeightBits,
        &[
            "wbit",
            "wbits",
            "wbitwidth",
            "weightbit",
            "weightbits",
            "weightbitwidth",
            "weightsbits",
            "bitw",
            "bitsw",
            "bitweight",
            "bitsweight",
            "bitweights",
            "bitsweights",
            "nbitw",
            "nbitsw",
            "wnbits",
            "nbitsweight",
            "numbitsweight",
            "wtbit",
            "wtbits",
            "qw",
            "quantw",
            "weightquantbits",
            "wprecision",
            "weightprecision",
        ],
    ),
    (
        Topic::ActivationBits,
        &[
            "abit",
            "abits",
            "abitwidth",
            "actbit",
            "actbits",
            "actbitwidth",
            "activationbit",
            "activationbits",
            "activationbitwidth",
            "activationsbits",
            "bita",
            "bitsa",
            "bitact",
            "bitsact",
            "bitactivation",
            "bitsactivation",
            "bitactivations",
            "bitsactivations",
            "nbita",
            "nbitsa",
            "anbits",
            "nbitsact",
            "numbitsact",
            "fmbit",
            "fmbits",
            "qa",
            "quanta",
            "actquantbits",
            "aprecision",
            "actprecision",
        ],
    ),
    (Topic::Bits, &["bit", "bits", "nbit", "nbits", "numbits", "bitwidth", "qbit", "qbits", "quantbit", "quantbits"]),
    (Topic::Dataset, &["dataset", "datasetname", "dataname", "datasettype", "dset", "datasets"]),
    (Topic::DatasetFolder, &["data", "datadir", "dataroot", "datapath", "datasetdir", "datasetroot", "datasetpath"]),
    (Topic::Network, &["arch", "architecture", "model", "modelname", "modelarch", "net", "network", "netname"]),
];

/// The topic of a setting with this name.
pub(super) fn topic(name: &str) -> Option<Topic> {
    // The longest name in the tables has 18 characters; some may have a few underscores besides.
    let plain = (name.len() <= 2 * 18).then(|| plain(name))?;
    NAMES.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(topic, _)| *topic)
}

/// Letters and digits of a text, in lower case.
pub(in crate::convert) fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
