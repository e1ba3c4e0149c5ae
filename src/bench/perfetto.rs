//! Profiles in the trace event format, which Perfetto (ui.perfetto.dev) and chrome://tracing show.

use crate::backend::{Span, Track};
use crate::session::{Profile, Section};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// The name of the host's section.
const HOST: &str = "lq-infer";

/// A profile in the "JSON object format", one event per line. The program and each net are processes, and each track is
/// a thread. Times are in microseconds since the profile started.
pub fn perfetto(profile: &Profile) -> String {
    let sections = profile.sections();
    let events = (1..).zip(&sections).flat_map(|(process, section)| events(process, section));
    let events: Vec<String> = events.map(|event| event.to_string()).collect();
    let stepped = |s: &&Section| s.timeline.spans.iter().any(|span| span.step.is_some());
    let clock = |s: &Section| json!({ "process": name(s), "clock": s.timeline.clock.to_string() });
    let other = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "steps": sections.iter().filter(stepped).map(clock).collect::<Vec<_>>(),
        "device": "a GPU's times are right relative to each other; the last of a run ends when the host heard of it",
    });
    let events = events.join(",\n");
    format!("{{\"traceEvents\":[\n{events}\n],\"displayTimeUnit\":\"ms\",\"otherData\":{other}}}\n")
}

fn name(section: &Section) -> &str {
    if section.name.is_empty() { HOST } else { &section.name }
}

/// The names of a section's tracks, then its spans in order of their start.
fn events(process: usize, section: &Section) -> Vec<Value> {
    let meta = |thread, kind: &str, args: Value| json!({ "ph": "M", "pid": process, "tid": thread, "name": kind, "args": args });
    let mut events = vec![
        meta(0, "process_name", json!({ "name": name(section) })),
        meta(0, "process_sort_index", json!({ "sort_index": process })),
    ];
    let tracks: BTreeSet<Track> = section.timeline.spans.iter().map(|span| span.track).collect();
    for track in tracks {
        let thread = thread(track);
        events.push(meta(thread, "thread_name", json!({ "name": title(track) })));
        events.push(meta(thread, "thread_sort_index", json!({ "sort_index": thread })));
    }
    let mut spans: Vec<&Span> = section.timeline.spans.iter().collect();
    spans.sort_by_key(|span| span.start);
    events.extend(spans.into_iter().map(|span| event(process, span)));
    events
}

fn event(process: usize, span: &Span) -> Value {
    let mut args = json!({});
    if let Some(step) = span.step {
        args = json!({ "step": step, "kernel": span.kernel });
    }
    json!({
        "ph": "X",
        "pid": process,
        "tid": thread(span.track),
        "name": span.name,
        "cat": if span.kernel.is_empty() { "part" } else { span.kernel },
        "ts": microseconds(span.start),
        "dur": microseconds(span.length),
        "args": args,
    })
}

fn microseconds(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn thread(track: Track) -> usize {
    match track {
        Track::Host => 1,
        Track::Device => 2,
        Track::Thread(index) => 3 + index,
    }
}

fn title(track: Track) -> String {
    match track {
        Track::Host => "host".into(),
        Track::Device => "device".into(),
        Track::Thread(index) => format!("thread {index}"),
    }
}
