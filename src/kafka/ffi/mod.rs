//! The raw librdkafka calls, and why each is needed. The only folder with `unsafe`.
//!
//! - `queue`: *batch consume on an own queue* (`rd_kafka_queue_new`, `rd_kafka_queue_forward`,
//!   `rd_kafka_consume_batch_queue`). The crate has neither a batch call (0.3 CPU-s per million records cheaper) nor a way
//!   to read data apart from control, which back-pressure needs: not reading data while rebalances are still served.
//!   *Commit with its result on the control queue* (`rd_kafka_commit_queue`): the crate's commit either blocks the lane or
//!   tells nobody how it ended.
//! - `batch`: the messages that such a take gives, borrowed field by field.
//! - `headers`: *detached headers* (`rd_kafka_message_detach_headers`), where the crate copies each; *header names as bytes*
//!   (`rd_kafka_header_get_all`), where the crate panics on a name that is no UTF-8.
//! - `mock`: *no wait before a group begins* (`rd_kafka_mock_group_initial_rebalance_delay_ms`), for the demo's cluster.
//! - `operations`: *what the principal may do* (`rd_kafka_AdminOptions_set_include_authorized_operations`, KIP-430): the crate
//!   describes neither topics nor the cluster, and asks nothing of rights.
//! - `reports`: *delivery reports in bulk* (`rd_kafka_event_message_next`), where the crate makes a counted message of each
//!   and calls back.
//! - `transaction`: *commit a transaction* (`rd_kafka_commit_transaction`), where the crate waits for a fixed 100 ms first.
//! - `waited`: *word of a queue that is empty no more* (`rd_kafka_queue_cb_event_enable`): librdkafka's own waits, which the
//!   crate's are, last longer where the wall clock is set back.
//! - `topic`: *produce with a topic handle* (`rd_kafka_producev`), where the crate looks the topic up by name each time.
//!
//! Comes in: borrowed clients of the crate, which own the native handles. Goes out: owned Rust values whose `Drop` gives
//! each native object back once. Must never: outlive the client (`Consumer` and `Producer` hold these in fields that
//! are dropped before their client), or be read from two threads (one lane owns all of it).

#![expect(unsafe_code, reason = "the calls above have no safe form in the crate; each block carries its argument")]

mod batch;
mod headers;
mod mock;
mod operations;
mod queue;
mod reports;
mod topic;
mod transaction;
mod waited;

pub(super) use batch::{Batch, Message};
pub use headers::Headers;
pub(super) use headers::headers;
pub(super) use mock::groups_begin_at_once;
pub(super) use operations::{Resource, authorized_operations};
pub(super) use queue::{ControlQueue, DataQueue};
pub(super) use reports::{ReportQueue, Served};
pub(super) use topic::{Outgoing, TopicHandle};
pub(super) use transaction::{TransactionError, commit_transaction};
