//! The lane from outside: the binary's `run` on librdkafka's mock cluster and a fake registry, seconds a case.
//!
//! Comes in: records, injected errors, outages, signals. Goes out: a failed test where a record is lost, changed,
//! reordered, miscounted, or committed before it ended. Must never: look into the process. What the mock cannot do (real
//! idempotence checks, authorization, offsets by time) is left to `real`.

mod commits;
mod drain;
mod flood;
mod keys;
mod lanes;
mod outage;
mod passage;
mod policies;
mod produce;
mod random;
mod rebalance;
mod refused_at_start;
mod schema;
pub(crate) mod stage;
mod start;
mod topics;
mod transactions;
