//! The frame of a page: everything that it needs is in it.

use super::escape::{element, empty, escape, script_json};

/// Colours and what else drawings need.
pub const CHART: &str = include_str!("chart.css");
const PAGE: &str = include_str!("page.css");

/// A whole page around `body`, which is markup, with its data for programs: `data` is JSON.
pub fn page(title: &str, body: &str, data: &str) -> String {
    let head = [
        empty("meta", &[("charset", "utf-8")]),
        empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
        empty("meta", &[("name", "color-scheme"), ("content", "light dark")]),
        // Nothing is fetched and nothing runs, whatever got into the page.
        empty(
            "meta",
            &[("http-equiv", "Content-Security-Policy"), ("content", "default-src 'none'; style-src 'unsafe-inline'")],
        ),
        element("title", &[], &escape(title)),
        element("style", &[], &format!("\n{CHART}{PAGE}")),
    ];
    let data = element("script", &[("type", "application/json"), ("id", "data")], &script_json(data));
    let footer = "Times are of the host's clock, from pixels to logits, unless said otherwise. Every timed run gave the digest of the reference \
                  kernels; a device that computed a single wrong bit has no figure. ± is by how much the median of another such run may \
                  differ. Figures marked ! should not be relied on, for the reasons given beside them.";
    let body = format!("{}{}{data}", element("main", &[], body), element("footer", &[], &escape(footer)));
    let html = element(
        "html",
        &[("lang", "en")],
        &format!("{}\n{}", element("head", &[], &head.concat()), element("body", &[], &body)),
    );
    format!("<!DOCTYPE html>\n{html}\n")
}

/// A heading and what it is about.
pub fn section(heading: &str, body: &str) -> String {
    element("section", &[], &format!("{}{body}", element("h2", &[], &escape(heading)))) + "\n"
}

pub fn paragraph(class: &str, text: &str) -> String {
    element("p", &[("class", class)], &escape(text))
}

/// What can be unfolded.
pub fn details(summary: &str, open: bool, body: &str) -> String {
    let inner = format!("{}{body}", element("summary", &[], &escape(summary)));
    element("details", if open { &[("open", "open")] } else { &[] }, &inner) + "\n"
}

/// Names and values.
pub fn facts(facts: &[(&str, String)]) -> String {
    let fact = |(name, value): &(&str, String)| {
        let both = format!("{}{}", element("dt", &[], &escape(name)), element("dd", &[], &escape(value)));
        element("div", &[], &both)
    };
    element("dl", &[("class", "facts")], &facts.iter().map(fact).collect::<String>())
}

/// A table for programs: as a file to save, and as text.
pub fn csv(name: &str, text: &str) -> String {
    let address = super::escape::data_address("text/csv", text);
    let link = element("a", &[("href", address.as_str()), ("download", name)], "Save as CSV");
    let pre = element("pre", &[("tabindex", "0"), ("aria-label", "Figures as CSV")], &escape(text));
    let remark = "The element \"data\" of this page holds all of it as JSON, as benches/README.md describes.";
    format!("{}{}", paragraph("lead", remark), element("p", &[], &link) + &details("Figures as CSV", false, &pre))
}

/// A heading within a section.
pub fn heading(text: &str) -> String {
    element("h3", &[], &escape(text))
}
