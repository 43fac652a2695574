//! Places of a schema that have settings of their own, and what these say.
//!
//! Comes in: paths as refusals print them (`$.order.items[*].price`, `[*]` for every element of an array or map). Goes out:
//! their steps. Must never: know a schema.

use super::timed::Format;
use super::{Acts, BytesText};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// One setting of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub path: Path,
    /// What.
    pub setting: Setting,
}

/// What a place can have for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A field's key in JSON, if not its name.
    Key(String),
    /// What a string for `bytes` or `fixed` holds.
    Bytes(BytesText),
    /// How a date, time or timestamp is spelt.
    Time {
        /// `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, or a strptime pattern.
        format: String,
        /// Seconds east of Greenwich, for patterns that do not say.
        offset: Option<i32>,
    },
    /// The field that names the branch of a union, in the objects themselves.
    Discriminator {
        /// The field's key.
        key: String,
        /// What it says -> the branch's full name; what is not here is a branch's full or short name.
        branches: BTreeMap<String, String>,
    },
    /// Lossy acts that are accepted here and below, and those that are refused, unlike around.
    Lossy {
        /// These are accepted.
        accepted: Acts,
        /// These are refused.
        refused: Acts,
    },
}

impl Setting {
    /// Whether a text is the format of a time.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn time_format(text: &str) -> Result<(), &'static str> {
        Format::new(text, None).map(drop)
    }
}

/// A path from a schema's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a record's field, by its name in the schema.
    Field(String),
    /// Into every element of an array, or every value of a map.
    Elements,
}

impl Path {
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }
}

/// The text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathError;

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut rest = text.strip_prefix('$').ok_or(PathError)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("[*]") {
                steps.push(Step::Elements);
                rest = after;
                continue;
            }
            let name = rest.strip_prefix('.').ok_or(PathError)?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at_checked(end).filter(|_| end > 0).ok_or(PathError)?;
            steps.push(Step::Field(name.to_owned()));
            rest = after;
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|step| match step {
            Step::Field(name) => write!(f, ".{name}"),
            Step::Elements => f.write_str("[*]"),
        })
    }
}
