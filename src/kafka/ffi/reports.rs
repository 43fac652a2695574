//! A producer's main queue: delivery reports in bulk, and what else librdkafka has to say.
//!
//! The crate's poll makes a reference-counted message of every report and hands it to a callback; on small records that is
//! a few per cent of all work. Here an event's reports are read where they lie.
//!
//! Comes in: a live producer's handle. Goes out: tickets, errors, log lines. Must never: outlive the producer.

use super::waited::WaitedQueue;
use rdkafka_sys as sys;
use std::ffi::{CStr, c_char};
use std::ptr::{self, NonNull};
use std::time::Duration;

/// The main queue of a producer in event mode.
#[derive(Debug)]
pub(in crate::kafka) struct ReportQueue {
    queue: WaitedQueue,
}

// SAFETY: librdkafka's queues are thread-safe; the lane that owns this moves to its thread once.
unsafe impl Send for ReportQueue {}

/// One event of the queue.
#[derive(Debug)]
pub(in crate::kafka) enum Served {
    /// Reports, each of which was handed over.
    Reports,
    /// The client's own trouble.
    Error(sys::rd_kafka_resp_err_t, String),
    /// A log line: level as in syslog, facility, text.
    Log(i32, String, String),
    /// Something that is of no concern.
    Other,
}

impl ReportQueue {
    /// The main queue of a live client. The caller keeps the client alive for longer than this.
    pub(in crate::kafka) fn new(client: *mut sys::rd_kafka_t) -> Option<Self> {
        let client = NonNull::new(client)?;
        // SAFETY: a live handle; the result is a reference of ours. Nobody else is told of its events: the crate's producer
        // polls, and ours (`context::Unread`) does not even that.
        unsafe { WaitedQueue::own(sys::rd_kafka_queue_get_main(client.as_ptr())) }.map(|queue| Self { queue })
    }

    /// Takes one event, waiting up to `wait` for it, and hands each report in it over: its ticket, and what became of the
    /// record. None: there was no event.
    pub(in crate::kafka) fn serve(
        &self,
        wait: Duration,
        mut report: impl FnMut(u64, sys::rd_kafka_resp_err_t),
    ) -> Option<Served> {
        // SAFETY: a live queue; the event is ours and is destroyed once, by `Event`.
        let event = || NonNull::new(unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), 0) }).map(Event);
        Some(self.queue.find(wait, event)?.read(&mut report))
    }
}

/// An event of any queue, destroyed with this.
pub(super) struct Event(pub(super) NonNull<sys::rd_kafka_event_t>);

impl Event {
    fn read(&self, report: &mut impl FnMut(u64, sys::rd_kafka_resp_err_t)) -> Served {
        let event = self.0.as_ptr();
        // SAFETY: a live event; each accessor is called on the type of event that it is for; messages and texts live as
        // long as the event and are copied; a message's `_private` is the ticket that it was produced with.
        unsafe {
            match sys::rd_kafka_event_type(event) {
                sys::RD_KAFKA_EVENT_DR => {
                    while let Some(message) = sys::rd_kafka_event_message_next(event).as_ref() {
                        report(message._private as usize as u64, message.err);
                    }
                    Served::Reports
                }
                sys::RD_KAFKA_EVENT_ERROR => {
                    Served::Error(sys::rd_kafka_event_error(event), text(sys::rd_kafka_event_error_string(event)))
                }
                sys::RD_KAFKA_EVENT_LOG => {
                    let (mut facility, mut line, mut level) = (ptr::null(), ptr::null(), 0);
                    match sys::rd_kafka_event_log(event, &raw mut facility, &raw mut line, &raw mut level) {
                        0 => Served::Log(level, text(facility), text(line)),
                        _ => Served::Other,
                    }
                }
                _ => Served::Other,
            }
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: owned, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

/// # Safety
/// `text` is null or NUL-terminated.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().trim().to_owned()
}
