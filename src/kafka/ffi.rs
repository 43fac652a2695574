//! The raw librdkafka calls, and why each is needed. The only file with `unsafe`.
//!
//! - *Batch consume on an own queue* (`rd_kafka_queue_new`, `rd_kafka_queue_forward`, `rd_kafka_consume_batch_queue`):
//!   the crate has neither a batch call (0.3 CPU-s per million records cheaper) nor a way to read data apart from
//!   control, which back-pressure needs: not reading data while rebalances are still served.
//! - *Commit with its result on the control queue* (`rd_kafka_commit_queue`): the crate's commit either blocks the lane or
//!   tells nobody how it ended.
//! - *Produce with a topic handle and detached headers* (`rd_kafka_producev`, `rd_kafka_message_detach_headers`): the
//!   crate looks the topic up by name and copies every header for each record.
//! - *Header names as bytes* (`rd_kafka_header_get_all`): the crate panics on a name that is no UTF-8.
//!
//! Comes in: borrowed clients of the crate, which own the native handles. Goes out: owned Rust values whose `Drop` gives
//! each native object back once. Must never: outlive the client (`Consumer` and `Producer` hold these in fields that
//! are dropped before their client), or be read from two threads (one lane owns all of it).

#![expect(unsafe_code, reason = "the calls above have no safe form in the crate; each block carries its argument")]

use crate::record::{Timestamp, TopicPartition};
use rdkafka::message::BorrowedMessage;
use rdkafka_sys as sys;
use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::time::Duration;

// An opaque carries a 64-bit ticket through a pointer.
const _: () = assert!(usize::BITS == 64);

/// A queue that partitions are forwarded to, read apart from the consumer's control queue.
#[derive(Debug)]
pub(super) struct DataQueue {
    client: NonNull<sys::rd_kafka_t>,
    queue: NonNull<sys::rd_kafka_queue_t>,
}

// SAFETY: librdkafka's queues are thread-safe; the lane that owns this moves to its thread once.
unsafe impl Send for DataQueue {}

impl DataQueue {
    /// A new queue of a live client. The caller keeps the client alive for longer than the queue.
    pub(super) fn new(client: *mut sys::rd_kafka_t) -> Option<Self> {
        let client = NonNull::new(client)?;
        // SAFETY: `client` is a live handle; the result is checked for null.
        let queue = NonNull::new(unsafe { sys::rd_kafka_queue_new(client.as_ptr()) })?;
        Some(Self { client, queue })
    }

    /// Sends a partition's records here from now on. False: librdkafka does not know the partition.
    pub(super) fn forward(&self, topic: &CStr, partition: i32) -> bool {
        // SAFETY: live client, NUL-terminated topic; the partition queue is a counted reference that we give back, and
        // forwarding keeps its own reference to our queue.
        unsafe {
            let queue = sys::rd_kafka_queue_get_partition(self.client.as_ptr(), topic.as_ptr(), partition);
            if queue.is_null() {
                return false;
            }
            sys::rd_kafka_queue_forward(queue, self.queue.as_ptr());
            sys::rd_kafka_queue_destroy(queue);
        }
        true
    }

    /// Refills an exhausted batch: waits up to `wait` for the first message, then takes what is there already.
    ///
    /// `rd_kafka_consume_batch_queue` waits for a *full* batch or the whole timeout, hence one with a wait and the rest
    /// with none.
    pub(super) fn take(&self, batch: &mut Batch, wait: Duration) {
        batch.clear();
        let wait = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        if self.fill(batch, wait, 1) == 1 {
            self.fill(batch, 0, Batch::SIZE - 1);
        }
    }

    fn fill(&self, batch: &mut Batch, wait_millis: i32, most: usize) -> usize {
        let used = batch.messages.len();
        // SAFETY: `messages` was allocated with capacity SIZE and holds at most SIZE - most pointers, so `most` slots
        // behind its length are ours to write; the call writes `taken` of them, each an owned message.
        unsafe {
            let slots = batch.messages.as_mut_ptr().add(used);
            let taken = sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), wait_millis, slots, most);
            let taken = usize::try_from(taken).unwrap_or(0).min(most);
            batch.messages.set_len(used + taken);
            taken
        }
    }
}

impl Drop for DataQueue {
    fn drop(&mut self) {
        // SAFETY: our own reference, given back once.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// The consumer's own queue, as the place that commit results come back to: the crate's commit without waiting gives none.
#[derive(Debug)]
pub(super) struct ControlQueue {
    client: NonNull<sys::rd_kafka_t>,
    queue: NonNull<sys::rd_kafka_queue_t>,
}

// SAFETY: as for DataQueue.
unsafe impl Send for ControlQueue {}

impl ControlQueue {
    /// The consumer queue of a live client in a group. The caller keeps the client alive for longer than this.
    pub(super) fn new(client: *mut sys::rd_kafka_t) -> Option<Self> {
        let client = NonNull::new(client)?;
        // SAFETY: a live handle; the result is a counted reference, checked for null.
        let queue = NonNull::new(unsafe { sys::rd_kafka_queue_get_consumer(client.as_ptr()) })?;
        Some(Self { client, queue })
    }

    /// Sends a commit of "next to read" offsets, whose result comes as an OFFSET_COMMIT event.
    pub(super) fn commit(&self, offsets: &[(TopicPartition, i64)]) -> sys::rd_kafka_resp_err_t {
        let count = i32::try_from(offsets.len()).unwrap_or(0);
        // SAFETY: an own list, filled with NUL-terminated names, which the call copies, destroyed once; a live client
        // and queue; no callback, so no opaque is looked at.
        unsafe {
            let list = sys::rd_kafka_topic_partition_list_new(count);
            for (partition, offset) in offsets {
                let topic = CString::new(partition.topic.as_str()).unwrap_or_default();
                let element = sys::rd_kafka_topic_partition_list_add(list, topic.as_ptr(), partition.partition);
                (*element).offset = *offset;
            }
            let (client, queue) = (self.client.as_ptr(), self.queue.as_ptr());
            let error = sys::rd_kafka_commit_queue(client, list, queue, None, ptr::null_mut());
            sys::rd_kafka_topic_partition_list_destroy(list);
            error
        }
    }
}

impl Drop for ControlQueue {
    fn drop(&mut self) {
        // SAFETY: our own reference, given back once.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// Messages taken together, owned until the next take.
#[derive(Debug)]
pub(super) struct Batch {
    messages: Vec<*mut sys::rd_kafka_message_t>,
}

// SAFETY: owned messages, touched by the owning lane only.
unsafe impl Send for Batch {}

impl Batch {
    /// Enough to spread the fixed cost of a take, little enough to bound what a lane holds beyond its budget.
    const SIZE: usize = 1000;

    pub(super) fn new() -> Self {
        Self { messages: Vec::with_capacity(Self::SIZE) }
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<Message<'_>> {
        let message = NonNull::new(*self.messages.get(index)?)?;
        Some(Message { message, batch: PhantomData })
    }

    pub(super) fn clear(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: each pointer came from consume_batch_queue and is destroyed once, here.
            unsafe { sys::rd_kafka_message_destroy(message) }
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A message of a batch, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'b> {
    message: NonNull<sys::rd_kafka_message_t>,
    batch: PhantomData<&'b Batch>,
}

impl<'b> Message<'b> {
    fn raw(&self) -> &'b sys::rd_kafka_message_t {
        // SAFETY: the batch owns the message for 'b, and nothing writes to the fields that we read.
        unsafe { self.message.as_ref() }
    }

    pub(super) fn error(&self) -> sys::rd_kafka_resp_err_t {
        self.raw().err
    }

    /// The text that librdkafka gives with an error message.
    pub(super) fn error_text(&self) -> String {
        // SAFETY: a message that lives; the text belongs to it or is static.
        let text = unsafe { sys::rd_kafka_message_errstr(self.message.as_ptr()) };
        if text.is_null() {
            return String::new();
        }
        // SAFETY: not null, NUL-terminated by librdkafka.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }

    /// Tells topics apart without reading their names: equal tokens, equal topics.
    pub(super) fn topic_token(&self) -> usize {
        self.raw().rkt as usize
    }

    pub(super) fn topic(&self) -> &'b str {
        let topic = self.raw().rkt;
        if topic.is_null() {
            return "";
        }
        // SAFETY: a live topic handle that the message holds a reference to; its name is NUL-terminated and lives as
        // long as the handle.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic)) }.to_str().unwrap_or("")
    }

    pub(super) fn partition(&self) -> i32 {
        self.raw().partition
    }

    pub(super) fn offset(&self) -> i64 {
        self.raw().offset
    }

    pub(super) fn timestamp(&self) -> Timestamp {
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

    pub(super) fn key(&self) -> Option<&'b [u8]> {
        let raw = self.raw();
        // SAFETY: librdkafka gives null or `key_len` readable bytes, alive as long as the message.
        unsafe { slice(raw.key, raw.key_len) }
    }

    pub(super) fn value(&self) -> Option<&'b [u8]> {
        let raw = self.raw();
        // SAFETY: as for the key, `len` bytes.
        unsafe { slice(raw.payload, raw.len) }
    }

    /// Takes the headers off the message: a second call finds none.
    pub(super) fn detach_headers(&self) -> Option<Headers> {
        let mut headers = ptr::null_mut();
        // SAFETY: a live message; on success the headers are ours, and the message no longer refers to them.
        let error = unsafe { sys::rd_kafka_message_detach_headers(self.message.as_ptr(), &raw mut headers) };
        if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        NonNull::new(headers).map(|headers| Headers { headers })
    }
}

/// # Safety
/// `data` is null or points to `len` bytes that live for 'b and are not written to.
unsafe fn slice<'b>(data: *const c_void, len: usize) -> Option<&'b [u8]> {
    if data.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) })
}

/// A message's headers, name and value. A broker stores any bytes as a name.
pub(super) fn headers<'m>(message: &'m BorrowedMessage<'_>) -> Vec<(&'m [u8], Option<&'m [u8]>)> {
    let mut headers = ptr::null_mut();
    // SAFETY: a live message, read by this thread alone; the headers stay the message's.
    let error = unsafe { sys::rd_kafka_message_headers(message.ptr(), &raw mut headers) };
    if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Vec::new();
    }
    let header = |index| {
        let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
        // SAFETY: live headers and three places to write to; behind the last index it says so.
        let error =
            unsafe { sys::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut len) };
        (error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && !name.is_null()).then(|| {
            // SAFETY: a NUL-terminated name, and null or `len` bytes, that live as long as the message.
            unsafe { (CStr::from_ptr(name).to_bytes(), slice(value, len)) }
        })
    };
    (0..).map_while(header).collect()
}

/// Record headers, owned: ordered, names may repeat.
#[derive(Debug)]
pub struct Headers {
    headers: NonNull<sys::rd_kafka_headers_t>,
}

// SAFETY: an owned list without thread affinity.
unsafe impl Send for Headers {}

impl Headers {
    /// No headers yet. None only when memory is out.
    #[must_use]
    pub fn empty() -> Option<Self> {
        const USUAL: usize = 8;
        // SAFETY: no preconditions; null is checked.
        NonNull::new(unsafe { sys::rd_kafka_headers_new(USUAL) }).map(|headers| Self { headers })
    }

    /// Appends a header. librdkafka fails here only when memory is out.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        let (name_len, value_len) = (as_ssize(name.len()), as_ssize(value.len()));
        // SAFETY: explicit lengths, both copied by the call.
        unsafe {
            sys::rd_kafka_header_add(
                self.headers.as_ptr(),
                name.as_ptr().cast::<c_char>(),
                name_len,
                value.as_ptr().cast::<c_void>(),
                value_len,
            );
        }
    }

    /// Removes every header of this name.
    pub fn remove(&mut self, name: &CStr) {
        // SAFETY: an owned list and a NUL-terminated name. A name that is not there is no failure for us.
        unsafe {
            sys::rd_kafka_header_remove(self.headers.as_ptr(), name.as_ptr());
        }
    }

    fn into_raw(self) -> *mut sys::rd_kafka_headers_t {
        let raw = self.headers.as_ptr();
        std::mem::forget(self);
        raw
    }

    /// # Safety
    /// `raw` is null or an owned list that nobody else destroys.
    unsafe fn from_raw(raw: *mut sys::rd_kafka_headers_t) -> Option<Self> {
        NonNull::new(raw).map(|headers| Self { headers })
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        // SAFETY: owned, destroyed once.
        unsafe { sys::rd_kafka_headers_destroy(self.headers.as_ptr()) }
    }
}

fn as_ssize(len: usize) -> isize {
    isize::try_from(len).unwrap_or(isize::MAX)
}

/// A producer's handle of one topic: saves the look-up by name for each record.
#[derive(Debug)]
pub(super) struct TopicHandle {
    client: NonNull<sys::rd_kafka_t>,
    topic: NonNull<sys::rd_kafka_topic_t>,
}

// SAFETY: a counted, thread-safe handle; owned by one lane.
unsafe impl Send for TopicHandle {}

impl TopicHandle {
    /// A handle of a live client. The caller keeps the client alive for longer than the handle.
    pub(super) fn new(client: *mut sys::rd_kafka_t, name: &CString) -> Option<Self> {
        let client = NonNull::new(client)?;
        // SAFETY: live client, NUL-terminated name, default topic configuration; null is checked.
        let topic = unsafe { sys::rd_kafka_topic_new(client.as_ptr(), name.as_ptr(), ptr::null_mut()) };
        NonNull::new(topic).map(|topic| Self { client, topic })
    }

    /// Enqueues one record. Key and value are copied; the headers are taken on success and left on failure.
    pub(super) fn produce(&self, record: &Outgoing<'_>, headers: &mut Option<Headers>) -> sys::rd_kafka_resp_err_t {
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
pub(super) struct Outgoing<'r> {
    pub(super) partition: i32,
    pub(super) key: Option<&'r [u8]>,
    pub(super) value: Option<&'r [u8]>,
    pub(super) timestamp_millis: i64,
    pub(super) ticket: u64,
}

/// An empty slice has a dangling, non-null pointer: an empty key stays empty, an absent one stays absent.
fn parts(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast::<c_void>(), bytes.len()))
}
