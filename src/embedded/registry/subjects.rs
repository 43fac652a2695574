//! What is registered: schemas by id, versions by subject, compatibility levels.
//!
//! An id belongs to a schema's canonical text and its references for as long as the registry lives; a version number
//! belongs to a subject's version for as long, also after both were deleted for good.
//!
//! Comes in: checked requests. Goes out: answers' content, or refusals. Must never: change anything where it refuses.

use super::answer::Refusal;
use super::level::Level;
use super::request::{Reference, SchemaRequest, VersionId};
use super::schema::Schema;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// What a real registry can keep in one Kafka message, bytes of a schema's text.
const LARGEST: usize = 1_000_000;

/// All that the registry knows.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    /// By id - 1.
    pub(super) schemas: Vec<Stored>,
    ids: HashMap<(String, Vec<Reference>), i32>,
    pub(super) subjects: BTreeMap<String, Subject>,
    /// Where a subject has none of its own.
    pub(super) level: Level,
    pub(super) levels: BTreeMap<String, Level>,
}

/// A schema that has an id.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) schema: Schema,
    pub(super) references: Vec<Reference>,
}

/// A subject's versions by number.
#[derive(Debug, Default)]
pub(super) struct Subject {
    pub(super) versions: BTreeMap<i32, Version>,
    /// The highest number that was ever given.
    last: i32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    pub(super) id: i32,
    /// Soft: it still can be read, by those who ask for deleted versions.
    pub(super) deleted: bool,
}

impl Subject {
    pub(super) fn living(&self) -> impl DoubleEndedIterator<Item = (i32, Version)> {
        self.versions.iter().filter(|(_, version)| !version.deleted).map(|(number, version)| (*number, *version))
    }

    fn holds(&self, deleted: bool) -> bool {
        self.versions.values().any(|version| deleted || !version.deleted)
    }
}

impl Subjects {
    /// Makes a schema the subject's next version, unless the subject has it; its id.
    pub(super) fn register(&mut self, subject: &str, request: SchemaRequest) -> Result<i32, Refusal> {
        check_name(subject)?;
        let (schema, references) = self.parse(request, true)?;
        let known = self.id_of(&schema, &references);
        let held = self.subjects.get(subject);
        if held.is_some_and(|held| held.living().any(|(_, version)| Some(version.id) == known)) {
            return known.ok_or_else(Refusal::exhausted);
        }
        let problems = self.level_of(subject).check(&schema, self.earlier(subject).into_iter());
        if !problems.is_empty() {
            return Err(Refusal::incompatible(subject, &problems));
        }
        let number = held.map_or(0, |held| held.last).checked_add(1).ok_or_else(Refusal::exhausted)?;
        let id = match known {
            Some(id) => id,
            None => self.store(schema, references)?,
        };
        self.forget_deleted_twins(subject, id);
        let held = self.subjects.entry(subject.to_owned()).or_default();
        held.versions.insert(number, Version { id, deleted: false });
        held.last = number;
        Ok(id)
    }

    /// The subject's version that holds this very schema, as an answer.
    pub(super) fn lookup(&self, subject: &str, request: SchemaRequest, deleted: bool) -> Result<Value, Refusal> {
        let (schema, references) = self.parse(request, false)?;
        let held = self.subject(subject, deleted)?;
        let id = self.id_of(&schema, &references).ok_or_else(Refusal::schema_not_found)?;
        let found = held.versions.iter().rev().find(|(_, version)| version.id == id && (deleted || !version.deleted));
        let (number, _) = found.ok_or_else(Refusal::schema_not_found)?;
        self.version_answer(subject, *number, id)
    }

    /// What keeps a schema from following the versions that are named; `None`: all that the level looks at.
    pub(super) fn check(
        &self,
        subject: &str,
        version: Option<VersionId>,
        request: SchemaRequest,
    ) -> Result<Vec<String>, Refusal> {
        let mut earlier = self.earlier(subject);
        match version {
            None => {}
            Some(VersionId::Latest) => earlier.truncate(1),
            Some(VersionId::Number(number)) => {
                earlier.retain(|(earlier, _)| *earlier == number);
                if earlier.is_empty() {
                    return Err(Refusal::version_not_found(number));
                }
            }
        }
        let (schema, _) = self.parse(request, true)?;
        Ok(self.level_of(subject).check(&schema, earlier.into_iter()))
    }

    /// A version's number and id.
    pub(super) fn version(&self, subject: &str, version: VersionId, deleted: bool) -> Result<(i32, i32), Refusal> {
        let held = self.subject(subject, deleted)?;
        let mut seen = held.versions.iter().filter(|(_, version)| deleted || !version.deleted);
        let found = match version {
            VersionId::Latest => seen.next_back(),
            VersionId::Number(number) => seen.find(|(seen, _)| **seen == number),
        };
        let wanted = match version {
            VersionId::Latest => -1,
            VersionId::Number(number) => number,
        };
        found.map(|(number, version)| (*number, version.id)).ok_or_else(|| Refusal::version_not_found(wanted))
    }

    /// A version as an answer.
    pub(super) fn version_answer(&self, subject: &str, number: i32, id: i32) -> Result<Value, Refusal> {
        let mut answer = self.by_id(id)?;
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("subject".to_owned(), json!(subject));
            answer.insert("version".to_owned(), json!(number));
            answer.insert("id".to_owned(), json!(id));
        }
        Ok(answer)
    }

    /// A schema as an answer.
    pub(super) fn by_id(&self, id: i32) -> Result<Value, Refusal> {
        let stored = self.stored(id).filter(|_| !self.uses(id, true).is_empty());
        let stored = stored.ok_or_else(|| Refusal::id_not_found(id))?;
        let mut answer = json!({ "schema": stored.schema.text });
        if !stored.references.is_empty() {
            answer["references"] = json!(stored.references);
        }
        Ok(answer)
    }

    /// The subject, where it has a version to show.
    pub(super) fn subject(&self, subject: &str, deleted: bool) -> Result<&Subject, Refusal> {
        let held = self.subjects.get(subject).filter(|held| held.holds(deleted));
        held.ok_or_else(|| Refusal::subject_not_found(subject))
    }

    /// Names of subjects that have living versions, or deleted ones alone, or any.
    pub(super) fn names(&self, living: bool, deleted: bool) -> impl Iterator<Item = &str> {
        let shown = move |held: &Subject| match held.holds(false) {
            true => living,
            false => deleted && held.holds(true),
        };
        self.subjects.iter().filter(move |(_, held)| shown(held)).map(|(name, _)| name.as_str())
    }

    /// The versions that hold a schema.
    pub(super) fn uses(&self, id: i32, deleted: bool) -> Vec<(&str, i32)> {
        let mut uses = Vec::new();
        for (subject, held) in &self.subjects {
            let held = held.versions.iter().filter(|(_, version)| version.id == id && (deleted || !version.deleted));
            uses.extend(held.map(|(number, _)| (subject.as_str(), *number)));
        }
        uses
    }

    /// The level in force for a subject.
    pub(super) fn level_of(&self, subject: &str) -> Level {
        self.levels.get(subject).copied().unwrap_or(self.level)
    }

    pub(super) fn stored(&self, id: i32) -> Option<&Stored> {
        self.schemas.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    fn parse(&self, request: SchemaRequest, new: bool) -> Result<(Schema, Vec<Reference>), Refusal> {
        let (text, references) = request.schema()?;
        if text.len() > LARGEST {
            return Err(Refusal::too_large());
        }
        let (references, texts) = self.resolve(references, !new)?;
        let schema = Schema::parse(&text, &texts, new)
            .map_err(|problem| Refusal::invalid_schema(format!("Invalid schema of type AVRO, details: {problem}")))?;
        Ok((schema, references))
    }

    fn id_of(&self, schema: &Schema, references: &[Reference]) -> Option<i32> {
        self.ids.get(&(schema.text.clone(), references.to_vec())).copied()
    }

    fn store(&mut self, schema: Schema, references: Vec<Reference>) -> Result<i32, Refusal> {
        let id = i32::try_from(self.schemas.len() + 1).map_err(|_| Refusal::exhausted())?;
        self.ids.insert((schema.text.clone(), references.clone()), id);
        self.schemas.push(Stored { schema, references });
        Ok(id)
    }

    /// Living versions, newest first.
    fn earlier(&self, subject: &str) -> Vec<(i32, &Schema)> {
        let living = self.subjects.get(subject).into_iter().flat_map(|held| held.living().rev());
        living.filter_map(|(number, version)| Some((number, &self.stored(version.id)?.schema))).collect()
    }

    /// A schema that comes back under a new number leaves its deleted one, unless others still refer to that.
    fn forget_deleted_twins(&mut self, subject: &str, id: i32) {
        let Some(held) = self.subjects.get(subject) else { return };
        let twins = held.versions.iter().filter(|(_, version)| version.deleted && version.id == id);
        let twins: Vec<i32> = twins
            .map(|(number, _)| *number)
            .filter(|number| self.referrers(subject, *number, true).is_empty())
            .collect();
        if let Some(held) = self.subjects.get_mut(subject) {
            held.versions.retain(|number, _| !twins.contains(number));
        }
    }
}

/// A subject's name must be one that can be written down.
pub(super) fn check_name(subject: &str) -> Result<(), Refusal> {
    let bad = subject.is_empty() || subject.chars().any(char::is_control) || matches!(subject, "__GLOBAL" | "__EMPTY");
    if bad { Err(Refusal::invalid_subject(subject)) } else { Ok(()) }
}
