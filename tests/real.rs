//! The main job on real Kafka and a real registry: what issue 3 promises, seen from outside only.
//!
//! Comes in: `services` and the built binary. Goes out: a failed test where a record is lost, changed, reordered,
//! duplicated outside the uncommitted window, or miscounted. Must never: look into the process.

mod breadth;
pub(crate) mod event;
mod evolution;
mod foreign;
mod hostile;
mod instances;
mod job;
mod lanes;
mod main_job;
pub(crate) mod order;
mod outage;
mod restart;
mod start;
mod static_members;
mod stopped;
mod transactions;
mod verify;
