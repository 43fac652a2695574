//! The one integration crate: every suite is a module here.
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
mod generator;
mod golden;
mod hostile;
