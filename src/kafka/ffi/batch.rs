//! Messages taken together, and one of them.
//!
//! Comes in: what the data queue gave. Goes out: borrowed bytes, numbers, names. Must never: let a borrow outlive its batch.

use super::headers::Headers;
use super::waited::WaitedQueue;
use crate::record::Timestamp;
use rdkafka_sys as sys;
use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

/// Messages taken together, owned until the next take.
#[derive(Debug)]
pub(in crate::kafka) struct Batch {
    messages: Vec<*mut sys::rd_kafka_message_t>,
    /// Of their keys and values.
    bytes: usize,
}

// SAFETY: owned messages, touched by the owning lane only.
unsafe impl Send for Batch {}

impl Batch {
    /// Enough to spread the fixed cost of a take.
    pub(super) const SIZE: usize = 1000;

    pub(in crate::kafka) fn new() -> Self {
        Self { messages: Vec::with_capacity(Self::SIZE), bytes: 0 }
    }

    /// Takes up to `most` messages that a queue has, as far as there is room, and waits for nothing. Returns how many came.
    pub(super) fn fill(&mut self, queue: &WaitedQueue, most: usize) -> usize {
        let used = self.messages.len();
        let most = most.min(Self::SIZE - used);
        if most == 0 {
            return 0;
        }
        // SAFETY: `messages` has capacity SIZE, of which `used` hold pointers and so at least `most` behind them are ours to
        // write; the call writes as many as it returns, each an owned message. The queue is live.
        unsafe {
            let slots = self.messages.as_mut_ptr().add(used);
            let taken = sys::rd_kafka_consume_batch_queue(queue.as_ptr(), 0, slots, most);
            let taken = usize::try_from(taken).unwrap_or(0).min(most);
            self.messages.set_len(used + taken);
        }
        let came = (used..self.messages.len()).filter_map(|index| self.get(index));
        self.bytes += came.map(|message| message.raw().key_len + message.raw().len).sum::<usize>();
        self.messages.len() - used
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(in crate::kafka) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(in crate::kafka) fn get(&self, index: usize) -> Option<Message<'_>> {
        let message = NonNull::new(*self.messages.get(index)?)?;
        Some(Message { message, batch: PhantomData })
    }

    pub(in crate::kafka) fn clear(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: each pointer came from consume_batch_queue and is destroyed once, here.
            unsafe { sys::rd_kafka_message_destroy(message) }
        }
        self.bytes = 0;
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A message of a batch, borrowed.
#[derive(Clone, Copy, Debug)]
pub(in crate::kafka) struct Message<'b> {
    message: NonNull<sys::rd_kafka_message_t>,
    batch: PhantomData<&'b Batch>,
}

impl<'b> Message<'b> {
    fn raw(&self) -> &'b sys::rd_kafka_message_t {
        // SAFETY: the batch owns the message for 'b, and nothing writes to the fields that we read.
        unsafe { self.message.as_ref() }
    }

    pub(in crate::kafka) fn error(&self) -> sys::rd_kafka_resp_err_t {
        self.raw().err
    }

    /// The text that librdkafka gives with an error message.
    pub(in crate::kafka) fn error_text(&self) -> String {
        // SAFETY: a message that lives; the text belongs to it or is static.
        let text = unsafe { sys::rd_kafka_message_errstr(self.message.as_ptr()) };
        if text.is_null() {
            return String::new();
        }
        // SAFETY: not null, NUL-terminated by librdkafka.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }

    /// Tells topics apart without reading their names: equal tokens, equal topics.
    pub(in crate::kafka) fn topic_token(&self) -> usize {
        self.raw().rkt as usize
    }

    pub(in crate::kafka) fn topic(&self) -> &'b str {
        let topic = self.raw().rkt;
        if topic.is_null() {
            return "";
        }
        // SAFETY: a live topic handle that the message holds a reference to; its name is NUL-terminated and lives as
        // long as the handle.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic)) }.to_str().unwrap_or("")
    }

    pub(in crate::kafka) fn partition(&self) -> i32 {
        self.raw().partition
    }

    pub(in crate::kafka) fn offset(&self) -> i64 {
        self.raw().offset
    }

    pub(in crate::kafka) fn timestamp(&self) -> Timestamp {
        use sys::rd_kafka_timestamp_type_t as Kind;
        let mut kind = Kind::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: a live message and a place for the type.
        let millis = unsafe { sys::rd_kafka_message_timestamp(self.message.as_ptr(), &raw mut kind) };
        match kind {
            Kind::RD_KAFKA_TIMESTAMP_CREATE_TIME if millis >= 0 => Timestamp::CreateTime(millis),
            Kind::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME if millis >= 0 => Timestamp::LogAppendTime(millis),
            _ => Timestamp::Absent,
        }
    }

    pub(in crate::kafka) fn key(&self) -> Option<&'b [u8]> {
        let raw = self.raw();
        // SAFETY: librdkafka gives null or `key_len` readable bytes, alive as long as the message.
        unsafe { slice(raw.key, raw.key_len) }
    }

    pub(in crate::kafka) fn value(&self) -> Option<&'b [u8]> {
        let raw = self.raw();
        // SAFETY: as for the key, `len` bytes.
        unsafe { slice(raw.payload, raw.len) }
    }

    /// Takes the headers off the message: a second call finds none.
    pub(in crate::kafka) fn detach_headers(&self) -> Option<Headers> {
        let mut headers = ptr::null_mut();
        // SAFETY: a live message; on success the headers are ours, and the message no longer refers to them.
        let error = unsafe { sys::rd_kafka_message_detach_headers(self.message.as_ptr(), &raw mut headers) };
        if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: detached: nobody else destroys them.
        unsafe { Headers::from_raw(headers) }
    }
}

/// # Safety
/// `data` is null or points to `len` bytes that live for 'b and are not written to.
pub(super) unsafe fn slice<'b>(data: *const c_void, len: usize) -> Option<&'b [u8]> {
    if data.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) })
}
