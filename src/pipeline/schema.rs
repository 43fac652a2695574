//! The schema in force, as a lane needs it: compiled once, swapped whole at a record boundary.
//!
//! Comes in: a resolved schema from the supervisor's task. Goes out: an encoder to the lane's thread. Must never: be
//! half of one schema and half of another; what the lane holds is one `Arc`.

use crate::fault::{Blame, Fault, Stage};
use crate::framing;
use crate::registry::Resolved;
use crate::transcoder::{Encoder, Options, Plan};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A schema ready to write with.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) plan: Arc<Plan>,
    /// The frame that stands before each datum.
    pub(super) frame: [u8; 5],
    pub(super) resolved: Resolved,
}

impl Target {
    /// Compiles a resolved schema.
    ///
    /// # Errors
    /// The schema is not one that can be written with; who registered it has to act.
    pub(super) fn compile(resolved: Resolved, options: &Options) -> Result<Self, Fault> {
        let plan = Plan::compile(&resolved.schema, &resolved.references, options).map_err(|error| {
            let message = format!("schema id {} cannot be used: {error}", resolved.id);
            Fault::lasting(Stage::Registry, Blame::Config, "invalid_schema", message)
        })?;
        Ok(Self { plan: Arc::new(plan), frame: framing::confluent_header(resolved.id), resolved })
    }
}

/// Where the supervisor puts the schema in force and the lane finds it.
#[derive(Debug)]
pub(super) struct SchemaCell {
    epoch: AtomicU64,
    target: Mutex<Arc<Target>>,
}

impl SchemaCell {
    pub(super) fn new(target: Target) -> Self {
        Self { epoch: AtomicU64::new(0), target: Mutex::new(Arc::new(target)) }
    }

    /// From its next record on, the lane writes with this one.
    pub(super) fn switch(&self, target: Target) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(target);
        self.epoch.fetch_add(1, Ordering::Release);
    }

    pub(super) fn target(&self) -> Arc<Target> {
        Arc::clone(&self.target.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The lane's view of the cell: its encoder, and whether a newer schema waits.
#[derive(Debug)]
pub(super) struct InForce {
    cell: Arc<SchemaCell>,
    epoch: u64,
    pub(super) target: Arc<Target>,
    pub(super) encoder: Encoder,
}

impl InForce {
    pub(super) fn new(cell: Arc<SchemaCell>) -> Self {
        let epoch = cell.epoch.load(Ordering::Acquire);
        let target = cell.target();
        let encoder = Encoder::new(Arc::clone(&target.plan));
        Self { cell, epoch, target, encoder }
    }

    /// Takes up a newer schema. Called between two records. True: there was one.
    pub(super) fn follow(&mut self) -> bool {
        let epoch = self.cell.epoch.load(Ordering::Acquire);
        if epoch == self.epoch {
            return false;
        }
        self.epoch = epoch;
        self.target = self.cell.target();
        self.encoder = Encoder::new(Arc::clone(&self.target.plan));
        true
    }
}
