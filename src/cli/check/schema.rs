//! The schema that a topic's keys or values would be written with.
//!
//! Comes in: a conversion and its registry. Goes out: a compiled schema, findings. Must never: register anything.

use super::finding::Notes;
use crate::config::{Config, Conversion, Pipeline, SchemaChoice};
use crate::fault::Blame;
use crate::pipeline::Reencoder;
use crate::registry::{Client, Source};
use crate::transcoder::Plan;
use std::sync::Arc;

/// Asks the registry as `run` would, but with `register` off. Where the file's schema would be registered, that is good
/// enough for a trial. `named`: the topic must be readable, no pattern merely matches it.
pub(super) async fn resolve(
    config: &Config,
    pipeline: &Pipeline,
    conversion: &Conversion,
    named: bool,
    most_bytes: usize,
    notes: &mut Notes<'_>,
) -> Option<Reencoder> {
    let about = match conversion.schema {
        SchemaChoice::Id(id) => format!("schema id {id}"),
        _ => format!("subject {:?}", conversion.subject),
    };
    let registry = config.registry.get(&pipeline.sink.registry)?;
    let mut choice = conversion.schema.clone();
    let mut registers = false;
    if let SchemaChoice::File { register, .. } = &mut choice {
        registers = std::mem::take(register);
    }
    let client = Client::new(registry, Arc::new(|_, _, _| {}));
    let answer = match client {
        Ok(client) => Source::new(Arc::new(client), conversion.subject.clone(), choice).resolve().await,
        Err(fault) => Err(fault),
    };
    let reencoder = |plan, id| Some(Reencoder::new(Arc::new(conversion.clone()), Arc::new(plan), id, most_bytes));
    let resolved = match answer {
        Ok(resolved) => resolved,
        Err(fault) if registers && matches!(fault.reason, "subject_not_found" | "schema_not_found") => {
            notes.ok(&about, format!("the file's schema would be registered in [registry.{}]", registry.name));
            let SchemaChoice::File { text, .. } = &conversion.schema else { return None };
            return Plan::compile(text, &[], &conversion.transcoder).ok().and_then(|plan| reencoder(plan, 0));
        }
        // A topic that a pattern matches waits, and the pipeline goes on without it.
        Err(fault) if !named && !fault.retry => {
            notes.warn(&about, format!("its topic waits: {} ({})", fault.message, fault.reason), "");
            return None;
        }
        Err(fault) => {
            notes.error(fault.blame, &about, format!("{} ({})", fault.message, fault.reason), "");
            return None;
        }
    };
    match Plan::compile(&resolved.schema, &resolved.references, &conversion.transcoder) {
        Ok(plan) => {
            let version = resolved.version.map(|version| format!("version {version}, ")).unwrap_or_default();
            notes.ok(&about, format!("{version}schema id {}, compiles", resolved.id));
            reencoder(plan, resolved.id)
        }
        Err(error) => {
            let message = format!("schema id {} cannot be used: {error}", resolved.id);
            notes.error(Blame::Config, &about, message, error.next("register a schema that can be written with"));
            None
        }
    }
}
