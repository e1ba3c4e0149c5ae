//! Errors of the library as JavaScript's: an `Error` whose `name` is "LqInferError" and whose `kind` says which.

use js_sys::Reflect;
use lq_infer::{Error, ErrorKind};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What the methods of this package throw, and what their promises are rejected with. */
export interface LqInferError extends Error {
    name: "LqInferError";
    kind: "bad-model" | "bad-input" | "usage" | "no-device" | "device-limit" | "out-of-memory" | "device-lost" | "device"
        | "verification-failed" | "other";
}
"#;

/// The JavaScript error for `error`.
pub(crate) fn thrown(error: Error) -> JsValue {
    let kind = match error.kind() {
        ErrorKind::BadModel => "bad-model",
        ErrorKind::BadInput => "bad-input",
        ErrorKind::Usage => "usage",
        ErrorKind::NoAdapter => "no-device",
        ErrorKind::DeviceLimit => "device-limit",
        ErrorKind::OutOfMemory => "out-of-memory",
        ErrorKind::DeviceLost => "device-lost",
        ErrorKind::Device => "device",
        ErrorKind::VerificationFailed => "verification-failed",
        _ => "other",
    };
    let thrown = js_sys::Error::new(&error.to_string());
    thrown.set_name("LqInferError");
    // An object that was just made takes properties.
    let _ = Reflect::set(&thrown, &"kind".into(), &kind.into());
    thrown.into()
}
