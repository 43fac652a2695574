//! What stands in for the services around the program, inside its own process: for the demo and for quick tests.
//!
//! Comes in: a port. Goes out: a service that speaks the real protocol on loopback. Must never: be kinder than the real
//! one (the same black-box suites run against both), keep anything on disk, listen beyond loopback.

pub mod registry;
