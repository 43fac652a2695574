//! The one integration crate: every suite is a module here.
mod config;
