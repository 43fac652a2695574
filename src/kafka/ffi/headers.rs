//! Record headers: owned and movable from a consumed record to a produced one.
//!
//! Comes in: detached or new header lists. Goes out: the same lists to the producer. Must never: copy what can be moved.

use super::batch::slice;
use rdkafka::message::BorrowedMessage;
use rdkafka_sys as sys;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::{self, NonNull};

/// What librdkafka allocates for a list (`rd_kafka_headers_t` and the pointers of some headers) and for each header beside
/// its name and value (`rd_kafka_header_t`), each rounded up by the allocator.
const LIST: usize = 112;
const HEADER: usize = 48;

/// A message's headers, name and value. A broker stores any bytes as a name.
pub(in crate::kafka) fn headers<'m>(message: &'m BorrowedMessage<'_>) -> Vec<(&'m [u8], Option<&'m [u8]>)> {
    let mut headers = ptr::null_mut();
    // SAFETY: a live message, read by this thread alone; the headers stay the message's.
    let error = unsafe { sys::rd_kafka_message_headers(message.ptr(), &raw mut headers) };
    if error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Vec::new();
    }
    // SAFETY: live headers; a NUL-terminated name, and null or `len` bytes, that live as long as the message.
    unsafe { each(headers).map(|(name, value, len)| (CStr::from_ptr(name).to_bytes(), slice(value, len))).collect() }
}

/// Names (NUL-terminated) and values (null or so many bytes), in their order.
///
/// # Safety
/// `headers` lives for as long as the iterator is asked.
unsafe fn each(headers: *const sys::rd_kafka_headers_t) -> impl Iterator<Item = (*const c_char, *const c_void, usize)> {
    (0..).map_while(move |index| {
        let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
        // SAFETY: live headers and three places to write to; behind the last index it says so.
        let error =
            unsafe { sys::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut len) };
        let found = error == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && !name.is_null();
        found.then_some((name, value, len))
    })
}

/// Record headers, owned: ordered, names may repeat.
#[derive(Debug)]
pub struct Headers {
    headers: NonNull<sys::rd_kafka_headers_t>,
    bytes: usize,
}

// SAFETY: an owned list without thread affinity.
unsafe impl Send for Headers {}

impl Headers {
    /// No headers yet. None only when memory is out.
    #[must_use]
    pub fn empty() -> Option<Self> {
        const USUAL: usize = 8;
        // SAFETY: no preconditions; null is checked.
        NonNull::new(unsafe { sys::rd_kafka_headers_new(USUAL) }).map(|headers| Self { headers, bytes: LIST })
    }

    /// What they take in memory, or more: what is removed still counts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
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
        self.bytes += HEADER + name.len() + value.len();
    }

    /// Whether any header's name begins with these bytes: one look at each, where a removal compares whole names.
    #[must_use]
    pub fn any_begins(&self, with: &[u8]) -> bool {
        // SAFETY: an owned list.
        unsafe { each(self.headers.as_ptr()) }.any(|(name, _, _)| {
            // SAFETY: a NUL-terminated name: what differs, its NUL included, ends the comparison within it.
            let byte = |at| u8::from_ne_bytes(unsafe { *name.add(at) }.to_ne_bytes());
            with.iter().enumerate().all(|(at, wanted)| byte(at) == *wanted)
        })
    }

    /// Removes every header of this name.
    pub fn remove(&mut self, name: &CStr) {
        // SAFETY: an owned list and a NUL-terminated name. A name that is not there is no failure for us.
        unsafe {
            sys::rd_kafka_header_remove(self.headers.as_ptr(), name.as_ptr());
        }
    }

    pub(super) fn into_raw(self) -> *mut sys::rd_kafka_headers_t {
        let raw = self.headers.as_ptr();
        std::mem::forget(self);
        raw
    }

    /// # Safety
    /// `raw` is null or an owned list that nobody else destroys.
    pub(super) unsafe fn from_raw(raw: *mut sys::rd_kafka_headers_t) -> Option<Self> {
        let headers = NonNull::new(raw)?;
        // SAFETY: a live list with NUL-terminated names.
        let header = |(name, _, len)| HEADER + unsafe { CStr::from_ptr(name) }.count_bytes() + len;
        // SAFETY: as above.
        let bytes = LIST + unsafe { each(raw) }.map(header).sum::<usize>();
        Some(Self { headers, bytes })
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
