//! Opened devices.

use crate::call::{Call, control};
use crate::model::{Model, c_text};
use crate::net::Net;
use crate::pointers::{free, give, required, text};
use crate::status::{Status, outcome, usage};
use lq_infer::{EngineBuilder, PrepareOptions};
use std::ffi::{CString, c_char};
use std::ptr::null;
use std::sync::Arc;

/// An opened device.
pub struct Engine {
    inner: lq_infer::Engine,
    device: CString,
}

/// Opens a device: "auto" (also NULL: a hardware GPU, else the CPU), "cpu", "gpu", "vulkan", "metal", "dx12", "gl", an index
/// or an id of lq_devices, or part of a name. `threads` are those of the CPU; 0 for all. `cache` is a folder for what is
/// worth keeping between runs, such as compiled pipelines; NULL for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_engine_new(
    device: *const c_char,
    threads: usize,
    cache: *const c_char,
    out: *mut *mut Engine,
) -> Status {
    // SAFETY: the caller gives texts or NULL, and a valid place.
    outcome(|| unsafe {
        give(out, || {
            let (device, cache) = (text(device, "device")?.unwrap_or("auto"), text(cache, "cache")?);
            let builder = cache.into_iter().fold(lq_infer::Engine::builder().device(device), EngineBuilder::cache);
            let inner = with_threads(builder, threads)?.build()?;
            Ok(Engine { device: c_text(&inner.device_name()), inner })
        })
    })
}

fn with_threads(builder: EngineBuilder, threads: usize) -> Result<EngineBuilder, lq_infer::Error> {
    if threads == 0 {
        return Ok(builder);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| usage(format!("{threads} threads cannot be started: {e}")))?;
    Ok(builder.thread_pool(Arc::new(pool)))
}

/// Frees an engine. Nets on its device go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_engine_free(engine: *mut Engine) {
    // SAFETY: the caller gives NULL or an engine that was not freed.
    unsafe { free(engine) }
}

/// Name of the device with its API, or NULL if `engine` is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_engine_device(engine: *const Engine) -> *const c_char {
    // SAFETY: the caller gives NULL or an engine that was not freed.
    unsafe { engine.as_ref() }.map_or(null(), |engine| engine.device.as_ptr())
}

/// Whether the device was lost, as far as is known. Then every call gives LQ_STATUS_DEVICE_LOST.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_engine_is_lost(engine: *const Engine) -> bool {
    // SAFETY: the caller gives NULL or an engine that was not freed.
    unsafe { engine.as_ref() }.is_some_and(|engine| engine.inner.device_lost().is_some())
}

/// Makes a model ready to run, with memory for `max_batch` images at a time, 1 to 4096; more are run in several
/// batches. `call` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_engine_prepare(
    engine: *const Engine,
    model: *const Model,
    max_batch: usize,
    call: *const Call,
    out: *mut *mut Net,
) -> Status {
    // SAFETY: the caller gives an engine, a model, a call or NULL, and a valid place.
    outcome(|| unsafe {
        give(out, || {
            let control = control(call)?;
            let (engine, model) = (required(engine, "engine")?, required(model, "model")?);
            let options = PrepareOptions { max_batch, control, ..PrepareOptions::default() };
            engine.inner.prepare_with(&model.inner, options).map(Net::new)
        })
    })
}
