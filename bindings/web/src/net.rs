//! Prepared networks.

use crate::input::{batch, picture};
use crate::promise::{object, promise, whole_number};
use js_sys::{Array, Float32Array, Promise};
use lq_infer::{Classification, ClassifyOptions, Control, Digest, GoldenReport, Prediction};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface ClassifyOptions {
    /** How many classes to report, most probable first; 5 if it is left out. */
    topK?: number;
}
export interface Prediction {
    class: number;
    label: string;
    probability: number;
}
export interface Classification {
    top: Prediction[];
    logits: Float32Array;
    /** SHA-256 of the logits: the same on every device, in browsers and outside. */
    digest: string;
}
export interface GoldenReport {
    input: "pixels" | "tensor";
    expected: string;
    found: string;
    holds: boolean;
}
"#;

/// A network that is ready to run on one device.
#[wasm_bindgen]
pub struct Net(pub(crate) lq_infer::Net);

#[wasm_bindgen]
impl Net {
    /// Name of the device.
    #[wasm_bindgen(getter, js_name = deviceName)]
    pub fn device_name(&self) -> String {
        self.0.device_name()
    }

    /// Classifies one picture of any size, preprocessed as the model's file says: ImageData, or the bytes of a PNG, JPEG, WebP,
    /// BMP, GIF or TIFF file.
    #[wasm_bindgen(unchecked_return_type = "Promise<Classification>")]
    pub fn classify(
        &self,
        #[wasm_bindgen(js_name = picture, unchecked_param_type = "ImageData | Uint8Array")] picture_value: JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "ClassifyOptions")] options: JsValue,
    ) -> Promise {
        let net = self.0.clone();
        let work = async move {
            let options = ClassifyOptions { top_k: whole_number(&options, "topK")?, ..Default::default() };
            net.classify_async(picture(&picture_value)?, options).await
        };
        promise(work, classification)
    }

    /// Logits of each image of a batch of any size: pixels [n, h, w, 3], or the tensor that the first layer receives
    /// [n, h, w, c].
    #[wasm_bindgen(unchecked_return_type = "Promise<Float32Array[]>")]
    pub fn logits(
        &self,
        #[wasm_bindgen(js_name = batch, unchecked_param_type = "Uint8Array | Uint8ClampedArray | Float32Array")]
        value: JsValue,
    ) -> Promise {
        let net = self.0.clone();
        let work = async move { net.logits_async(batch(&value)?, Control::default()).await };
        promise(work, |logits| logits.iter().map(|logits| floats(logits)).collect::<Array>().into())
    }

    /// SHA-256 of the logits of all images of a batch, one after the other.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn digest(
        &self,
        #[wasm_bindgen(js_name = batch, unchecked_param_type = "Uint8Array | Uint8ClampedArray | Float32Array")]
        value: JsValue,
    ) -> Promise {
        let net = self.0.clone();
        let work = async move {
            let mut digest = Digest::new();
            let logits = net.logits_async(batch(&value)?, Control::default()).await?;
            logits.iter().for_each(|logits| digest.add(logits));
            Ok(digest.hex())
        };
        promise(work, JsValue::from)
    }

    /// Runs the model's golden vectors: inputs whose logits its file records.
    #[wasm_bindgen(unchecked_return_type = "Promise<GoldenReport[]>")]
    pub fn verify(&self) -> Promise {
        promise(lq_infer::verify_async(&self.0), |reports| reports.iter().map(report).collect::<Array>().into())
    }
}

fn floats(numbers: &[f32]) -> JsValue {
    Float32Array::from(numbers).into()
}

fn classification(found: Classification) -> JsValue {
    let one = |Prediction { class, label, probability }: Prediction| {
        object([("class", (class as f64).into()), ("label", label.into()), ("probability", probability.into())])
    };
    let top: Array = found.top.into_iter().map(one).collect();
    object([("top", top.into()), ("logits", floats(&found.logits)), ("digest", found.digest.into())])
}

fn report(report: &GoldenReport) -> JsValue {
    object([
        ("input", report.input.name().into()),
        ("expected", report.expected.as_str().into()),
        ("found", report.found.as_str().into()),
        ("holds", report.holds().into()),
    ])
}
