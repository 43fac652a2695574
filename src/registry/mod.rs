//! The Schema Registry: which schema a pipeline writes with, and which one an id names.
//!
//! ```text
//! config::SchemaChoice ─> Source ─┐
//!        id in a frame ─> Schemas ┴─> References ─> Client ─> HTTP
//!                           cache       cache       one request
//! ```
//!
//! Comes in: a subject, a version, an id, a schema's text. Goes out: a [`Resolved`] schema, or a fault that says who has
//! to act. Must never: know a record, write to the registry unless the config says `register = true`, follow a redirect,
//! take an answer for good that it has not checked.

mod answer;
mod cache;
mod client;
mod failure;
mod patience;
mod references;
mod schemas;
mod source;

pub use answer::{Reference, Schema, Version};
pub use client::{Client, Observer, Operation};
pub use failure::{Failure, Reason};
pub use patience::Patience;
pub use schemas::Schemas;
pub use source::Source;

/// A schema with everything needed to compile it.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The id that goes into the frame.
    pub id: i32,
    /// The subject it was found under, where it was asked for by subject.
    pub subject: Option<String>,
    /// Its version there, where known.
    pub version: Option<i32>,
    /// The schema's text.
    pub schema: String,
    /// The texts of the schemas it refers to, each once, dependencies first.
    pub references: Vec<String>,
}

/// An id names one schema for ever, so that the id alone tells whether the schema in force has changed.
impl PartialEq for Resolved {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Resolved {}
