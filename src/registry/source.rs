//! Where a pipeline's schema comes from: the config's choice -> the schema in force.
//!
//! Comes in: a subject and a `config::SchemaChoice`. Goes out: a [`Resolved`] schema. Must never: register anything but
//! the file of a pipeline whose config says `register = true`, decide when to ask again.

use super::Resolved;
use super::answer::{Schema, Version};
use super::client::Client;
use super::failure::{Failure, Reason};
use super::patience::Patience;
use super::references::References;
use crate::config::SchemaChoice;
use crate::fault::Fault;
use std::sync::Arc;
use std::time::Duration;

/// One pipeline's schema source.
#[derive(Debug)]
pub struct Source {
    client: Arc<Client>,
    references: References,
    subject: String,
    choice: SchemaChoice,
}

impl Source {
    /// The source of a pipeline that writes under `subject`.
    #[must_use]
    pub fn new(client: Arc<Client>, subject: String, choice: SchemaChoice) -> Self {
        // A failure need not be remembered: who asks here waits between tries anyway.
        Self { references: References::new(Arc::clone(&client), Duration::ZERO), client, subject, choice }
    }

    /// The schema in force now, with a few tries. For `Latest` the answer may differ from the last one: compare.
    ///
    /// # Errors
    /// The registry does not answer now (`retry`), or its answer lasts: no such subject, not allowed, incompatible...
    pub async fn resolve(&self) -> Result<Resolved, Fault> {
        Ok(Patience::SHORT.insist(|| self.ask()).await?)
    }

    /// As [`Self::resolve`], but waits for the registry as long as it takes, and says so in the log. Safe to drop.
    ///
    /// # Errors
    /// Only what stays until someone acts.
    pub async fn resolve_at_start(&self) -> Result<Resolved, Fault> {
        Ok(Patience::ENDLESS.insist(|| self.ask()).await?)
    }

    async fn ask(&self) -> Result<Resolved, Failure> {
        match &self.choice {
            SchemaChoice::Latest { .. } => self.complete(self.client.latest(&self.subject).await?).await,
            SchemaChoice::Version(version) => self.complete(self.client.version(&self.subject, *version).await?).await,
            SchemaChoice::Id(id) => {
                let schema = self.client.by_id(*id).await?;
                let references = self.references.resolve(&schema).await?;
                Ok(Resolved { id: *id, subject: None, version: None, schema: schema.text, references })
            }
            SchemaChoice::File { text, register, .. } => self.file(text, *register).await,
        }
    }

    /// The file's schema as the subject holds it; made a version of the subject first if it may be.
    ///
    /// The look-up comes first even where registering is allowed: it is all that a subject needs that has the schema, and
    /// it finds a schema that an earlier try registered without getting its answer.
    async fn file(&self, text: &str, register: bool) -> Result<Resolved, Failure> {
        let schema = Schema { text: text.to_owned(), references: Vec::new() };
        let missing = match self.client.lookup(&self.subject, &schema).await {
            Ok(version) => return self.complete(version).await,
            Err(failure) => failure,
        };
        if !matches!(missing.reason, Reason::SubjectNotFound | Reason::SchemaNotFound) {
            return Err(missing);
        }
        if !register {
            return Err(missing.with_next_step("set register = true, or register the file's schema under this subject"));
        }
        let id = self.client.register(&self.subject, &schema).await?;
        // A registry's follower may lag behind its leader: the id is all that is needed, the version is for people.
        let version = self.client.lookup(&self.subject, &schema).await.ok().map(|found| found.version);
        tracing::info!(subject = %self.subject, schema_id = id, version, "registered the file's schema");
        Ok(Resolved { id, subject: Some(self.subject.clone()), version, schema: schema.text, references: Vec::new() })
    }

    async fn complete(&self, found: Version) -> Result<Resolved, Failure> {
        let references = self.references.resolve(&found.schema).await?;
        Ok(Resolved {
            id: found.id,
            subject: Some(found.subject),
            version: Some(found.version),
            schema: found.schema.text,
            references,
        })
    }
}
