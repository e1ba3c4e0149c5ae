//! Models.

use crate::errors::thrown;
use js_sys::Array;
use wasm_bindgen::prelude::*;

/// A packed model.
#[wasm_bindgen]
pub struct Model(pub(crate) lq_infer::Model);

#[wasm_bindgen]
impl Model {
    /// A model from the bytes of a packed file. Errors give `name`, if there is one.
    #[wasm_bindgen(js_name = fromBytes)]
    pub fn from_bytes(bytes: &[u8], name: Option<String>) -> Result<Model, JsValue> {
        let name = name.as_deref().unwrap_or("model");
        lq_infer::Model::from_bytes(bytes, name).map(Model).map_err(thrown)
    }

    /// The model inside this package: a CIFAR-10 ResNet-20 with 2-bit weights and activations.
    pub fn bundled() -> Result<Model, JsValue> {
        lq_infer::Model::bundled().map(Model).map_err(thrown)
    }

    /// Its name.
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        self.0.header().name.clone()
    }

    /// Labels of its classes; empty if it has none.
    #[wasm_bindgen(getter, unchecked_return_type = "string[]")]
    pub fn labels(&self) -> Array {
        self.0.header().labels.iter().map(|label| JsValue::from(label.as_str())).collect()
    }

    /// Height, width and channels of its input.
    #[wasm_bindgen(getter, js_name = inputShape, unchecked_return_type = "[number, number, number]")]
    pub fn input_shape(&self) -> Array {
        let shape = self.0.header().graph.input_shape();
        [shape.h, shape.w, shape.c].into_iter().map(|extent| JsValue::from(extent as f64)).collect()
    }

    /// Whether it takes pictures, or only the first layer's tensor.
    #[wasm_bindgen(getter, js_name = takesPictures)]
    pub fn takes_pictures(&self) -> bool {
        self.0.takes_pixels()
    }
}
