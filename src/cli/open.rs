//! Models and devices that arguments name.

use super::failure::Failure;
use super::output;
use crate::error::Error;
use crate::session::{DeviceInfo, DeviceSelector, Engine, EngineBuilder, Model};
use std::path::PathBuf;

/// The model in a file, or the bundled one.
pub(super) fn model(path: Option<&PathBuf>) -> Result<Model, Error> {
    let model = path.map_or_else(Model::bundled, Model::open)?;
    output::detail(|| {
        let from = path.map_or("bundled".to_owned(), |path| path.display().to_string());
        let header = model.header();
        format!("model: {} ({from}), {}, W/A {}", header.name, header.network, header.graph.widths())
    });
    Ok(model)
}

/// An engine that keeps what it learns about devices in the user's cache.
pub(super) fn builder() -> EngineBuilder {
    match cache_folder() {
        Some(folder) => Engine::builder().cache(folder),
        None => Engine::builder(),
    }
}

/// Opens the selected device. If that fails, for whatever reason, the exit code is 4, as if there were no such device.
pub(super) fn engine(selector: &str) -> Result<Engine, Failure> {
    let selector = selector.parse().unwrap_or(DeviceSelector::Auto);
    let engine = builder().device(selector).build().map_err(|error| Failure::new(4, error.to_string()))?;
    engine.passed_over().iter().for_each(note_passed_over);
    output::detail(|| {
        let cache = cache_folder().map_or("none".to_owned(), |folder| folder.display().to_string());
        format!("device: {}; cache: {cache}", engine.device_name())
    });
    Ok(engine)
}

/// The selected device, not opened.
pub(super) fn chosen(selector: &str) -> Result<DeviceInfo, Failure> {
    let selector: DeviceSelector = selector.parse().unwrap_or_default();
    let devices = builder().devices();
    let chosen = selector.choose(&devices)?;
    if selector == DeviceSelector::Auto {
        devices.iter().filter(|device| device.passed_over()).for_each(note_passed_over);
    }
    Ok(chosen.clone())
}

fn note_passed_over(device: &DeviceInfo) {
    let problem = device.failed_check.as_deref().unwrap_or_default();
    let name = device.label();
    output::note(&format!("{name} is not used: {problem}. `lq-infer devices --check` checks it again"));
}

/// `LQ_INFER_CACHE` if that is set (`off` for none) and not empty, else a folder in the system's directory for caches of
/// the user.
pub(super) fn cache_folder() -> Option<PathBuf> {
    match std::env::var_os("LQ_INFER_CACHE") {
        Some(setting) if setting == "off" => None,
        Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
        _ => system_folder().map(|folder| folder.join("lq-infer")),
    }
}

fn system_folder() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if cfg!(windows) {
        return folder("LOCALAPPDATA");
    }
    if cfg!(target_os = "macos") {
        return folder("HOME").map(|home| home.join("Library/Caches"));
    }
    folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
}
