//! Compatibility levels: which earlier versions of a subject a new schema must read, be read by, or both.
//!
//! Comes in: a level, a schema, the versions before it. Goes out: what stands between them, in Confluent's words. Must
//! never: look at a version that the level does not ask for.

use super::compatibility::differences;
use super::difference::Difference;
use super::schema::Schema;

/// Earlier schemas are quoted in messages up to this length, bytes.
const QUOTED: usize = 10 * 1024;

/// A compatibility level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Level {
    None,
    #[default]
    Backward,
    BackwardTransitive,
    Forward,
    ForwardTransitive,
    Full,
    FullTransitive,
}

impl Level {
    const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// Reads a level's name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    fn transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }

    /// What keeps a schema from following these versions, which come newest first; nothing where it may.
    pub(super) fn check<'a>(self, new: &Schema, earlier: impl Iterator<Item = (i32, &'a Schema)>) -> Vec<String> {
        if self == Self::None {
            return Vec::new();
        }
        let most = if self.transitive() { usize::MAX } else { 1 };
        for (version, old) in earlier.take(most) {
            let mut messages = self.between(new, old);
            if !messages.is_empty() {
                messages.push(format!("{{oldSchemaVersion: {version}}}"));
                messages.push(quoted(&old.text));
                messages.push(format!("{{validateFields: 'false', compatibility: '{}'}}", self.name()));
                return messages;
            }
        }
        Vec::new()
    }

    fn between(self, new: &Schema, old: &Schema) -> Vec<String> {
        let mut messages = Vec::new();
        let mut tell = |differences: Vec<Difference>, reader: &str, writer: &str| {
            messages.extend(differences.iter().map(|difference| difference.message(reader, writer)));
        };
        if matches!(self, Self::Forward | Self::ForwardTransitive | Self::Full | Self::FullTransitive) {
            tell(differences(old, new), "old", "new");
        }
        if matches!(self, Self::Backward | Self::BackwardTransitive | Self::Full | Self::FullTransitive) {
            tell(differences(new, old), "new", "old");
        }
        messages
    }
}

fn quoted(text: &str) -> String {
    if text.len() <= QUOTED {
        return format!("{{oldSchema: '{text}'}}");
    }
    let cut = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= QUOTED).last().unwrap_or_default();
    format!("{{oldSchema: <truncated> '{}...'}}", text.get(..cut).unwrap_or_default())
}
