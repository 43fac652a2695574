//! The schema that a pipeline would write with.
//!
//! Comes in: a pipeline and its registry. Goes out: a compiled schema, findings. Must never: register anything.

use super::finding::Notes;
use crate::config::{Config, Pipeline, SchemaChoice};
use crate::registry::{Client, Source};
use crate::transcoder::Plan;
use std::sync::Arc;

/// Asks the registry as `run` would, but with `register` off.
pub(super) async fn resolve(config: &Config, pipeline: &Pipeline, notes: &mut Notes<'_>) -> Option<Arc<Plan>> {
    let value = &pipeline.value;
    let about = match value.schema {
        SchemaChoice::Id(id) => format!("schema id {id}"),
        _ => format!("subject {:?}", value.subject),
    };
    let registry = config.registry.get(&pipeline.sink.registry)?;
    let mut choice = value.schema.clone();
    let mut registers = false;
    if let SchemaChoice::File { register, .. } = &mut choice {
        registers = std::mem::take(register);
    }
    let client = Client::new(registry, Arc::new(|_, _, _| {}));
    let answer = match client {
        Ok(client) => Source::new(Arc::new(client), value.subject.clone(), choice).resolve().await,
        Err(fault) => Err(fault),
    };
    let resolved = match answer {
        Ok(resolved) => resolved,
        Err(fault) if registers && matches!(fault.reason, "subject_not_found" | "schema_not_found") => {
            notes.ok(&about, format!("the file's schema would be registered in [registry.{}]", registry.name));
            return None;
        }
        Err(fault) => {
            notes.error(fault.blame, &about, format!("{} ({})", fault.message, fault.reason), "");
            return None;
        }
    };
    match Plan::compile(&resolved.schema, &resolved.references, &value.transcoder) {
        Ok(plan) => {
            let version = resolved.version.map(|version| format!("version {version}, ")).unwrap_or_default();
            notes.ok(&about, format!("{version}schema id {}, compiles", resolved.id));
            Some(Arc::new(plan))
        }
        Err(error) => {
            let message = format!("schema id {} cannot be used: {error}", resolved.id);
            notes.error(crate::fault::Blame::Config, &about, message, "register a schema that can be written with");
            None
        }
    }
}
