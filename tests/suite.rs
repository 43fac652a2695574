//! The one integration crate: every suite is a module here.

mod fake_registry;
mod registry;
