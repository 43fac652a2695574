//! A schema as the registry gave it -> a schema with all that it refers to, and that they refer to.
//!
//! Comes in: an id, a version of a subject. Goes out: a [`Resolved`] schema. Must never: go round in circles or fetch
//! without a bound, whatever the registry says.

use super::Resolved;
use super::answer::{Reference, Schema, Version};
use super::cache::Cache;
use super::client::Client;
use super::failure::{Failure, Reason};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most schemas that one schema may draw in. Real ones draw in tens.
const LIMIT: usize = 1000;

/// Resolves references. A version of a subject never changes, so each is asked once.
#[derive(Debug)]
pub(super) struct References {
    client: Arc<Client>,
    versions: Cache<(String, i32), Arc<Schema>>,
}

impl References {
    /// References within one registry.
    #[must_use]
    pub(super) fn new(client: Arc<Client>) -> Self {
        // A failure is not remembered here: who resolves references waits between tries, or remembers it himself.
        Self { client, versions: Cache::new(LIMIT, Duration::ZERO, Instant::now) }
    }

    /// A version of a subject, with what it refers to.
    ///
    /// # Errors
    /// A reference cannot be fetched, or there are more than a thousand.
    pub(super) async fn complete(&self, found: Version) -> Result<Resolved, Failure> {
        let references = self.below(&found.schema).await?;
        let (subject, version) = (Some(found.subject), Some(found.version));
        Ok(Resolved { id: found.id, subject, version, schema: found.schema.text, references })
    }

    /// The schema with this id, with what it refers to.
    ///
    /// # Errors
    /// As [`Self::complete`], and `schema_not_found`.
    pub(super) async fn by_id(&self, id: i32) -> Result<Resolved, Failure> {
        let schema = self.client.by_id(id).await?;
        let references = self.below(&schema).await?;
        Ok(Resolved { id, subject: None, version: None, schema: schema.text, references })
    }

    /// The texts of everything that `schema` refers to, directly or not: each once, dependencies first.
    async fn below(&self, schema: &Schema) -> Result<Vec<String>, Failure> {
        let mut texts: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        // A walk in post-order on a stack of our own: `Leave` is reached once all below it have been left.
        let mut steps: Vec<Step> = enter(schema).collect();
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(reference) => {
                    if !seen.insert((reference.subject.clone(), reference.version)) {
                        continue;
                    }
                    if seen.len() > LIMIT {
                        let what = format!("the schema refers to more than {LIMIT} others");
                        return Err(Failure::new(Reason::InvalidSchema, what));
                    }
                    let schema = self.fetch(&reference).await?;
                    steps.push(Step::Leave(Arc::clone(&schema)));
                    steps.extend(enter(&schema));
                }
                // Two subjects may hold the same text, and a name may be defined only once.
                Step::Leave(schema) if texts.contains(&schema.text) => {}
                Step::Leave(schema) => texts.push(schema.text.clone()),
            }
        }
        Ok(texts)
    }

    async fn fetch(&self, reference: &Reference) -> Result<Arc<Schema>, Failure> {
        let (subject, version) = (&reference.subject, reference.version);
        let ask = || async { Ok(Arc::new(self.client.version(subject, version).await?.schema)) };
        self.versions.get((subject.clone(), version), ask).await
    }
}

enum Step {
    Enter(Reference),
    Leave(Arc<Schema>),
}

/// The first reference comes last, where the stack takes it from.
fn enter(schema: &Schema) -> impl Iterator<Item = Step> {
    schema.references.iter().rev().cloned().map(Step::Enter)
}
