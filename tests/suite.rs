//! The one integration crate: every suite is a module here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and tells what it measured or skipped"
)]

mod admin;
mod bench;
mod check;
mod config;
mod conformance;
mod convert;
mod decisions;
mod demo;
mod deploy;
mod differential;
mod fake_registry;
mod fault;
mod foreign;
mod generated;
mod generator;
mod golden;
mod hostile;
mod lane;
mod log;
mod metrics;
mod read;
mod reader;
mod real;
mod reference;
mod registry;
mod rooms;
mod services;
mod spawn;
