//! Where a pipeline's schema comes from: the config's choice -> the schema in force.
//!
//! Comes in: a subject and a `config::SchemaChoice`. Goes out: a [`Resolved`] schema. Must never: register anything but
//! the file of a pipeline whose config says `register = true`, decide when to ask again.

use super::Resolved;
use super::answer::Schema;
use super::client::Client;
use super::failure::{Failure, Reason};
use super::patience::Patience;
use super::references::References;
use crate::config::SchemaChoice;
use crate::fault::Fault;
use std::sync::Arc;

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
        Self { references: References::new(Arc::clone(&client)), client, subject, choice }
    }

    /// The schema in force now, with a few tries. For `Latest` the answer may differ from the last one: compare.
    ///
    /// # Errors
    /// The registry does not answer now (`retry`), or its answer lasts: no such subject, not allowed, incompatible...
    pub async fn resolve(&self) -> Result<Resolved, Fault> {
        Ok(Patience::SHORT.insist(|| self.ask()).await?)
    }

    /// As [`Self::resolve`], with one try.
    ///
    /// # Errors
    /// As there.
    pub async fn resolve_once(&self) -> Result<Resolved, Fault> {
        Ok(self.ask().await?)
    }

    /// As [`Self::resolve`], but waits for the registry as long as it takes, and says so in the log. Safe to drop.
    ///
    /// # Errors
    /// Only what stays until someone acts.
    pub async fn resolve_at_start(&self) -> Result<Resolved, Fault> {
        Ok(Patience::ENDLESS.insist(|| self.ask()).await?)
    }

    async fn ask(&self) -> Result<Resolved, Failure> {
        let found = match &self.choice {
            SchemaChoice::Latest { .. } => self.client.latest(&self.subject).await?,
            SchemaChoice::Version(version) => self.client.version(&self.subject, *version).await?,
            SchemaChoice::Id(id) => return self.references.by_id(*id).await,
            SchemaChoice::File { text, register, .. } => return self.file(text, *register).await,
        };
        self.references.complete(found).await
    }

    /// The file's schema as the subject holds it; made a version of the subject first if it may be.
    ///
    /// The look-up comes first even where registering is allowed: it is all that a subject needs that has the schema, and
    /// it finds a schema that an earlier try registered without getting its answer.
    async fn file(&self, text: &str, register: bool) -> Result<Resolved, Failure> {
        let schema = Schema { text: text.to_owned(), references: Vec::new() };
        let missing = match self.client.lookup(&self.subject, &schema).await {
            Ok(version) => return self.references.complete(version).await,
            Err(failure) => failure,
        };
        if !matches!(missing.reason, Reason::SubjectNotFound | Reason::SchemaNotFound) {
            return Err(missing);
        }
        if !register {
            return Err(missing.with_next_step("set register = true, or register the file's schema under this subject"));
        }
        let id = self.client.register(&self.subject, &schema).await?;
        tracing::info!(subject = %self.subject, schema_id = id, "registered the file's schema");
        match self.client.lookup(&self.subject, &schema).await {
            Ok(version) if version.id == id => self.references.complete(version).await,
            // A follower may lag behind its leader: the id is all that is needed, the version is for people.
            _ => {
                let (subject, schema) = (Some(self.subject.clone()), schema.text);
                Ok(Resolved { id, subject, version: None, schema, references: Vec::new() })
            }
        }
    }
}
