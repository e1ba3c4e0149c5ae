//! Pictures on the GPU, for display, and back from there.

use crate::state::Picture;
use eframe::egui::{ColorImage, Context, TextureHandle, TextureOptions};
use lq_infer::Pixels;
use std::path::Path;
use std::sync::Arc;

/// Pictures up to this edge are magnified without smoothing, so that one sees their pixels.
const TINY: usize = 128;

/// The picture on display.
#[derive(Default)]
pub(crate) struct Textures {
    shown: Option<Shown>,
}

struct Shown {
    picture: Arc<Picture>,
    whole: TextureHandle,
    seen: TextureHandle,
}

impl Textures {
    /// Makes textures of `picture`, if that is another one than before.
    pub(super) fn follow(&mut self, context: &Context, picture: Option<&Arc<Picture>>) {
        let Some(picture) = picture else { return self.shown = None };
        if self.shown.as_ref().is_none_or(|shown| !Arc::ptr_eq(&shown.picture, picture)) {
            let [whole, seen] = [&picture.shown, &picture.seen].map(|pixels| texture(context, pixels));
            self.shown = Some(Shown { picture: picture.clone(), whole, seen });
        }
    }

    /// The picture.
    pub(super) fn whole(&self) -> Option<&TextureHandle> {
        self.shown.as_ref().map(|shown| &shown.whole)
    }

    /// The picture as the network gets it.
    pub(super) fn seen(&self) -> Option<&TextureHandle> {
        self.shown.as_ref().map(|shown| &shown.seen)
    }
}

fn texture(context: &Context, pixels: &Pixels) -> TextureHandle {
    let options =
        if pixels.width.max(pixels.height) <= TINY { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
    context.load_texture("picture", ColorImage::from_rgb([pixels.width, pixels.height], &pixels.rgb), options)
}

/// Saves a picture of the window as a PNG.
pub(crate) fn save(window: &ColorImage, path: &Path) -> Result<(), String> {
    let rgb: Vec<u8> = window.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let [width, height] = window.size.map(|edge| edge as u32);
    image::save_buffer_with_format(path, &rgb, width, height, image::ColorType::Rgb8, image::ImageFormat::Png)
        .map_err(|error| format!("{}: {error}", path.display()))
}
