//! The consumer's two queues: data, which is read in batches, and control, which commit results come to.
//!
//! Comes in: a live consumer's handle. Goes out: batches of messages, commits under way. Must never: outlive the consumer.

use super::batch::Batch;
use super::waited::WaitedQueue;
use crate::record::TopicPartition;
use rdkafka_sys as sys;
use std::ffi::{CStr, CString};
use std::ptr::{self, NonNull};
use std::time::Duration;

/// A queue that partitions are forwarded to, read apart from the consumer's control queue.
#[derive(Debug)]
pub(in crate::kafka) struct DataQueue {
    client: NonNull<sys::rd_kafka_t>,
    queue: WaitedQueue,
}

// SAFETY: librdkafka's queues are thread-safe; the lane that owns this moves to its thread once.
unsafe impl Send for DataQueue {}

impl DataQueue {
    /// A new queue of a live client. The caller keeps the client alive for longer than the queue.
    pub(in crate::kafka) fn new(client: *mut sys::rd_kafka_t) -> Option<Self> {
        let client = NonNull::new(client)?;
        // SAFETY: `client` is a live handle; the new queue is ours alone.
        let queue = unsafe { WaitedQueue::own(sys::rd_kafka_queue_new(client.as_ptr())) }?;
        Some(Self { client, queue })
    }

    /// Sends a partition's records here from now on. False: librdkafka does not know the partition.
    pub(in crate::kafka) fn forward(&self, topic: &CStr, partition: i32) -> bool {
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

    /// Refills an exhausted batch with what is there, or waits up to `wait` for it, until the batch holds enough bytes: what is
    /// taken no longer counts in librdkafka's queue, which at once fetches more.
    ///
    /// `rd_kafka_consume_batch_queue` counts messages and not bytes: so it is asked for as many again as there are already,
    /// which makes at most some twice as much as is enough, where records are of a size.
    pub(in crate::kafka) fn take(&self, batch: &mut Batch, wait: Duration, enough: usize) {
        batch.clear();
        let (mut most, mut came) = (1, 0);
        self.queue.find(wait, || {
            came = batch.fill(&self.queue, 1);
            (came > 0).then_some(())
        });
        while came == most && batch.bytes() < enough {
            most = batch.len();
            came = batch.fill(&self.queue, most);
        }
    }
}

/// The consumer's own queue, as the place that commit results come back to: the crate's commit without waiting gives none.
#[derive(Debug)]
pub(in crate::kafka) struct ControlQueue {
    client: NonNull<sys::rd_kafka_t>,
    queue: NonNull<sys::rd_kafka_queue_t>,
}

// SAFETY: as for DataQueue.
unsafe impl Send for ControlQueue {}

impl ControlQueue {
    /// The consumer queue of a live client in a group. The caller keeps the client alive for longer than this.
    pub(in crate::kafka) fn new(client: *mut sys::rd_kafka_t) -> Option<Self> {
        let client = NonNull::new(client)?;
        // SAFETY: a live handle; the result is a counted reference, checked for null.
        let queue = NonNull::new(unsafe { sys::rd_kafka_queue_get_consumer(client.as_ptr()) })?;
        Some(Self { client, queue })
    }

    /// Sends a commit of "next to read" offsets, whose result comes as an OFFSET_COMMIT event.
    pub(in crate::kafka) fn commit(&self, offsets: &[(TopicPartition, i64)]) -> sys::rd_kafka_resp_err_t {
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
