//! Producing by a topic's handle.
//!
//! Comes in: borrowed key and value, owned headers. Goes out: a record in the producer's queue, or its error code. Must
//! never: keep a borrow, or lose headers on a failure.

use super::headers::Headers;
use rdkafka_sys as sys;
use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};

// An opaque carries a 64-bit ticket through a pointer.
const _: () = assert!(usize::BITS == 64);

/// A producer's handle of one topic: saves the look-up by name for each record.
#[derive(Debug)]
pub(in crate::kafka) struct TopicHandle {
    client: NonNull<sys::rd_kafka_t>,
    topic: NonNull<sys::rd_kafka_topic_t>,
}

// SAFETY: a counted, thread-safe handle; owned by one lane.
unsafe impl Send for TopicHandle {}

impl TopicHandle {
    /// A handle of a live client. The caller keeps the client alive for longer than the handle.
    pub(in crate::kafka) fn new(client: *mut sys::rd_kafka_t, name: &CString) -> Option<Self> {
        let client = NonNull::new(client)?;
        // SAFETY: live client, NUL-terminated name, default topic configuration; null is checked.
        let topic = unsafe { sys::rd_kafka_topic_new(client.as_ptr(), name.as_ptr(), ptr::null_mut()) };
        NonNull::new(topic).map(|topic| Self { client, topic })
    }

    /// Enqueues one record. Key and value are copied; the headers are taken on success and left on failure.
    pub(in crate::kafka) fn produce(
        &self,
        record: &Outgoing<'_>,
        headers: &mut Option<Headers>,
    ) -> sys::rd_kafka_resp_err_t {
        let (key, key_len) = parts(record.key);
        let (value, value_len) = parts(record.value);
        let raw_headers = headers.take().map_or(ptr::null_mut(), Headers::into_raw);
        // SAFETY: live client and topic; each VTYPE is followed by arguments of the types that rdkafka.h documents, and
        // the list ends with VTYPE_END. MSG_F_COPY: key and value are copied before the call returns. A null value with
        // length 0 is a null, not an empty, payload. On failure the headers stay ours.
        unsafe {
            let error = sys::rd_kafka_producev(
                self.client.as_ptr(),
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_RKT,
                self.topic.as_ptr(),
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_PARTITION,
                record.partition,
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::RD_KAFKA_MSG_F_COPY,
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_VALUE,
                value,
                value_len,
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_KEY,
                key,
                key_len,
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_OPAQUE,
                record.ticket as *mut c_void,
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_TIMESTAMP,
                record.timestamp_millis,
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADERS,
                raw_headers,
                sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_END,
            );
            if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                *headers = Headers::from_raw(raw_headers);
            }
            error
        }
    }
}

impl Drop for TopicHandle {
    fn drop(&mut self) {
        // SAFETY: our own reference, given back once.
        unsafe { sys::rd_kafka_topic_destroy(self.topic.as_ptr()) }
    }
}

/// One record on its way to the producer's queue.
#[derive(Debug)]
pub(in crate::kafka) struct Outgoing<'r> {
    pub(in crate::kafka) partition: i32,
    pub(in crate::kafka) key: Option<&'r [u8]>,
    pub(in crate::kafka) value: Option<&'r [u8]>,
    pub(in crate::kafka) timestamp_millis: i64,
    pub(in crate::kafka) ticket: u64,
}

/// An empty slice has a dangling, non-null pointer: an empty key stays empty, an absent one stays absent.
fn parts(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast::<c_void>(), bytes.len()))
}
