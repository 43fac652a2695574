//! The schema in force, as a lane needs it: compiled once, swapped whole at a record boundary.
//!
//! Comes in: a resolved schema from the supervisor's task. Goes out: a reencoder to the lane's thread. Must never: be
//! half of one schema and half of another; what the lane holds is one `Arc`.

use super::reencoder::Reencoder;
use crate::config::Conversion;
use crate::fault::{Blame, Fault, Stage};
use crate::registry::Resolved;
use crate::transcoder::{Options, Plan};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A schema ready to write with.
#[derive(Debug)]
pub(super) struct Target {
    plan: Arc<Plan>,
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
        Ok(Self { plan: Arc::new(plan), resolved })
    }
}

impl Target {
    fn reencoder(&self, conversion: &Arc<Conversion>, most_bytes: usize) -> Reencoder {
        Reencoder::new(Arc::clone(conversion), Arc::clone(&self.plan), self.resolved.id, most_bytes)
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

/// The lane's view of the cell: what it re-encodes with, and whether a newer schema waits.
#[derive(Debug)]
pub(super) struct InForce {
    cell: Arc<SchemaCell>,
    epoch: u64,
    conversion: Arc<Conversion>,
    most_bytes: usize,
    pub(super) reencoder: Reencoder,
}

impl InForce {
    pub(super) fn new(cell: Arc<SchemaCell>, conversion: Arc<Conversion>, most_bytes: usize) -> Self {
        let epoch = cell.epoch.load(Ordering::Acquire);
        let reencoder = cell.target().reencoder(&conversion, most_bytes);
        Self { cell, epoch, conversion, most_bytes, reencoder }
    }

    /// Takes up a newer schema. Called between two records.
    pub(super) fn follow(&mut self) {
        let epoch = self.cell.epoch.load(Ordering::Acquire);
        if epoch != self.epoch {
            self.epoch = epoch;
            self.reencoder = self.cell.target().reencoder(&self.conversion, self.most_bytes);
        }
    }
}
