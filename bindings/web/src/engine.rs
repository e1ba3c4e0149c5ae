//! Engines: an opened device.

use crate::model::Model;
use crate::net::Net;
use crate::promise::{option, promise, whole_number};
use js_sys::Promise;
use lq_infer::{DeviceSelector, Error, GoldenReport, PrepareOptions, Result};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface PrepareOptions {
    /** Largest batch that memory is set aside for; 1 if it is left out. Larger inputs are run in several batches. */
    maxBatch?: number;
    /** Whether the model's golden vectors are run first: logits that must come out. On WebGPU they are unless this is false. */
    verify?: boolean;
}
"#;

/// An opened device.
#[wasm_bindgen]
pub struct Engine {
    engine: lq_infer::Engine,
    /// Whether it is on WebGPU.
    gpu: bool,
}

#[wasm_bindgen]
impl Engine {
    /// Opens the device: "cpu" or "webgpu".
    #[wasm_bindgen(unchecked_return_type = "Promise<Engine>")]
    pub fn create(#[wasm_bindgen(unchecked_param_type = "\"cpu\" | \"webgpu\"")] device: String) -> Promise {
        let open = async move {
            let (selector, gpu) = match device.as_str() {
                "cpu" => (DeviceSelector::Cpu, false),
                "webgpu" => (DeviceSelector::Gpu, true),
                _ => return Err(Error::Usage(format!("the device is '{device}', expected 'cpu' or 'webgpu'"))),
            };
            let engine = lq_infer::Engine::builder().device(selector).build_async().await?;
            Ok(Engine { engine, gpu })
        };
        promise(open, JsValue::from)
    }

    /// Name of the device, with its API. On WebGPU the browser decides what it tells.
    #[wasm_bindgen(getter, js_name = deviceName)]
    pub fn device_name(&self) -> String {
        self.engine.device_name()
    }

    /// Why the device was lost, if it was. What helps is a new engine, and to prepare the models on it again.
    #[wasm_bindgen(getter, js_name = deviceLost)]
    pub fn device_lost(&self) -> Option<String> {
        self.engine.device_lost()
    }

    /// Makes a model ready to run.
    #[wasm_bindgen(unchecked_return_type = "Promise<Net>")]
    pub fn prepare(
        &self,
        model: &Model,
        #[wasm_bindgen(unchecked_optional_param_type = "PrepareOptions")] options: JsValue,
    ) -> Promise {
        let (engine, gpu, model) = (self.engine.clone(), self.gpu, model.0.clone());
        let work = async move {
            let max_batch = whole_number(&options, "maxBatch")?.unwrap_or(1);
            let verify = option(&options, "verify").map_or(gpu, |wanted| wanted.is_truthy());
            let net = engine.prepare_async(&model, PrepareOptions { max_batch, ..Default::default() }).await?;
            if verify {
                let reports = lq_infer::verify_async(&net).await?;
                reports.iter().try_for_each(|report| checked(report, &net))?;
            }
            Ok(net)
        };
        promise(work, |net| Net(net).into())
    }
}

/// An error unless a golden vector was reproduced.
fn checked(report: &GoldenReport, net: &lq_infer::Net) -> Result<()> {
    if report.holds() {
        return Ok(());
    }
    let GoldenReport { expected, found, .. } = report;
    let (device, model) = (net.device_name(), &net.model().header().name);
    Err(Error::VerificationFailed(format!(
        "{device} computes wrong: logits of {model} have the digest {found}, expected {expected}. Use the CPU"
    )))
}
