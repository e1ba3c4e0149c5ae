//! Pages are well-formed and self-contained, and no text in a drawing leaves it or covers another.

mod contrast;
mod markup;

use super::svg::{Size, width};
use crate::bench::compare::{Comparison, NamedReport};
use crate::bench::report::{Device, Report, sample};
use markup::{Element, elements};
use std::collections::HashSet;

fn compared(reports: Vec<Report>) -> Comparison {
    let named =
        reports.into_iter().enumerate().map(|(at, report)| NamedReport { name: format!("box{at}</script>"), report });
    Comparison::new(named.collect())
}

fn page(report: Report) -> String {
    super::report(&compared(vec![report]))
}

/// Pages of every kind of report.
fn pages() -> Vec<String> {
    let empty = Report { devices: Vec::new(), cells: Vec::new(), ..sample::full() };
    let mut odd = sample::full();
    for warm in odd.cells.iter_mut().filter_map(|cell| cell.warm.as_mut()) {
        (warm.images_per_second, warm.wall.median, warm.wall.spread) = (1e308, -1.0, 1e308);
        for step in &mut warm.steps {
            (step.seconds, step.words, step.bytes) = (0.0, 1e300, -1.0);
        }
    }
    let reports = [sample::full(), sample::many(), sample::hostile(), empty, odd];
    let mut pages: Vec<String> = reports.into_iter().map(page).collect();
    pages.push(super::comparison(&compared(vec![sample::many(), sample::hostile(), sample::many()])));
    pages
}

fn drawings() -> [String; 3] {
    let both = compared(vec![sample::many(), sample::many()]);
    [super::report_svg(&sample::many()), super::report_svg(&sample::hostile()), super::comparison_svg(&both)]
}

#[test]
fn pages_are_well_formed() {
    for page in pages() {
        let all = elements(&page);
        let ids: Vec<&str> = all.iter().filter_map(|e| e.attribute("id")).collect();
        let unique: HashSet<&str> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len());
        for named in all.iter().filter_map(|e| e.attribute("aria-labelledby")) {
            assert!(named.split(' ').all(|id| unique.contains(id)), "{named}");
        }
        let count = |name: &str| all.iter().filter(|e| e.name == name).count();
        assert_eq!((count("h1"), count("main"), count("html")), (1, 1, 1));
        assert_eq!(all[0].attribute("lang"), Some("en"));
        assert_eq!(count("table"), count("caption"));
        assert!(all.iter().filter(|e| e.name == "th").all(|e| e.attribute("scope").is_some()));
        for svg in all.iter().enumerate().filter(|(_, e)| e.name == "svg").map(|(at, _)| at) {
            let has = |name: &str| all.iter().any(|e| e.name == name && e.parent == Some(svg) && !e.text.is_empty());
            assert!(has("title") && has("desc"));
        }
    }
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    for text in pages().iter().chain(&drawings()) {
        for element in elements(text) {
            let known = [
                "html", "head", "meta", "title", "style", "body", "main", "footer", "script", "section", "h1", "h2",
                "h3", "p", "dl",
            ];
            let more = [
                "div", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "ul", "li",
                "details", "summary",
            ];
            let drawn = ["pre", "a", "svg", "desc", "rect", "line", "circle", "text"];
            let name = element.name.as_str();
            assert!(known.contains(&name) || more.contains(&name) || drawn.contains(&name), "{element:?}");
            if name == "script" {
                assert_eq!(element.attribute("type"), Some("application/json"));
                serde_json::from_str::<serde_json::Value>(&element.text).unwrap();
            }
            if name == "style" {
                assert!(!element.text.contains("url(") && !element.text.contains("@import"));
            }
            for (attribute, value) in &element.attributes {
                let fetches = ["src", "srcset", "action", "data", "poster", "style"].contains(&attribute.as_str());
                assert!(!fetches && !attribute.starts_with("on"), "{attribute}");
                assert!(attribute != "href" || value.starts_with("data:text/csv;"), "{value}");
            }
        }
    }
}

#[test]
fn pages_hold_the_report() {
    let report = sample::hostile();
    let text = page(report.clone());
    let all = elements(&text);
    let data = all.iter().find(|e| e.attribute("id") == Some("data")).unwrap();
    let [found, expected] = [data.text.clone(), serde_json::to_string(&report).unwrap()]
        .map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
    assert!(found == expected);
    let csv = all.iter().find(|e| e.name == "pre").unwrap();
    assert!(csv.text.lines().count() > report.cells.len());

    let report = sample::full();
    let text = page(report.clone());
    let all = elements(&text);
    let shown = |text: &str| all.iter().any(|e| e.text.contains(text));
    let warm = report.cells[0].warm.as_ref().unwrap();
    let fields = [
        &report.host.cpu,
        &report.host.os,
        &report.shaders[..12].to_owned(),
        &report.began,
        &warm.noise[0],
        &warm.steps[29].layer,
    ];
    for text in fields {
        assert!(shown(text), "{text}");
    }
    for text in
        ["244 µs", "31 %", "4100 ± 31 % !", "lost halfway", "10de:2684", "f32 by WGSL", "3.40x", "no figure: a remark"]
    {
        assert!(shown(text), "{text}");
    }
    // Devices that are right, wrong and missing.
    let many = super::report(&compared(vec![sample::many()]));
    assert!(many.contains("abababab right") && many.contains("WRONG") && many.contains("computed wrong logits"));
    assert!(many.contains("did not come back") && many.contains("interrupted") && many.contains("short run"));
}

/// Left, top, right and bottom of a text.
fn place(text: &Element) -> [f64; 4] {
    let size = text.number("font-size");
    let scale = size / 12.5 * if text.attribute("class") == Some("strong") { 1.05 } else { 1.0 };
    let wide = width(&text.text, Size::Label) * scale;
    let left = match text.attribute("text-anchor").unwrap() {
        "start" => text.number("x"),
        "middle" => text.number("x") - wide / 2.0,
        _ => text.number("x") - wide,
    };
    [left, text.number("y") - 0.75 * size, left + wide, text.number("y") + 0.25 * size]
}

/// Problems with the drawings of a document.
fn misplaced(document: &str) -> Vec<String> {
    let all = elements(document);
    let mut problems = Vec::new();
    for (svg, drawing) in all.iter().enumerate().filter(|(_, e)| e.name == "svg") {
        let view: Vec<f64> = drawing.attribute("viewBox").unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
        // A file has a margin around its content, which begins at 0.
        let [right, bottom] = [0, 1].map(|at| view[at + 2] + 2.0 * view[at] + 1.0);
        let inside = |[l, t, r, b]: [f64; 4]| l >= -1.0 && t >= -1.0 && r <= right && b <= bottom;
        let texts: Vec<&Element> = all.iter().filter(|e| e.name == "text" && e.parent == Some(svg)).collect();
        let places: Vec<[f64; 4]> = texts.iter().map(|text| place(text)).collect();
        for (at, (text, place)) in texts.iter().zip(&places).enumerate() {
            if !inside(*place) {
                problems.push(format!("{} leaves the drawing: {place:?} of {view:?}", text.text));
            }
            // Estimated widths may be off by a little.
            let covers = |o: &[f64; 4]| {
                o[0] + 2.0 < place[2] && place[0] + 2.0 < o[2] && o[1] + 2.0 < place[3] && place[1] + 2.0 < o[3]
            };
            if let Some(other) = places[..at].iter().position(covers) {
                problems.push(format!("{} covers {}", text.text, texts[other].text));
            }
        }
        for shape in all.iter().filter(|e| e.name == "rect" && e.parent == Some(svg)) {
            let (x, y) = (shape.number("x"), shape.number("y"));
            if !inside([x, y, x + shape.number("width"), y + shape.number("height")]) {
                problems.push(format!("{shape:?} leaves the drawing"));
            }
        }
    }
    problems
}

#[test]
fn texts_stay_in_their_drawings_and_apart() {
    for document in pages().iter().chain(&drawings()) {
        assert_eq!(misplaced(document), [""; 0]);
    }
    // The check itself can fail.
    let drawing = |x: f64, y: f64| {
        let mut svg = super::svg::Svg::new(100.0);
        for [x, y] in [[5.0, 20.0], [x, y]] {
            svg.text(Size::Small, "", super::svg::Anchor::Start, [x, y], 99.0, "a text");
        }
        misplaced(&svg.file(50.0, "", "", ""))
    };
    assert_eq!(drawing(5.0, 40.0), [""; 0]);
    assert!(drawing(8.0, 25.0)[0].contains("covers") && drawing(90.0, 40.0)[0].contains("leaves"));
}

#[test]
fn two_gpus_are_told_apart_in_drawings_and_pages() {
    let run = |name: &str| {
        let mut report = sample::full();
        report.devices[0].name = format!("NVIDIA GeForce {name}");
        report.devices[0].id = format!("vulkan:10de:2504:{name}");
        report
    };
    let both = compared(vec![run("RTX 3060"), run("RTX 3090")]);
    for document in [super::comparison_svg(&both), super::comparison(&both)] {
        let all = elements(&document);
        for number in ["3060", "3090"] {
            let drawn = |e: &&Element| e.name == "text" && e.text.contains(number) && e.text.ends_with("(vulkan)");
            assert!(all.iter().filter(drawn).count() > 0, "no label with {number}");
        }
    }
}

/// Peaks that launches exceed are neither drawn nor compared with.
#[test]
fn disturbed_peaks_are_not_drawn() {
    let mut report = sample::full();
    let sure = page(report.clone());
    assert!(sure.contains("measured peaks") && sure.contains("words/s"));
    for step in report.cells.iter_mut().filter_map(|cell| cell.warm.as_mut()).flat_map(|warm| &mut warm.steps) {
        if step.bound == crate::bench::report::Bound::Popcount {
            step.share = 401.22;
        }
    }
    let doubted = page(report);
    assert!(doubted.contains("something disturbed the probes") && !doubted.contains("measured peaks"));
    assert!(!doubted.contains("40122 %"));
}

#[test]
fn labels_name_devices_shortly() {
    let mut report = sample::full();
    report.devices =
        ["cpu-avx2", "llvmpipe (LLVM 15)"].map(|name| Device { name: name.into(), ..report.devices[0].clone() }).into();
    report.devices[0].api = "cpu".into();
    let names = crate::bench::names::Names::of([&report]);
    let names: Vec<String> = [0, 4].map(|at| super::subjects::device_name(&names, &report, &report.cells[at])).into();
    assert_eq!(names, ["cpu-avx2", "llvmpipe (vulkan)"]);
}
