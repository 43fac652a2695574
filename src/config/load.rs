//! The layers of a configuration, put on top of each other: embedded defaults < file < environment < flags.
//!
//! Comes in: a file's path, `KEY=VALUE` flags, the environment. Goes out: a checked `Config`, or every mistake. Must
//! never: know a single key (`keys` does).

use super::layer::{EMBEDDED, Layer, PREFIX};
use super::lines::Lines;
use super::mistake::{Complaint, Mistake, Mistakes, Origin};
use super::typed::Typed;
use super::{Config, validate};
use figment::Figment;
use figment::value::{Tag, Value};
use std::ffi::OsString;
use std::path::Path;

/// The only source of defaults, which is the reference of all keys as well.
const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Loads and checks a configuration: the file, over it the variables `JSON2AVRO__...` out of `environment`, over them
/// `sets` (`KEY=VALUE`, the key dotted).
///
/// # Errors
/// Everything that is wrong, in a stable order. The text holds no secret.
pub fn load(
    file: &Path,
    sets: &[String],
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, Mistakes> {
    let mut mistakes = Mistakes::default();
    let name = file.display().to_string();
    let text = super::file::text(file).map_err(|why| {
        let origin = Origin { name: name.clone(), line: None };
        Complaint::new(format!("cannot be read: {why}"), "check the path and the permissions").at(origin, "")
    });
    let Some(mut sources) = Sources::read(name, text, &mut mistakes) else {
        return Err(mistakes);
    };
    sources.variables(environment, &mut mistakes);
    sources.flags(sets, &mut mistakes);
    check(&sources, file.parent().unwrap_or(Path::new("")), mistakes)
}

/// As [`load`] for a file with this text, which need not exist: `name` stands for it in messages, relative paths begin
/// at the working directory, nothing lies over it.
///
/// # Errors
/// Those of [`load`].
pub fn load_text(name: &str, text: String) -> Result<Config, Mistakes> {
    let mut mistakes = Mistakes::default();
    match Sources::read(name.to_owned(), Ok(text), &mut mistakes) {
        Some(sources) => check(&sources, Path::new(""), mistakes),
        None => Err(mistakes),
    }
}

fn check(sources: &Sources, folder: &Path, mut mistakes: Mistakes) -> Result<Config, Mistakes> {
    let typed = Typed::new(sources, &mut mistakes);
    let config = validate::config(&typed, folder, &mut mistakes);
    mistakes.none_or(config)
}

/// All layers, and where each value is from.. No `Debug`: it may hold secrets.
pub(super) struct Sources {
    layers: Figment,
    file: String,
    lines: Lines,
}

impl Sources {
    /// The defaults and the file; none if the file cannot be read at all.
    fn read(name: String, text: Result<String, Mistake>, mistakes: &mut Mistakes) -> Option<Self> {
        let layers = Layer::toml(EMBEDDED, DEFAULTS).and_then(|(defaults, _)| {
            text.and_then(|text| Ok((defaults, Layer::toml(&name, &text)?, Lines::read(&text))))
        });
        match layers {
            Ok((defaults, (values, twice), lines)) => {
                let sources = Self { layers: Figment::from(defaults).merge(values), file: name, lines };
                for key in twice {
                    let complaint = Complaint::new("is there twice, quoted and nested", "keep one of the two");
                    mistakes.add(complaint.at(sources.place(&key), key));
                }
                Some(sources)
            }
            Err(mistake) => {
                mistakes.add(mistake);
                None
            }
        }
    }

    fn variables(&mut self, environment: impl IntoIterator<Item = (OsString, OsString)>, mistakes: &mut Mistakes) {
        let mut ours: Vec<(String, OsString)> = environment
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_str()?.strip_prefix(PREFIX)?.to_owned(), text)))
            .collect();
        ours.sort();
        for (name, text) in ours {
            match Layer::variable(&name, text.to_str()) {
                Ok(layer) => self.layers = std::mem::take(&mut self.layers).merge(layer),
                Err(mistake) => mistakes.add(mistake),
            }
        }
    }

    fn flags(&mut self, sets: &[String], mistakes: &mut Mistakes) {
        for set in sets {
            match Layer::flag(set) {
                Ok(layer) => self.layers = std::mem::take(&mut self.layers).merge(layer),
                Err(mistake) => mistakes.add(mistake),
            }
        }
    }

    /// Everything, merged.
    pub(super) fn values(&self) -> Result<Value, Complaint> {
        self.layers.find_value("").map_err(|error| Complaint::new(format!("cannot be merged: {error}"), "report this"))
    }

    /// Where the value at `key` with this tag is from.
    pub(super) fn origin(&self, tag: Tag, key: &str) -> Origin {
        match self.layers.get_metadata(tag).map(|metadata| metadata.name.as_ref()) {
            Some(name) if name != self.file => Origin { name: name.to_owned(), line: None },
            _ => Origin { name: self.file.clone(), line: self.lines.of(key) },
        }
    }

    /// The file's line of `key`, wherever its value is from.
    pub(super) fn place(&self, key: &str) -> Origin {
        Origin { name: self.file.clone(), line: self.lines.of(key) }
    }

    /// Where a key that is missing would belong.
    pub(super) fn around(&self, key: &str) -> Origin {
        Origin { name: self.file.clone(), line: self.lines.around(key) }
    }
}
