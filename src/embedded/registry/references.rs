//! Schemas that refer to others: what a schema needs to be read, and who needs it.
//!
//! Nothing can refer to what is not registered yet, so references have no cycles; a version number is never given
//! twice, so they always mean the same.
//!
//! Comes in: references. Goes out: texts, dependencies first, each once; ids of referrers. Must never: recurse, since a
//! chain of references can be as long as the registry is large.

use super::answer::Refusal;
use super::request::{Reference, VersionId};
use super::subjects::Subjects;
use std::collections::{BTreeSet, HashSet};

impl Subjects {
    /// References with their versions as numbers, and the texts of all that they lead to. `deleted`: they may lead to
    /// versions that were deleted softly, as those of schemas that are there already may.
    pub(super) fn resolve(
        &self,
        mut references: Vec<Reference>,
        deleted: bool,
    ) -> Result<(Vec<Reference>, Vec<String>), Refusal> {
        let mut ids = Vec::new();
        for reference in &mut references {
            let (number, id) = self.target(reference, deleted)?;
            reference.version = number;
            ids.push(id);
        }
        let mut texts = Vec::new();
        let mut met = HashSet::new();
        let mut stack: Vec<(i32, bool)> = ids.into_iter().rev().map(|id| (id, false)).collect();
        while let Some((id, behind_its_own)) = stack.pop() {
            let Some(stored) = self.stored(id) else { continue };
            if behind_its_own {
                texts.push(stored.schema.text.clone());
            } else if met.insert(id) {
                stack.push((id, true));
                for reference in stored.references.iter().rev() {
                    stack.push((self.target(reference, true)?.1, false));
                }
            }
        }
        Ok((references, texts))
    }

    fn target(&self, reference: &Reference, deleted: bool) -> Result<(i32, i32), Refusal> {
        let Reference { subject, version, .. } = reference;
        let wanted = match *version {
            -1 => Ok(VersionId::Latest),
            number if number > 0 => Ok(VersionId::Number(number)),
            _ => Err(()),
        };
        // The latest means a living one.
        let deleted = deleted && wanted != Ok(VersionId::Latest);
        wanted.and_then(|wanted| self.version(subject, wanted, deleted).map_err(|_| ())).map_err(|()| {
            let message = format!("No schema reference found for subject \"{subject}\" and version {version}");
            Refusal::invalid_schema(format!("Invalid schema of type AVRO, details: {message}"))
        })
    }

    /// The ids of schemas that refer to a version and are held by some version themselves, soft-deleted ones included
    /// if `deleted`.
    pub(super) fn referrers(&self, subject: &str, number: i32, deleted: bool) -> BTreeSet<i32> {
        let refers = |reference: &Reference| reference.subject == subject && reference.version == number;
        let ids = (1..).zip(&self.schemas).filter(|(_, stored)| stored.references.iter().any(refers));
        ids.map(|(id, _)| id).filter(|id| !self.uses(*id, deleted).is_empty()).collect()
    }
}
