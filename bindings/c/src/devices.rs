//! The devices of this machine.

use crate::model::c_text;
use crate::status::{Status, outcome, usage};
use std::ffi::{c_char, c_void};

/// A device. The texts are valid while the function is called that is given it.
#[repr(C)]
pub struct Device {
    /// What selects it by number.
    pub index: usize,
    /// What selects it, the same in every run.
    pub id: *const c_char,
    /// Name that the driver gives it.
    pub name: *const c_char,
    /// "cpu", "vulkan", "metal", "dx12" or "gl".
    pub api: *const c_char,
    /// Whether it is a GPU in software, which computes on the CPU.
    pub software: bool,
    /// Why it cannot be used, or NULL.
    pub problem: *const c_char,
}

/// Calls `each` with every device, in the order of their indices, and with `user`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_devices(
    each: Option<unsafe extern "C" fn(device: *const Device, user: *mut c_void)>,
    user: *mut c_void,
) -> Status {
    outcome(|| {
        let each = each.ok_or_else(|| usage("each is NULL"))?;
        for info in lq_infer::devices() {
            let texts = [&info.id, &info.name, &info.api].map(|text| c_text(text));
            let problem = info.unusable.as_deref().or(info.failed_check.as_deref()).map(c_text);
            let [id, name, api] = texts.each_ref().map(|text| text.as_ptr());
            let problem = problem.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
            let device = Device { index: info.index, id, name, api, software: info.software, problem };
            // SAFETY: the caller's function takes a device, which lives until it returns.
            unsafe { each(&device, user) };
        }
        Ok(())
    })
}
