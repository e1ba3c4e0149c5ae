//! Pictures that cannot be read.

use lq_infer::internals::error::ErrorKind;
use lq_infer::internals::image::decode;
use std::path::Path;

/// The message of the error, which must be one line about the input `sample`.
pub fn problem(bytes: &[u8]) -> String {
    let error = decode(bytes, Path::new("sample")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    let message = error.to_string();
    assert!(message.starts_with("sample: ") && !message.contains('\n'), "{message}");
    message
}
