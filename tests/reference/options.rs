//! How JSON is read against a schema, as config/default.toml says it.
//!
//! Comes in: options, and paths of places. Goes out: what holds at a place.

use super::acts::Acts;
use super::schema::{Schema, Type};
use std::collections::BTreeMap;

/// How JSON says which branch of a union a value is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unions {
    #[default]
    Plain,
    Tagged,
    Auto,
}

/// What a string for `bytes` or `fixed` holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Spelling {
    #[default]
    Latin1,
    Base64,
    Hex,
    Utf8,
}

/// Which keys are a field beside its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Names {
    #[default]
    Exact,
    AnyCase,
    AnyStyle,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) accepted: Acts,
    pub(crate) unions: Unions,
    pub(crate) bytes: Spelling,
    pub(crate) names: Names,
    pub(crate) aliases: bool,
    /// A JSON pointer.
    pub(crate) root: String,
    /// Paths of the schema with what holds there.
    pub(crate) places: Vec<(String, Setting)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Setting {
    Key(String),
    Bytes(Spelling),
    /// Ten to the power of this are the units of a second.
    Epoch(i128),
    Discriminator {
        key: String,
        branches: BTreeMap<String, String>,
    },
    Lossy {
        accepted: Acts,
        refused: Acts,
    },
}

impl Options {
    fn find<'o, T>(&'o self, path: &str, of: impl Fn(&'o Setting) -> Option<T>) -> Option<T> {
        self.places.iter().filter(|(place, _)| place == path).find_map(|(_, setting)| of(setting))
    }

    /// The key of the field at this path.
    pub(crate) fn key<'o>(&'o self, path: &str, name: &'o str) -> &'o str {
        let key = |setting: &'o Setting| if let Setting::Key(key) = setting { Some(key.as_str()) } else { None };
        self.find(path, key).unwrap_or(name)
    }

    pub(crate) fn spelling(&self, path: &str) -> Spelling {
        let spelling = |setting: &Setting| if let Setting::Bytes(spelling) = setting { Some(*spelling) } else { None };
        self.find(path, spelling).unwrap_or(self.bytes)
    }

    pub(crate) fn epoch(&self, path: &str) -> Option<i128> {
        self.find(path, |setting| if let Setting::Epoch(places) = setting { Some(*places) } else { None })
    }

    /// The acts that are accepted at a path, if these are around.
    pub(crate) fn accepted(&self, path: &str, around: Acts) -> Acts {
        self.places.iter().filter(|(place, _)| place == path).fold(around, |around, (_, setting)| match setting {
            Setting::Lossy { accepted, refused } => around.or(*accepted).without(*refused),
            _ => around,
        })
    }

    /// The field that tells the branch of the union at this path, if the union has records to tell.
    pub(crate) fn discriminator(&self, path: &str, branches: &[Type]) -> Option<(&str, &BTreeMap<String, String>)> {
        branches.iter().any(|branch| matches!(branch, Type::Record(_))).then_some(())?;
        self.find(path, |setting| match setting {
            Setting::Discriminator { key, branches } => Some((key.as_str(), branches)),
            _ => None,
        })
    }

    /// The field of a record at this path that a key is.
    pub(crate) fn field(&self, schema: &Schema, record: usize, path: &str, key: &str) -> Option<usize> {
        let fields = &schema.records[record].fields;
        let keys: Vec<&str> =
            fields.iter().map(|field| self.key(&format!("{path}.{}", field.name), &field.name)).collect();
        let exact = keys.iter().position(|own| *own == key);
        exact.or_else(|| {
            fields.iter().zip(keys).position(|(field, own)| {
                self.aliases && field.aliases.iter().any(|alias| self.fold(alias) == self.fold(key))
                    || self.names != Names::Exact && self.fold(own) == self.fold(key)
            })
        })
    }

    /// Whether two fields of a record have one name.
    pub(crate) fn in_conflict(&self, schema: &Schema, record: usize) -> bool {
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        let fields = schema.records[record].fields.iter().enumerate();
        fields.into_iter().any(|(index, field)| {
            let own = (self.names != Names::Exact).then_some(&field.name);
            let aliases = field.aliases.iter().filter(|_| self.aliases);
            own.into_iter().chain(aliases).any(|name| *names.entry(self.fold(name)).or_insert(index) != index)
        })
    }

    fn fold(&self, key: &str) -> String {
        match self.names {
            Names::Exact => key.to_owned(),
            Names::AnyCase => key.to_ascii_lowercase(),
            Names::AnyStyle => key.replace(['_', '-'], "").to_ascii_lowercase(),
        }
    }
}
