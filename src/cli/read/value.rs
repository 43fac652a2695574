//! A record's value back to JSON.
//!
//! Comes in: a framed Avro value. Goes out: the JSON of it, by the schema whose id stands in the frame. Must never: wait
//! for the registry without a bound.

use crate::config;
use crate::fault::{Blame, Fault, Stage};
use crate::framing;
use crate::registry::{Client, Schemas};
use crate::transcoder::{self, Options, Plan};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Why there is no JSON.
#[derive(Debug)]
pub(in crate::cli) enum Undecodable {
    /// This record's fault: no frame, an unknown schema id, bytes that do not fit the schema. The next one may do.
    Record(String),
    /// The registry did not answer for as long as the patience.
    Registry(Fault),
}

/// Decodes by the schemas of a registry.
pub(in crate::cli) struct Values {
    runtime: Runtime,
    schemas: Schemas,
    plans: HashMap<i32, Plan>,
    patience: Duration,
}

impl Values {
    /// # Errors
    /// The registry's settings cannot be used.
    pub(in crate::cli) fn new(registry: &config::Registry, patience: Duration) -> Result<Self, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            Fault::lasting(Stage::Registry, Blame::Us, "died", format!("no runtime: {error}; please report this"))
        })?;
        // One command, no metrics: nobody watches its requests.
        let client = Client::new(registry, Arc::new(|_, _, _| {}))?;
        let schemas = Schemas::new(Arc::new(client), registry.failure_cache);
        Ok(Self { runtime, schemas, plans: HashMap::new(), patience })
    }

    /// Appends the value's JSON. Returns the schema id in its frame. On an error `json` may hold a part.
    pub(in crate::cli) fn decode(&mut self, framed: &[u8], json: &mut Vec<u8>) -> Result<i32, Undecodable> {
        let (id, payload) = framing::parse(framed).map_err(|error| Undecodable::Record(error.to_string()))?;
        let plan = self.plan(id)?;
        let wrapped = plan.root_is_bytes().then(|| framing::wrap_root_bytes(payload));
        let datum = wrapped.as_deref().unwrap_or(payload);
        let failed = |what: String| Undecodable::Record(format!("schema id {id}: {what}"));
        let read = transcoder::decode(plan, datum, json).map_err(|error| failed(error.to_string()))?;
        match datum.len() - read {
            0 => Ok(id),
            rest => Err(failed(format!("{rest} bytes follow the datum"))),
        }
    }

    fn plan(&mut self, id: i32) -> Result<&Plan, Undecodable> {
        match self.plans.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let resolved = insist(&self.runtime, &self.schemas, id, self.patience)?;
                let plan = Plan::compile(&resolved.schema, &resolved.references, &Options::default())
                    .map_err(|error| Undecodable::Record(format!("schema id {id} cannot be used: {error}")))?;
                Ok(place.insert(plan))
            }
        }
    }
}

/// Asks until the registry answers or the patience is over.
fn insist(
    runtime: &Runtime,
    schemas: &Schemas,
    id: i32,
    patience: Duration,
) -> Result<Arc<crate::registry::Resolved>, Undecodable> {
    let began = Instant::now();
    runtime.block_on(async {
        loop {
            match schemas.get(id).await {
                Ok(resolved) => return Ok(resolved),
                Err(failure) => {
                    let fault: Fault = failure.into();
                    if !fault.retry {
                        return Err(Undecodable::Record(fault.message));
                    }
                    if began.elapsed() >= patience {
                        return Err(Undecodable::Registry(fault));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
}
