//! The fault harness: the sidecar between three real brokers that are killed, frozen and cut off, and a checker of what
//! comes out.
//!
//! `cluster` is the three brokers and `proxy` what stands before each; `feeder`, `watcher` and `readback` write and read
//! beside the fault; `host` is the machine that a sidecar sees; `history` is what they saw, `verdict` what it means; `scene` puts them together for one case,
//! `case` runs it and says whether it proved anything; `rows` are the cases, by the rows of the fault matrix.
//! `fault/matrix` runs them all and prints the table.

mod case;
mod cluster;
mod ends;
mod feeder;
mod history;
mod host;
mod member;
mod proxy;
pub(crate) mod readback;
mod rows;
mod scene;
mod synthetic;
mod topics;
mod verdict;
mod watcher;
mod weather;
