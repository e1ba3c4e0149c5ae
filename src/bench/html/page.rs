//! The frame of a page, and its building blocks.

use super::escape::{element, empty, escape, script_json};

/// Colours and other styles of drawings.
pub(super) const CHART: &str = include_str!("chart.css");
const PAGE: &str = include_str!("page.css");

/// A whole page with the content `body`, which is markup, and with `data`, which is JSON for programs.
pub(super) fn page(title: &str, body: &str, data: &str) -> String {
    let head = [
        empty("meta", &[("charset", "utf-8")]),
        empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
        empty("meta", &[("name", "color-scheme"), ("content", "light dark")]),
        // Whatever gets into the page, nothing is fetched and no code runs.
        empty(
            "meta",
            &[("http-equiv", "Content-Security-Policy"), ("content", "default-src 'none'; style-src 'unsafe-inline'")],
        ),
        element("title", &[], &escape(title)),
        element("style", &[], &format!("\n{CHART}{PAGE}")),
    ];
    let data = element("script", &[("type", "application/json"), ("id", "data")], &script_json(data));
    let footer = "Times are by the host's clock, from pixels to logits, unless stated otherwise. The logits of every \
                  timed run had the digest that the reference kernels give; a device that computed a single wrong bit \
                  has no figure. ± is how much the median of another such run may differ. Figures marked ! are \
                  doubtful, for the reasons given beside them.";
    let body = format!("{}{}{data}", element("main", &[], body), element("footer", &[], &escape(footer)));
    let html = element(
        "html",
        &[("lang", "en")],
        &format!("{}\n{}", element("head", &[], &head.concat()), element("body", &[], &body)),
    );
    format!("<!DOCTYPE html>\n{html}\n")
}

/// A section with a heading.
pub(super) fn section(heading: &str, body: &str) -> String {
    element("section", &[], &format!("{}{body}", element("h2", &[], &escape(heading)))) + "\n"
}

/// A paragraph of text.
pub(super) fn paragraph(class: &str, text: &str) -> String {
    element("p", &[("class", class)], &escape(text))
}

/// A part of the page that can be expanded.
pub(super) fn details(summary: &str, open: bool, body: &str) -> String {
    let inner = format!("{}{body}", element("summary", &[], &escape(summary)));
    element("details", if open { &[("open", "open")] } else { &[] }, &inner) + "\n"
}

/// A list of names and values.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let fact = |(name, value): &(&str, String)| {
        let both = format!("{}{}", element("dt", &[], &escape(name)), element("dd", &[], &escape(value)));
        element("div", &[], &both)
    };
    element("dl", &[("class", "facts")], &facts.iter().map(fact).collect::<String>())
}

/// CSV as a file to save and as text.
pub(super) fn csv(name: &str, text: &str) -> String {
    let address = super::escape::data_address("text/csv", text);
    let link = element("a", &[("href", address.as_str()), ("download", name)], "Save as CSV");
    let pre = element("pre", &[("tabindex", "0"), ("aria-label", "Figures as CSV")], &escape(text));
    let remark = "This page's source holds all data as JSON, in the element \"data\"; benches/README.md describes it.";
    format!("{}{}", paragraph("lead", remark), element("p", &[], &link) + &details("Figures as CSV", false, &pre))
}

/// A heading within a section.
pub(super) fn heading(text: &str) -> String {
    element("h3", &[], &escape(text))
}
