//! What the principal may do to a topic, a group or the cluster: "authorized operations" (KIP-430).
//!
//! Comes in: a live client's handle, what is asked about. Goes out: operations, none where the cluster does not tell, or an
//! error code. Must never: change anything at the cluster, wait without a bound.

use super::reports::Event;
use rdkafka_sys as sys;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::NonNull;
use std::slice;
use std::time::Duration;
use sys::rd_kafka_admin_op_t as Request;
use sys::rd_kafka_resp_err_t as Code;

/// Time for librdkafka to tell by itself that a question took too long.
const SLACK: Duration = Duration::from_secs(1);

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub(in crate::kafka) enum Resource<'n> {
    Topic(&'n CStr),
    Group(&'n CStr),
    Cluster,
}

/// Numbers as in `rd_kafka_AclOperation_t`.
pub(in crate::kafka) type Operations = Vec<u32>;

/// Asks a live client's cluster, and waits for the answer. None: it does not tell.
pub(in crate::kafka) fn authorized_operations(
    client: *mut sys::rd_kafka_t,
    of: Resource<'_>,
    wait: Duration,
) -> Result<Option<Operations>, Code> {
    let client = NonNull::new(client).ok_or(Code::RD_KAFKA_RESP_ERR__INVALID_ARG)?;
    let queue = Queue::new(client)?;
    let options = Options::new(client, of, wait)?;
    send(client, of, &options, &queue);
    let wait = c_int::try_from((wait + SLACK).as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: our own live queue. The event is ours and is destroyed once, by `Event`; one that comes after the queue is
    // gone is dropped by librdkafka.
    let event = NonNull::new(unsafe { sys::rd_kafka_queue_poll(queue.0.as_ptr(), wait) });
    read(&Event(event.ok_or(Code::RD_KAFKA_RESP_ERR__TIMED_OUT)?), of)
}

fn send(client: NonNull<sys::rd_kafka_t>, of: Resource<'_>, options: &Options, queue: &Queue) {
    let (client, options, queue) = (client.as_ptr(), options.0.as_ptr(), queue.0.as_ptr());
    // SAFETY: live client, options and queue; a list of one NUL-terminated name, which librdkafka copies, as it does the
    // options; the collection is ours and destroyed once.
    unsafe {
        match of {
            Resource::Topic(name) => {
                let topics = sys::rd_kafka_TopicCollection_of_topic_names([name.as_ptr()].as_mut_ptr(), 1);
                sys::rd_kafka_DescribeTopics(client, topics, options, queue);
                sys::rd_kafka_TopicCollection_destroy(topics);
            }
            Resource::Group(name) => {
                sys::rd_kafka_DescribeConsumerGroups(client, [name.as_ptr()].as_mut_ptr(), 1, options, queue);
            }
            Resource::Cluster => sys::rd_kafka_DescribeCluster(client, options, queue),
        }
    }
}

fn read(event: &Event, of: Resource<'_>) -> Result<Option<Operations>, Code> {
    let event = event.0.as_ptr();
    // SAFETY: a live event. Each `_result` gives null unless the event is of its kind, which is looked at before use. What
    // they lead to lives as long as the event: lists of `count` pointers, of which the first is read where there is one,
    // and operations, which are copied.
    unsafe {
        succeeded(sys::rd_kafka_event_error(event))?;
        let (mut count, mut listed) = (0, 0);
        let operations = match of {
            Resource::Topic(_) => {
                let result = known(sys::rd_kafka_event_DescribeTopics_result(event))?;
                let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut listed);
                let topic = first(topics, listed)?;
                succeeded(sys::rd_kafka_error_code(sys::rd_kafka_TopicDescription_error(topic)))?;
                sys::rd_kafka_TopicDescription_authorized_operations(topic, &raw mut count)
            }
            Resource::Group(_) => {
                let result = known(sys::rd_kafka_event_DescribeConsumerGroups_result(event))?;
                let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut listed);
                let group = first(groups, listed)?;
                succeeded(sys::rd_kafka_error_code(sys::rd_kafka_ConsumerGroupDescription_error(group)))?;
                sys::rd_kafka_ConsumerGroupDescription_authorized_operations(group, &raw mut count)
            }
            Resource::Cluster => {
                let result = known(sys::rd_kafka_event_DescribeCluster_result(event))?;
                sys::rd_kafka_DescribeCluster_result_authorized_operations(result, &raw mut count)
            }
        };
        // As numbers: a Rust enum must not hold one that it does not know. Without any, the pointer is not null and leads
        // to nothing.
        let operations = operations.cast::<u32>();
        Ok(match (operations.is_null(), count) {
            (true, _) => None,
            (false, 0) => Some(Operations::new()),
            (false, count) => Some(slice::from_raw_parts(operations, count).to_vec()),
        })
    }
}

fn succeeded(code: Code) -> Result<(), Code> {
    if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(code) }
}

fn known<T>(result: *const T) -> Result<*const T, Code> {
    if result.is_null() { Err(Code::RD_KAFKA_RESP_ERR__BAD_MSG) } else { Ok(result) }
}

/// # Safety
/// `list` is null or leads to `count` pointers.
unsafe fn first<T>(list: *mut *const T, count: usize) -> Result<*const T, Code> {
    if list.is_null() || count == 0 {
        return Err(Code::RD_KAFKA_RESP_ERR__BAD_MSG);
    }
    // SAFETY: as the caller says, and there is one.
    known(unsafe { *list })
}

/// The queue that one answer comes to.
struct Queue(NonNull<sys::rd_kafka_queue_t>);

impl Queue {
    fn new(client: NonNull<sys::rd_kafka_t>) -> Result<Self, Code> {
        // SAFETY: a live client; the result is checked for null.
        let queue = unsafe { sys::rd_kafka_queue_new(client.as_ptr()) };
        NonNull::new(queue).map(Self).ok_or(Code::RD_KAFKA_RESP_ERR__FAIL)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: our own reference, given back once.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Options {
    fn new(client: NonNull<sys::rd_kafka_t>, of: Resource<'_>, wait: Duration) -> Result<Self, Code> {
        let request = match of {
            Resource::Topic(_) => Request::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            Resource::Group(_) => Request::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
            Resource::Cluster => Request::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER,
        };
        let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        let mut text: [c_char; 256] = [0; 256];
        // SAFETY: a live client; null is checked, and from then on `Options` destroys them once; the text's length is given
        // with it; an error is ours and is destroyed once.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(client.as_ptr(), request);
            let options = Self(NonNull::new(options).ok_or(Code::RD_KAFKA_RESP_ERR__INVALID_ARG)?);
            let raw = options.0.as_ptr();
            succeeded(sys::rd_kafka_AdminOptions_set_request_timeout(raw, wait, text.as_mut_ptr(), text.len()))?;
            let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(raw, 1);
            let code = sys::rd_kafka_error_code(error);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
            }
            succeeded(code).map(|()| options)
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: owned, destroyed once.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) }
    }
}
