//! The one integration crate: every suite is a module here.

mod metrics;
mod config;
