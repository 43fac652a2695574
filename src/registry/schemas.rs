//! Schema id -> schema, for readers and for a pipeline that names an id.
//!
//! Comes in: an id, from a frame or the config. Goes out: the schema with all that it refers to, asked once and kept.
//! Must never: ask twice at a time for one id, take a failure for an answer.

use super::Resolved;
use super::cache::Cache;
use super::client::Client;
use super::failure::Failure;
use super::references::References;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As many as Confluent's own clients keep.
const CAPACITY: usize = 1000;

/// The schemas of one registry by id. Safe for concurrent use.
#[derive(Debug)]
pub struct Schemas {
    client: Arc<Client>,
    references: References,
    by_id: Cache<i32, Arc<Resolved>>,
}

impl Schemas {
    /// The schemas of the client's registry; a failure is remembered for `failure_cache`.
    #[must_use]
    pub fn new(client: Arc<Client>, failure_cache: Duration) -> Self {
        Self {
            references: References::new(Arc::clone(&client), failure_cache),
            by_id: Cache::new(CAPACITY, failure_cache, Instant::now),
            client,
        }
    }

    /// The schema with this id. One request at most, plus one for each schema that it refers to; none if it is known.
    ///
    /// # Errors
    /// `schema_not_found`, or any that a request can have; remembered for a moment.
    pub async fn get(&self, id: i32) -> Result<Arc<Resolved>, Failure> {
        let ask = || async {
            let schema = self.client.by_id(id).await?;
            let references = self.references.resolve(&schema).await?;
            Ok(Arc::new(Resolved { id, subject: None, version: None, schema: schema.text, references }))
        };
        self.by_id.get(id, ask).await
    }
}
