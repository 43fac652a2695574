//! json2avro re-encodes Kafka topics from JSON to Avro.
//!
//! One record's day: the `kafka` consumer hands a lane (`pipeline`) a borrowed record; the lane picks the plan of the
//! schema in force, `transcoder` appends Avro bytes to the lane's buffer, `framing` puts the schema id before them, the
//! `kafka` producer takes them; the delivery report marks the offset; the commit follows behind the marks. A record that
//! is refused becomes a `fault`, and `pipeline::policy` says where it ends.
//!
//! Who may see whom, lowest first (`tests/rooms.rs` enforces it):
//! base (`record`, `fault`, `lifecycle`, `backoff`) <- `transcoder`, `framing` <- `config` (which speaks in their types) <- `telemetry` <- `registry` and
//! `kafka` (siblings, never each other) <- `pipeline` <- `app`, `cli` <- `main`. `admin` sees lifecycle, telemetry and its own config.
//! `embedded`, beside `pipeline`, stands in for the services around the program; `cli` and tests alone see it.

pub mod backoff;
pub mod fault;
pub mod lifecycle;
pub mod record;

pub mod config;
pub mod framing;
pub mod transcoder;

pub mod telemetry;

pub mod kafka;
pub mod registry;

pub mod admin;
pub mod embedded;
pub mod pipeline;

pub mod app;
pub mod cli;
