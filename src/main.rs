//! The `lq-infer` program; see `lq_infer::cli`.

fn main() -> std::process::ExitCode {
    quiet_drivers();
    lq_infer::internals::cli::main()
}

/// Outside of a desktop session, Mesa's device-select layer complains about `XDG_RUNTIME_DIR` for every Vulkan
/// instance. It has nothing to select then, so it is switched off.
fn quiet_drivers() {
    let unset = |name| std::env::var_os(name).is_none();
    if cfg!(target_os = "linux") && unset("XDG_RUNTIME_DIR") && unset("NODEVICE_SELECT") {
        // SAFETY: this is the first thing that `main` does, before any other thread that could read the environment
        // is started.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
