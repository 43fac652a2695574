//! The one integration crate: every suite is a module here.

mod admin;
mod metrics;
mod reader;
