//! What is wrong with a configuration: one line each, all at once.
//!
//! Comes in: findings of `load`, `typed` and `validate`. Goes out: a sorted list whose text is stable. Must never: hold
//! a secret's value.

use std::fmt;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// A file's path, `environment variable NAME`, `--set KEY`, or `embedded default`.
    pub name: String,
    /// The line in that file, from 1, where it is known.
    pub line: Option<usize>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What a check has to say of one value, before anyone knows which key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) wrong: String,
    pub(super) next: String,
}

impl Complaint {
    pub(super) fn new(wrong: impl Into<String>, next: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), next: next.into() }
    }

    /// This complaint about the key that it is about.
    pub(super) fn at(self, origin: Origin, key: impl Into<String>) -> Mistake {
        let Self { wrong, next } = self;
        Mistake { origin, key: key.into(), wrong, next }
    }
}

/// One thing that is wrong. Shown as `ORIGIN: KEY: WRONG; NEXT STEP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where the value came from, or the file that lacks it.
    pub origin: Origin,
    /// The dotted key; empty where the whole file is meant.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What is expected instead: the next step.
    pub next: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, key, wrong, next } = self;
        match key.as_str() {
            "" => write!(f, "{origin}: {wrong}; {next}"),
            _ => write!(f, "{origin}: {key}: {wrong}; {next}"),
        }
    }
}

/// Everything that is wrong with a configuration, by line of the file, then by name. Shown one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// The mistakes, in the order they are shown in.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    pub(super) fn add(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Whether `key`, or a table it lies in, is wrong already: then it is not missing as well.
    pub(super) fn blame(&self, key: &str) -> bool {
        self.0.iter().any(|m| {
            !m.key.is_empty() && key.strip_prefix(&m.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Whether anything below `section` is wrong.
    pub(super) fn within(&self, section: &str) -> bool {
        self.0.iter().any(|m| m.key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.')))
    }

    /// `fine` if nothing is wrong.
    pub(super) fn none_or<T>(mut self, fine: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(fine);
        }
        self.0.sort_by_cached_key(|m| {
            (m.origin.line.unwrap_or(usize::MAX), m.origin.name.clone(), m.key.clone(), m.wrong.clone())
        });
        self.0.dedup();
        Err(self)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
