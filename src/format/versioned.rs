//! JSON that says of which version it is.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Parses JSON with a field `version`, which must be `version`; checked first, since other versions have other fields.
/// `what` names the text in errors.
pub(crate) fn parse_versioned<T: DeserializeOwned>(text: &str, what: &str, version: u32) -> Result<T, String> {
    #[derive(Deserialize)]
    struct VersionOnly {
        version: u32,
    }
    let bad = |error| format!("{what}: {error}");
    let VersionOnly { version: found } = serde_json::from_str(text).map_err(bad)?;
    if found != version {
        return Err(format!("{what} has format version {found}, this program reads version {version}"));
    }
    serde_json::from_str(text).map_err(bad)
}
