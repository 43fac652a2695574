//! The schemas that a schema refers to, and those that they refer to.
//!
//! Comes in: a schema as the registry gave it. Goes out: the texts that must be known to compile it, each once,
//! dependencies first. Must never: go round in circles or fetch without a bound, whatever the registry says.

use super::answer::{Reference, Schema};
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
pub struct References {
    client: Arc<Client>,
    versions: Cache<(String, i32), Arc<Schema>>,
}

impl References {
    /// References within one registry; a failure is remembered for `failure_cache`.
    #[must_use]
    pub fn new(client: Arc<Client>, failure_cache: Duration) -> Self {
        Self { client, versions: Cache::new(LIMIT, failure_cache, Instant::now) }
    }

    /// The texts of everything that `schema` refers to, directly or not: each once, dependencies first.
    ///
    /// # Errors
    /// One of them cannot be fetched, or there are more than a thousand.
    pub async fn resolve(&self, schema: &Schema) -> Result<Vec<String>, Failure> {
        let mut texts: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        // A walk in post-order on a stack of our own: `Leave` is reached once all below it have been left.
        let mut steps: Vec<Step> = below(schema).collect();
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
                    steps.extend(below(&schema));
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
fn below(schema: &Schema) -> impl Iterator<Item = Step> {
    schema.references.iter().rev().cloned().map(Step::Enter)
}
