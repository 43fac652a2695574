//! The rows of the fault matrix, each a case. Those that `cargo test` leaves out (`#[ignore]`) run by `fault/matrix`.

mod broker;
mod instance;
mod memory;
mod nemesis;
mod network;
mod records;
mod registry;
