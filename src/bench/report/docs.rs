//! Checks that `benches/README.md` describes exactly the fields of the schema.

use super::sample;
use serde_json::Value;
use std::collections::BTreeSet;

/// A field: its path, as written in the document's headings, and its name.
type Field = (String, String);

/// The heading for statistics, which occur in many places.
const TIMES: &str = "Times";

/// Collects the fields of `value`, which is at `path`, recursively.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<Field>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| fields(one, &format!("{path}[]"), found)),
        Value::Object(object) => {
            let path = if object.contains_key("median") { TIMES } else { path };
            for (name, inner) in object {
                found.insert((path.to_owned(), name.clone()));
                fields(inner, format!("{path}.{name}").trim_start_matches('.'), found);
            }
        }
        _ => {}
    }
}

/// The fields that the document describes: code in the first column of the table under each heading.
fn documented(text: &str) -> Vec<Field> {
    let (mut path, mut found) = (None, Vec::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim();
            path = match heading {
                "The report" => Some(String::new()),
                TIMES => Some(TIMES.to_owned()),
                other => other.strip_prefix('`').and_then(|p| p.strip_suffix('`')).map(str::to_owned),
            };
        }
        if let (Some(path), Some(row)) = (&path, line.strip_prefix("| `")) {
            let names = row.split('|').next().unwrap_or_default().split(',');
            found.extend(names.map(|name| (path.clone(), name.trim_matches([' ', '`']).to_owned())));
        }
    }
    found
}

#[test]
fn every_field_is_described_and_every_description_is_of_a_field() {
    let text = include_str!("../../../benches/README.md");
    let mut written = BTreeSet::new();
    fields(&serde_json::to_value(sample::full()).unwrap(), "", &mut written);
    let named = documented(text);
    let named_once: BTreeSet<Field> = named.iter().cloned().collect();
    assert_eq!(named.len(), named_once.len(), "a field is described twice");
    let difference = |a: &BTreeSet<Field>, b: &BTreeSet<Field>| a.difference(b).cloned().collect::<Vec<_>>();
    assert_eq!(difference(&written, &named_once), [], "not described in benches/README.md");
    assert_eq!(difference(&named_once, &written), [], "described in benches/README.md, but never written");
    // The test is not empty: fields on every level were found.
    for field in [("", "schema"), ("cells[].warm.steps[]", "bound"), ("cells[].rival", "times"), (TIMES, "spread")] {
        assert!(written.contains(&(field.0.to_owned(), field.1.to_owned())), "{field:?}");
    }
}
