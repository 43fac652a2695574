//! (being written)

pub mod reader;
