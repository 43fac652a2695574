//! Deletion in two steps: softly, so that data can still be decoded, then for good.
//!
//! Comes in: a subject or one of its versions. Goes out: the numbers that were deleted. Must never: delete what a
//! schema of another subject refers to.

use super::answer::Refusal;
use super::request::VersionId;
use super::subjects::Subjects;

impl Subjects {
    /// Deletes a subject's versions: the living ones softly, or all for good once all are deleted softly.
    pub(super) fn delete_subject(&mut self, subject: &str, permanent: bool) -> Result<Vec<i32>, Refusal> {
        let held = self.subject(subject, true)?;
        if !permanent && held.living().next().is_none() {
            return Err(Refusal::subject_soft_deleted(subject));
        }
        let going = held.versions.iter().filter(|(_, version)| permanent || !version.deleted);
        let going: Vec<(i32, bool)> = going.map(|(number, version)| (*number, version.deleted)).collect();
        for (number, deleted) in &going {
            if self.needed_elsewhere(subject, *number, permanent) {
                return Err(Refusal::reference_exists(subject, *number));
            }
            if permanent && !deleted {
                return Err(Refusal::subject_not_soft_deleted(subject));
            }
        }
        for (number, _) in &going {
            self.end_version(subject, *number, permanent);
        }
        Ok(going.into_iter().map(|(number, _)| number).collect())
    }

    /// Deletes one version, softly, or for good once it is deleted softly; its number.
    pub(super) fn delete_version(
        &mut self,
        subject: &str,
        version: VersionId,
        permanent: bool,
    ) -> Result<i32, Refusal> {
        // The latest means a living one where there is one.
        let living = self.version(subject, version, false);
        let (number, _) = living.or_else(|_| self.version(subject, version, true))?;
        let deleted = self.subject(subject, true)?.versions.get(&number).is_some_and(|version| version.deleted);
        if !permanent && deleted {
            return Err(Refusal::version_soft_deleted(subject, number));
        }
        if !self.referrers(subject, number, permanent).is_empty() {
            return Err(Refusal::reference_exists(subject, number));
        }
        if permanent && !deleted {
            return Err(Refusal::version_not_soft_deleted(subject, number));
        }
        self.end_version(subject, number, permanent);
        Ok(number)
    }

    /// Whether a schema that another subject holds refers to a version.
    fn needed_elsewhere(&self, subject: &str, number: i32, deleted: bool) -> bool {
        let referrers = self.referrers(subject, number, deleted);
        referrers.into_iter().any(|id| self.uses(id, deleted).iter().any(|(holder, _)| *holder != subject))
    }

    fn end_version(&mut self, subject: &str, number: i32, permanent: bool) {
        let Some(held) = self.subjects.get_mut(subject) else { return };
        if permanent {
            held.versions.remove(&number);
            // The subject stays, empty, for the numbers that it has given out.
            if held.versions.is_empty() {
                self.levels.remove(subject);
            }
        } else if let Some(version) = held.versions.get_mut(&number) {
            version.deleted = true;
        }
    }
}
