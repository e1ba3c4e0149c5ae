//! Futures of the library as promises.

use crate::errors::thrown;
use js_sys::{Object, Promise, Reflect};
use lq_infer::Result;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

/// A promise of what `work` gives, made JavaScript's by `convert`.
pub(crate) fn promise<T: 'static>(
    work: impl Future<Output = Result<T>> + 'static,
    convert: impl FnOnce(T) -> JsValue + 'static,
) -> Promise {
    future_to_promise(async move { work.await.map(convert).map_err(thrown) })
}

/// An object with these properties.
pub(crate) fn object<const N: usize>(properties: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in properties {
        // An object that was just made takes properties.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

/// The property `name` of `options`, if there are options and it is among them.
pub(crate) fn option(options: &JsValue, name: &str) -> Option<JsValue> {
    let value = options.is_object().then(|| Reflect::get(options, &name.into()).ok()).flatten()?;
    (!value.is_undefined() && !value.is_null()).then_some(value)
}

/// The same as a whole number.
pub(crate) fn whole_number(options: &JsValue, name: &str) -> Result<Option<usize>> {
    let Some(value) = option(options, name) else { return Ok(None) };
    match value.as_f64() {
        Some(number) if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) => {
            Ok(Some(number as usize))
        }
        _ => Err(lq_infer::Error::Usage(format!("{name} is {value:?}, expected a whole number that is not negative"))),
    }
}
