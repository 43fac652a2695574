//! Schema id -> schema, for readers and for a pipeline that names an id.
//!
//! Comes in: an id, from a frame or the config. Goes out: the schema with all that it refers to, asked once and kept.
//! Must never: ask twice at a time for one id, take a failure for an answer.

use super::Resolved;
use super::cache::Cache;
use super::client::Client;
use super::failure::Failure;
use super::patience::Patience;
use super::references::References;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As many as Confluent's own clients keep.
const CAPACITY: usize = 1000;

/// The schemas of one registry by id. Safe for concurrent use.
#[derive(Debug)]
pub struct Schemas {
    references: References,
    by_id: Cache<i32, Arc<Resolved>>,
}

impl Schemas {
    /// The schemas of the client's registry; a failure is remembered for `failure_cache`.
    #[must_use]
    pub fn new(client: Arc<Client>, failure_cache: Duration) -> Self {
        Self { references: References::new(client), by_id: Cache::new(CAPACITY, failure_cache, Instant::now) }
    }

    /// The schema with this id: asked with a few tries the first time, known for ever after that.
    ///
    /// # Errors
    /// `schema_not_found`, or any that a request can have; remembered for a moment.
    pub async fn get(&self, id: i32) -> Result<Arc<Resolved>, Failure> {
        let ask = || async { Ok(Arc::new(Patience::SHORT.insist(|| self.references.by_id(id)).await?)) };
        self.by_id.get(id, ask).await
    }
}
