//! What stands in for the services around the program, inside its own process: for the demo and for quick tests.
//!
//! `registry` speaks a registry's API; `orders` makes order events as JSON, their schemas beside them; `feed` writes them to
//! a topic. The broker is `kafka::mock`. Comes in: a port, a seed. Goes out: a service that speaks the real protocol on
//! loopback, records. Must never: be kinder than the real one (the same black-box suites run against both), keep anything
//! on disk, listen beyond loopback.

pub mod feed;
pub mod orders;
pub mod registry;
