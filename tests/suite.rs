//! The one integration crate: every suite is a module here.
// A test fails by panicking, and tells what it measured on its output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod admin;
mod config;
mod fake_registry;
mod metrics;
mod real;
mod registry;
mod rooms;
mod services;
mod reader;
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says on standard error what it skipped"
)]

mod conformance;
mod convert;
mod generated;
mod golden;
