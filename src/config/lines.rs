//! Which line of a TOML file each key stands on.
//!
//! Comes in: the file's text. Goes out: line numbers by dotted key. Must never: say what a value is (`layer` does).

use std::collections::BTreeMap;
use toml_edit::{ImDocument, TableLike};

/// Line numbers by dotted key. Quoted and nested spellings of a dotted name are one key.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// The lines of this text; none if it is no TOML.
    pub(super) fn read(text: &str) -> Self {
        let mut lines = Self::default();
        if let Ok(document) = ImDocument::parse(text) {
            lines.table(text, "", document.as_table());
        }
        lines
    }

    fn table(&mut self, text: &str, above: &str, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let key = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
            if let Some(span) = table.get_key_value(name).and_then(|(key, _)| key.span()) {
                self.0.entry(key.clone()).or_insert_with(|| line(text, span.start));
            }
            if let Some(inner) = item.as_table_like() {
                self.table(text, &key, inner);
            }
        }
    }

    /// The line of this key.
    pub(super) fn of(&self, key: &str) -> Option<usize> {
        self.0.get(key).copied()
    }

    /// The line of the table that a missing key belongs to: the innermost one that is there.
    pub(super) fn around(&self, key: &str) -> Option<usize> {
        let mut above = key;
        while let Some((table, _)) = above.rsplit_once('.') {
            if let Some(line) = self.of(table).filter(|_| table.contains('.')) {
                return Some(line);
            }
            above = table;
        }
        None
    }
}

/// The line, from 1, of the byte at `offset`.
pub(super) fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
