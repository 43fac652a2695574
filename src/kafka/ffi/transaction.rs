//! Committing a transaction.
//!
//! The crate's commit flushes first, by `rd_kafka_flush(0)` and a poll of the queue for a fixed 100 ms: that alone is a
//! cut's whole age, and it takes reports away from their reader. librdkafka's commit flushes by itself, past `linger.ms`.
//!
//! Comes in: a live producer's handle. Goes out: success, or the error with its flags. Must never: wait without a bound.

use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;
use std::ffi::{CStr, c_int};
use std::time::Duration;

/// Why a call of the transaction API failed, and what librdkafka says is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct TransactionError {
    pub(in crate::kafka) code: RDKafkaErrorCode,
    /// The producer is of no more use.
    pub(in crate::kafka) fatal: bool,
    /// The same call may be made again, and goes on where it was.
    pub(in crate::kafka) retriable: bool,
    /// The transaction can only be aborted.
    pub(in crate::kafka) abort: bool,
    pub(in crate::kafka) text: String,
}

/// Commits the open transaction of a live producer; someone else reads its reports meanwhile.
pub(in crate::kafka) fn commit_transaction(
    client: *mut sys::rd_kafka_t,
    wait: Duration,
) -> Result<(), TransactionError> {
    let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: a live client, which librdkafka allows to be used from any thread. The error is ours: null is success,
    // otherwise its parts are copied and it is destroyed once.
    unsafe {
        let error = sys::rd_kafka_commit_transaction(client, wait);
        if error.is_null() {
            return Ok(());
        }
        let text = sys::rd_kafka_error_string(error);
        let failed = TransactionError {
            code: sys::rd_kafka_error_code(error).into(),
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
            text: if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() },
        };
        sys::rd_kafka_error_destroy(error);
        Err(failed)
    }
}
