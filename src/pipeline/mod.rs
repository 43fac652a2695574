//! A pipeline: one source topic to one sink topic, by lanes that run to completion.
//!
//! `supervisor` brings it up (schema, topics, then the lane's thread) and keeps the schema fresh; `lane` is the loop;
//! `rebalance` and `stop` are its states beside the plain way; `offsets` knows what may be committed; `refusal` and
//! `policy` say where a record ends that cannot be re-encoded.
//!
//! Comes in: checked config, records, delivery reports. Goes out: records, commits, counts. Must never: encode a byte
//! or speak HTTP.

mod assignment;
mod dead_letter;
mod flood;
mod lag;
mod lane;
mod offsets;
mod partitioner;
mod passage;
mod policy;
mod rebalance;
mod refusal;
mod schema;
mod start;
mod stop;
pub mod supervisor;
