//! What the outside sees: metrics and log lines.
//!
//! Comes in: what lanes count (`counts`) and say of themselves (`lane`), what the registry client did (`metrics`), and
//! happenings (`events`). Goes out: the text of `/metrics` (`catalogue` has every name, help and label) and lines on
//! standard error (`log`), and one pipeline's numbers as values (`totals`). Must never: hold a payload, a key or a label without a bound.

mod catalogue;
mod counts;
mod events;
mod histogram;
mod lane;
mod lines;
pub mod log;
mod metrics;
mod progress;
mod quiet;
mod samples;
mod totals;

pub use counts::Counts;
pub use events::{Events, Refusal};
pub use lane::{LaneMetrics, RouteIndex, SchemaInForce};
pub use metrics::Metrics;
pub use totals::Totals;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers stay true when another thread died with the lock: every change to them is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
