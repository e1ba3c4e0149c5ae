//! HTML tables.

use super::escape::{element, escape};

/// The content of a table cell, as markup.
pub(super) struct Field(String);

impl Field {
    /// Plain text.
    pub(super) fn text(text: impl AsRef<str>) -> Self {
        Field(escape(text.as_ref()))
    }

    /// Text in the colour of `class`, such as green for a good result.
    pub(super) fn marked(class: &str, text: impl AsRef<str>) -> Self {
        Field(element("span", &[("class", class)], &escape(text.as_ref())))
    }

    /// Text, or a dash.
    pub(super) fn maybe(text: Option<String>) -> Self {
        Field::text(text.unwrap_or_else(|| "-".to_owned()))
    }
}

/// A table under construction. Columns whose names end in `#` contain numbers and are aligned to the right.
pub(super) struct Table<'a> {
    caption: &'a str,
    columns: &'a [&'a str],
    body: String,
}

impl<'a> Table<'a> {
    /// An empty table.
    pub(super) fn new(caption: &'a str, columns: &'a [&'a str]) -> Self {
        Table { caption, columns, body: String::new() }
    }

    /// Adds a row; the first field is its header.
    pub(super) fn row(&mut self, fields: Vec<Field>) {
        let fields = fields.iter().zip(self.columns).enumerate().map(|(at, (field, column))| {
            let class = if column.ends_with('#') { "number" } else { "text" };
            match at {
                0 => element("th", &[("scope", "row"), ("class", class)], &field.0),
                _ => element("td", &[("class", class)], &field.0),
            }
        });
        self.body.push_str(&element("tr", &[], &fields.collect::<String>()));
    }

    /// Adds a heading for the rows that follow.
    pub(super) fn group(&mut self, text: &str) {
        let span = self.columns.len().to_string();
        let text = element("span", &[], &escape(text));
        let field = element("th", &[("scope", "rowgroup"), ("colspan", span.as_str())], &text);
        self.body.push_str(&element("tr", &[("class", "group")], &field));
    }

    /// Adds a remark on the previous row, across the whole width.
    pub(super) fn remark(&mut self, class: &str, text: &str) {
        let span = self.columns.len().to_string();
        let text = element("span", &[("class", class)], &escape(text));
        let field = element("td", &[("colspan", span.as_str())], &text);
        self.body.push_str(&element("tr", &[("class", "remark")], &field));
    }

    /// The table, in a region that scrolls if the table is too wide.
    pub(super) fn finish(self) -> String {
        let head = self.columns.iter().map(|column| {
            let class = if column.ends_with('#') { "number" } else { "text" };
            element("th", &[("scope", "col"), ("class", class)], &escape(column.trim_end_matches('#')))
        });
        let head = element("thead", &[], &element("tr", &[], &head.collect::<String>()));
        let caption = element("caption", &[], &escape(self.caption));
        let body = element("tbody", &[], &self.body);
        let table = element("table", &[], &format!("{caption}{head}{body}"));
        let region = [("class", "scroll"), ("role", "region"), ("tabindex", "0"), ("aria-label", self.caption)];
        element("div", &region, &table)
    }
}
