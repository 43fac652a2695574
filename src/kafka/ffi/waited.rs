//! A queue that is waited for by the monotonic clock.
//!
//! librdkafka itself waits for a moment of the wall clock (tinycthread_extra.c, `cnd_timedwait_ms`): where someone sets that
//! back by an hour, a wait of 50 ms that is under way lasts an hour longer, unless something comes. So it is never told to
//! wait: it says when a queue is empty no more (`rd_kafka_queue_cb_event_enable`), and the wait is the standard library's.
//!
//! Comes in: a queue. Goes out: its pointer, and when something came. Must never: miss what came before the wait.

use rdkafka_sys as sys;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A reference to a queue, given back at the end.
#[derive(Debug)]
pub(super) struct WaitedQueue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    bell: Arc<Bell>,
}

/// Rings when something comes into the empty queue.
#[derive(Debug, Default)]
struct Bell {
    rang: Mutex<bool>,
    ringing: Condvar,
}

impl WaitedQueue {
    /// Takes a reference over. None: there is no queue.
    ///
    /// # Safety
    /// `queue` is null or a reference of the caller's, to a queue whose events nobody else is told of.
    pub(super) unsafe fn own(queue: *mut sys::rd_kafka_queue_t) -> Option<Self> {
        let queue = NonNull::new(queue)?;
        let bell = Arc::new(Bell::default());
        // SAFETY: a live queue; the opaque is `bell`, which lives until `drop` has taken the callback back.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(ring), Arc::as_ptr(&bell).cast_mut().cast());
        }
        Some(Self { queue, bell })
    }

    /// Live as long as this.
    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    /// What `look` finds in the queue, at once or when something came within `wait`. `look` must not wait, and must take all
    /// that is there before it finds nothing.
    pub(super) fn find<T>(&self, wait: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        if wait.is_zero() {
            return look();
        }
        // Before the look: what comes behind it rings.
        *self.bell.rang.lock().unwrap_or_else(PoisonError::into_inner) = false;
        let found = look();
        if found.is_some() {
            return found;
        }
        let rang = self.bell.rang.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.bell.ringing.wait_timeout_while(rang, wait, |rang| !*rang));
        look()
    }
}

impl Drop for WaitedQueue {
    fn drop(&mut self) {
        // SAFETY: our own reference, given back once. librdkafka calls the callback and takes it back under the queue's lock:
        // behind this no call is under way, and none follows.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// # Safety
/// `bell` is that of a `WaitedQueue` that lives.
unsafe extern "C" fn ring(_: *mut sys::rd_kafka_t, bell: *mut c_void) {
    // SAFETY: as the caller says.
    let bell = unsafe { &*bell.cast::<Bell>() };
    *bell.rang.lock().unwrap_or_else(PoisonError::into_inner) = true;
    bell.ringing.notify_one();
}
