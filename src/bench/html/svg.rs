//! SVG drawings. Colours are classes in `chart.css`. Text sizes are defined here, where text is clipped to its room.

use super::escape::{element, empty, escape};
use crate::text::is_unprintable;

/// Text sizes.
#[derive(Clone, Copy)]
pub(super) enum Size {
    /// Notes and ticks.
    Small,
    /// Labels.
    Label,
    /// Titles.
    Title,
}

impl Size {
    fn pixels(self) -> f64 {
        match self {
            Size::Small => 11.0,
            Size::Label => 12.5,
            Size::Title => 14.0,
        }
    }
}

/// Which point of a text its position refers to.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        }
    }
}

/// An upper estimate of the width of `text` in pixels, in the widest font that browsers use for `system-ui`.
pub(super) fn width(text: &str, size: Size) -> f64 {
    let ems = text.chars().map(|c| match c {
        'i' | 'j' | 'l' | 'I' | '|' | '\'' | '.' | ',' | ':' | ';' | ' ' | '!' => 0.36,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '-' => 0.44,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.0,
        '+' | '<' | '>' | '=' | '~' => 0.86,
        'A'..='Z' | '_' => 0.76,
        c if c.is_ascii() || c == 'µ' => 0.65,
        '\u{2500}'.. => 1.3,
        _ => 0.95,
    });
    size.pixels() * ems.sum::<f64>()
}

/// `text`, shortened with an ellipsis to `room` pixels. A short remark in parentheses at its end, such as a device's
/// API, is kept.
pub(super) fn clip(text: &str, room: f64, size: Size) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let (head, tail) = match text.rfind(" (") {
        Some(at) if text.ends_with(')') && text.len() - at <= 10 => text.split_at(at),
        _ => (text, ""),
    };
    let room = room - width(tail, size) - size.pixels();
    let mut clipped = head.to_owned();
    while !clipped.is_empty() && width(&clipped, size) > room {
        clipped.pop();
    }
    match clipped.trim_end() {
        "" => String::new(),
        clipped => format!("{clipped}…{tail}"),
    }
}

/// Pixels around a drawing that is a file of its own.
const PADDING: f64 = 16.0;

/// A drawing of a fixed width that grows downwards.
pub(super) struct Svg {
    width: f64,
    body: String,
}

impl Svg {
    /// An empty drawing.
    pub(super) fn new(width: f64) -> Self {
        Svg { width, body: String::new() }
    }

    /// A rectangle; `hint` is shown when the pointer rests on it.
    pub(super) fn rect(&mut self, class: &str, [x, y, w, h]: [f64; 4], hint: &str) {
        let place = [("x", x), ("y", y), ("width", w.max(0.0)), ("height", h)];
        self.shape("rect", class, &place, hint);
    }

    /// A circle; `hint` is shown when the pointer rests on it.
    pub(super) fn circle(&mut self, class: &str, [x, y]: [f64; 2], radius: f64, hint: &str) {
        self.shape("circle", class, &[("cx", x), ("cy", y), ("r", radius)], hint);
    }

    /// A line.
    pub(super) fn line(&mut self, class: &str, [x, y]: [f64; 2], [to_x, to_y]: [f64; 2]) {
        self.shape("line", class, &[("x1", x), ("y1", y), ("x2", to_x), ("y2", to_y)], "");
    }

    fn shape(&mut self, name: &str, class: &str, numbers: &[(&str, f64)], hint: &str) {
        let numbers: Vec<(&str, String)> = numbers.iter().map(|(name, n)| (*name, number(*n))).collect();
        let mut attributes = vec![("class", class)];
        attributes.extend(numbers.iter().map(|(name, n)| (*name, n.as_str())));
        self.body.push_str(&match hint {
            "" => empty(name, &attributes),
            hint => element(name, &attributes, &element("title", &[], &escape(hint))),
        });
    }

    /// Text with its baseline at `y`, clipped to `room` pixels.
    pub(super) fn text(&mut self, size: Size, class: &str, anchor: Anchor, at: [f64; 2], room: f64, text: &str) {
        self.shortened(size, class, anchor, at, room, [text, text]);
    }

    /// The first text; if it is not the second, which is the whole, that is shown when the pointer rests on it.
    pub(super) fn shortened(
        &mut self,
        size: Size,
        class: &str,
        anchor: Anchor,
        [x, y]: [f64; 2],
        room: f64,
        [text, whole]: [&str; 2],
    ) {
        // As `escape` will show them, which may be wider.
        let text = &text.replace(is_unprintable, "\u{fffd}");
        // Bold text is wider.
        let shown = clip(text, if class == "strong" { room / 1.1 } else { room }, size);
        if shown.is_empty() {
            return;
        }
        let hint = if shown == whole { String::new() } else { element("title", &[], &escape(whole)) };
        let (x, y, size) = (number(x), number(y), number(size.pixels()));
        let attributes = [("class", class), ("x", &x), ("y", &y), ("font-size", &size), ("text-anchor", anchor.name())];
        self.body.push_str(&element("text", &attributes, &format!("{hint}{}", escape(&shown))));
    }

    /// The drawing as part of a page. `id` is unique on the page; `class` says at which screen widths it is shown.
    pub(super) fn inline(self, id: &str, class: &str, height: f64, title: &str, description: &str) -> String {
        self.drawing(&[("class", &format!("chart {class}"))], id, height, 0.0, [title, description, ""])
    }

    /// The drawing as a separate file.
    pub(super) fn file(self, height: f64, title: &str, description: &str, style: &str) -> String {
        // A file is shown on pages of other colours: its text keeps a distance from its edges.
        let [width, tall] = [self.width, height].map(|length| number(length + 2.0 * PADDING));
        let name = ("xmlns", "http://www.w3.org/2000/svg");
        let attributes = [name, ("class", "chart"), ("width", &width), ("height", &tall)];
        let style = element("style", &[], style);
        self.drawing(&attributes, "chart", height, PADDING, [title, description, &style]) + "\n"
    }

    fn drawing(
        self,
        attributes: &[(&str, &str)],
        id: &str,
        height: f64,
        padding: f64,
        [title, description, style]: [&str; 3],
    ) -> String {
        let [title_id, description_id] = ["title", "text"].map(|part| format!("{id}-{part}"));
        let [start, width, tall] = [0.0 - padding, self.width + 2.0 * padding, height + 2.0 * padding].map(number);
        let view = format!("{start} {start} {width} {tall}");
        let names = format!("{title_id} {description_id}");
        let mut all = attributes.to_vec();
        all.extend([("viewBox", view.as_str()), ("role", "img"), ("aria-labelledby", names.as_str())]);
        let title = element("title", &[("id", title_id.as_str())], &escape(title));
        let description = element("desc", &[("id", description_id.as_str())], &escape(description));
        element("svg", &all, &format!("{title}{description}{style}{}", self.body))
    }
}

/// A coordinate, to a tenth of a pixel.
fn number(n: f64) -> String {
    let tenths = format!("{n:.1}");
    tenths.strip_suffix(".0").unwrap_or(&tenths).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_their_room() {
        assert_eq!(clip("llvmpipe", 200.0, Size::Label), "llvmpipe");
        let clipped = clip("NVIDIA GeForce RTX 4090 Laptop GPU", 120.0, Size::Label);
        assert!(clipped.ends_with('…') && clipped.starts_with("NVIDIA") && width(&clipped, Size::Label) <= 121.0);
        let kept = clip("box: NVIDIA GeForce RTX 4090 (vulkan)", 160.0, Size::Label);
        assert!(kept.starts_with("box: NV") && kept.ends_with("… (vulkan)"), "{kept}");
        assert_eq!(clip("wide", 5.0, Size::Label), "");
    }
}
