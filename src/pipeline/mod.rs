//! A pipeline: source topics to a sink topic each, by lanes that run to completion.
//!
//! `supervisor` brings it up (routes, then `lanes`, the threads) and keeps schemas and topics fresh: `survey` asks the
//! clusters, `route` holds what a topic's records need; `lane` is the loop, `passage` a record's way through it,
//! `reencoder` what happens to its bytes; `refusal` and `policy` say where a record ends that cannot be re-encoded.
//! What decides has no I/O and a model each: `assignment` which partition's records pass and what comes of those that are
//! halted or taken, `offsets` what may be committed, `transaction` when records and offsets are committed together, `drain`
//! when the lane may end. `rebalance`, `stop` and `exactly_once` are the lane carrying that out.
//!
//! Comes in: checked config, records, delivery reports. Goes out: records, commits, counts. Must never: encode a byte
//! or speak HTTP.

mod assignment;
mod buffer;
mod dead_letter;
mod drain;
mod exactly_once;
mod flood;
mod lag;
mod lane;
mod lanes;
mod offsets;
mod partitioner;
mod passage;
mod policy;
mod rebalance;
mod reencoder;
mod refusal;
mod route;
mod routes;
mod schema;
mod start;
mod stop;
pub mod supervisor;
mod survey;
mod transaction;

pub use reencoder::Reencoder;
pub use refusal::Refusal;
pub use survey::two_clusters;
