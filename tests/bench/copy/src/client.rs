//! The two librdkafka clients of the copy.
//!
//! Comes in: properties, messages. Goes out: batches of messages, records in the producer's queue, commits. Must never: be
//! used from a second thread; the callbacks run inside `serve` and `flush`, on the thread that calls these.

use crate::Full;
use crate::properties;
use rdkafka_sys as sys;
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use sys::rd_kafka_resp_err_t as Code;
use sys::rd_kafka_vtype_t as Vtype;

const MOST_PARTITIONS: usize = 64;
/// The most that is produced and not yet acknowledged, and librdkafka's bookkeeping for a record: as json2avro has it. With
/// librdkafka's own bound alone the copy of small records takes 100 MiB more and no less CPU.
const IN_FLIGHT_BYTES: usize = 33_554_432;
const BOOKKEEPING: usize = 256;
/// An opaque holds the partition above the offset.
const OFFSET_BITS: u32 = 48;
/// `RD_KAFKA_PARTITION_UA`
const ANY_PARTITION: i32 = -1;
/// `RD_KAFKA_OFFSET_BEGINNING`
const BEGINNING: i64 = -2;

/// The next offset to read of each partition, behind what was delivered; 0 is nothing yet.
pub(crate) type Delivered = [Cell<i64>; MOST_PARTITIONS];

/// A member of the group that reads the source through a queue of its own.
pub(crate) struct Consumer {
    client: *mut sys::rd_kafka_t,
    /// Read apart from control events; the callback forwards assigned partitions to it.
    queue: Box<Cell<*mut sys::rd_kafka_queue_t>>,
    source: CString,
}

impl Consumer {
    pub(crate) fn new(brokers: &CStr, source: &CStr, group: &CStr) -> Result<Self, String> {
        let queue = Box::new(Cell::new(ptr::null_mut()));
        let conf = conf(properties::CONSUMER, &[(c"bootstrap.servers", brokers), (c"group.id", group)])?;
        // SAFETY: the configuration is ours until `rd_kafka_new` takes it; the boxed cell lives as long as the client; the
        // list is ours, and copied by `rd_kafka_subscribe`.
        unsafe {
            sys::rd_kafka_conf_set_opaque(conf, ptr::from_ref(&*queue).cast_mut().cast());
            sys::rd_kafka_conf_set_rebalance_cb(conf, Some(rebalance));
            let client = client(sys::rd_kafka_type_t::RD_KAFKA_CONSUMER, conf)?;
            queue.set(sys::rd_kafka_queue_new(client));
            sys::rd_kafka_poll_set_consumer(client);
            let topics = sys::rd_kafka_topic_partition_list_new(1);
            sys::rd_kafka_topic_partition_list_add(topics, source.as_ptr(), ANY_PARTITION);
            let code = sys::rd_kafka_subscribe(client, topics);
            sys::rd_kafka_topic_partition_list_destroy(topics);
            ok(code, "subscribing")?;
            Ok(Self { client, queue, source: source.to_owned() })
        }
    }

    /// Serves rebalances.
    pub(crate) fn serve(&self) -> Result<(), String> {
        // SAFETY: a live client; a message that comes is ours to destroy.
        unsafe {
            let message = sys::rd_kafka_consumer_poll(self.client, 0);
            if message.is_null() {
                return Ok(());
            }
            let code = (*message).err;
            sys::rd_kafka_message_destroy(message);
            ok(code, "consuming")?;
            Err("a record came on the control queue".into())
        }
    }

    /// Fills the empty batch: waits for one message, then takes what is there.
    pub(crate) fn take(&self, batch: &mut Vec<*mut sys::rd_kafka_message_t>, wait: i32) {
        for (wait, most) in [(wait, 1), (0, batch.capacity() - 1)] {
            let free = batch.spare_capacity_mut();
            // SAFETY: the call writes at most `most` pointers to the spare capacity, which has room for them, and says how
            // many it wrote.
            unsafe {
                let slots = free.as_mut_ptr().cast();
                let taken = sys::rd_kafka_consume_batch_queue(self.queue.get(), wait, slots, most.min(free.len()));
                if taken <= 0 {
                    return;
                }
                batch.set_len(batch.len() + taken as usize);
            }
        }
    }

    /// Commits; without waiting for the result, or with.
    pub(crate) fn commit(&self, delivered: &Delivered, without_waiting: bool) -> Result<(), String> {
        // SAFETY: a list of ours with live names; a live client.
        unsafe {
            let list = sys::rd_kafka_topic_partition_list_new(MOST_PARTITIONS as i32);
            for (partition, next) in (0..).zip(delivered).filter(|(_, next)| next.get() > 0) {
                (*sys::rd_kafka_topic_partition_list_add(list, self.source.as_ptr(), partition)).offset = next.get();
            }
            let code = match (*list).cnt {
                0 => Code::RD_KAFKA_RESP_ERR_NO_ERROR,
                _ => sys::rd_kafka_commit(self.client, list, i32::from(without_waiting)),
            };
            sys::rd_kafka_topic_partition_list_destroy(list);
            ok(code, "committing")
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // SAFETY: the queue and the client are ours, given back once, the queue first.
        unsafe {
            sys::rd_kafka_consumer_close(self.client);
            sys::rd_kafka_queue_destroy(self.queue.get());
            sys::rd_kafka_destroy(self.client);
        }
    }
}

unsafe extern "C" fn rebalance(
    client: *mut sys::rd_kafka_t,
    code: Code,
    list: *mut sys::rd_kafka_topic_partition_list_t,
    queue: *mut c_void,
) {
    // SAFETY: librdkafka gives a live client and list, and the cell that was set as opaque.
    unsafe {
        let error = if code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let queue = (*queue.cast::<Cell<*mut sys::rd_kafka_queue_t>>()).get();
            for index in 0..(*list).cnt as usize {
                let entry = &mut *(*list).elems.add(index);
                entry.offset = BEGINNING;
                let own = sys::rd_kafka_queue_get_partition(client, entry.topic, entry.partition);
                sys::rd_kafka_queue_forward(own, queue);
                sys::rd_kafka_queue_destroy(own);
            }
            sys::rd_kafka_incremental_assign(client, list)
        } else {
            sys::rd_kafka_incremental_unassign(client, list)
        };
        if !error.is_null() {
            let text = CStr::from_ptr(sys::rd_kafka_error_string(error));
            eprintln!("bench-copy: answering a rebalance: {}", text.to_string_lossy());
            sys::rd_kafka_error_destroy(error);
        }
    }
}

/// A producer of one topic.
pub(crate) struct Producer {
    client: *mut sys::rd_kafka_t,
    topic: *mut sys::rd_kafka_topic_t,
    reports: Box<Reports>,
}

struct Reports {
    delivered: Delivered,
    in_flight_bytes: Cell<usize>,
    failed: Cell<Code>,
}

impl Producer {
    pub(crate) fn new(brokers: &CStr, topic: &CStr) -> Result<Self, String> {
        let delivered = [const { Cell::new(0) }; MOST_PARTITIONS];
        let failed = Cell::new(Code::RD_KAFKA_RESP_ERR_NO_ERROR);
        let reports = Box::new(Reports { delivered, in_flight_bytes: Cell::new(0), failed });
        let conf = conf(properties::PRODUCER, &[(c"bootstrap.servers", brokers)])?;
        // SAFETY: as for the consumer; the boxed reports live as long as the client.
        unsafe {
            sys::rd_kafka_conf_set_opaque(conf, ptr::from_ref(&*reports).cast_mut().cast());
            sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(report));
            let client = client(sys::rd_kafka_type_t::RD_KAFKA_PRODUCER, conf)?;
            let topic = sys::rd_kafka_topic_new(client, topic.as_ptr(), ptr::null_mut());
            if topic.is_null() { Err("no such topic name".into()) } else { Ok(Self { client, topic, reports }) }
        }
    }

    /// Takes delivery reports, waiting up to `wait` milliseconds for some.
    pub(crate) fn serve(&self, wait: i32) -> Result<(), String> {
        // SAFETY: a live client.
        unsafe { sys::rd_kafka_poll(self.client, wait) };
        ok(self.reports.failed.get(), "delivering")
    }

    /// Waits until all is delivered.
    pub(crate) fn flush(&self, wait: i32) -> Result<(), String> {
        // SAFETY: a live client.
        ok(unsafe { sys::rd_kafka_flush(self.client, wait) }, "flushing")?;
        ok(self.reports.failed.get(), "delivering")
    }

    pub(crate) fn delivered(&self) -> &Delivered {
        &self.reports.delivered
    }

    /// Enqueues a copy of a message; its headers are moved.
    pub(crate) fn enqueue(&self, message: *mut sys::rd_kafka_message_t) -> Result<Full, String> {
        let in_flight_bytes = self.reports.in_flight_bytes.get();
        if in_flight_bytes >= IN_FLIGHT_BYTES {
            return Ok(Full(true));
        }
        // SAFETY: a live message, client and topic; each VTYPE is followed by arguments of the types that rdkafka.h
        // documents; key and value are copied. The headers are taken on success, and put back otherwise.
        unsafe {
            let record = &*message;
            ok(record.err, "consuming")?;
            let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
            let timestamp = sys::rd_kafka_message_timestamp(message, &raw mut kind);
            let mut headers = ptr::null_mut();
            sys::rd_kafka_message_detach_headers(message, &raw mut headers);
            let code = sys::rd_kafka_producev(
                self.client,
                Vtype::RD_KAFKA_VTYPE_RKT,
                self.topic,
                Vtype::RD_KAFKA_VTYPE_PARTITION,
                record.partition,
                Vtype::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::RD_KAFKA_MSG_F_COPY,
                Vtype::RD_KAFKA_VTYPE_VALUE,
                record.payload,
                record.len,
                Vtype::RD_KAFKA_VTYPE_KEY,
                record.key,
                record.key_len,
                Vtype::RD_KAFKA_VTYPE_OPAQUE,
                ((record.partition as u64) << OFFSET_BITS | record.offset as u64) as *mut c_void,
                Vtype::RD_KAFKA_VTYPE_TIMESTAMP,
                timestamp,
                Vtype::RD_KAFKA_VTYPE_HEADERS,
                headers,
                Vtype::RD_KAFKA_VTYPE_END,
            );
            if code == Code::RD_KAFKA_RESP_ERR__QUEUE_FULL {
                if !headers.is_null() {
                    sys::rd_kafka_message_set_headers(message, headers);
                }
                return Ok(Full(true));
            }
            ok(code, "enqueueing")?;
            self.reports.in_flight_bytes.set(in_flight_bytes + record.len + record.key_len + BOOKKEEPING);
            Ok(Full(false))
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // SAFETY: ours, given back once, the topic first.
        unsafe {
            sys::rd_kafka_topic_destroy(self.topic);
            sys::rd_kafka_destroy(self.client);
        }
    }
}

unsafe extern "C" fn report(
    _client: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    reports: *mut c_void,
) {
    // SAFETY: librdkafka gives a live message with the opaque it was enqueued with, and the reports set as opaque.
    let (message, reports) = unsafe { (&*message, &*reports.cast::<Reports>()) };
    let bytes = message.len + message.key_len + BOOKKEEPING;
    reports.in_flight_bytes.set(reports.in_flight_bytes.get().saturating_sub(bytes));
    if message.err != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
        reports.failed.set(message.err);
        return;
    }
    let opaque = message._private as u64;
    // An idempotent producer delivers a partition's records in order: the last one stands for all before it.
    if let Some(next) = reports.delivered.get((opaque >> OFFSET_BITS) as usize) {
        next.set((opaque & ((1 << OFFSET_BITS) - 1)) as i64 + 1);
    }
}

fn conf(properties: &[(&str, &str)], more: &[(&CStr, &CStr)]) -> Result<*mut sys::rd_kafka_conf_t, String> {
    // SAFETY: no preconditions.
    let conf = unsafe { sys::rd_kafka_conf_new() };
    for (name, value) in properties {
        let text = |text: &str| CString::new(text).map_err(|error| error.to_string());
        set(conf, &text(name)?, &text(value)?)?;
    }
    for (name, value) in more {
        set(conf, name, value)?;
    }
    Ok(conf)
}

fn set(conf: *mut sys::rd_kafka_conf_t, name: &CStr, value: &CStr) -> Result<(), String> {
    let mut error = [0 as c_char; 256];
    // SAFETY: a live configuration, NUL-terminated strings, and room for the message, which is NUL-terminated too.
    unsafe {
        let result = sys::rd_kafka_conf_set(conf, name.as_ptr(), value.as_ptr(), error.as_mut_ptr(), error.len());
        if result == sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
            return Ok(());
        }
        Err(CStr::from_ptr(error.as_ptr()).to_string_lossy().into_owned())
    }
}

/// # Safety
/// The configuration is the caller's, and taken.
unsafe fn client(kind: sys::rd_kafka_type_t, conf: *mut sys::rd_kafka_conf_t) -> Result<*mut sys::rd_kafka_t, String> {
    let mut error = [0 as c_char; 256];
    // SAFETY: the caller's configuration, and room for the message.
    unsafe {
        let client = sys::rd_kafka_new(kind, conf, error.as_mut_ptr(), error.len());
        if client.is_null() {
            return Err(CStr::from_ptr(error.as_ptr()).to_string_lossy().into_owned());
        }
        Ok(client)
    }
}

fn ok(code: Code, what: &str) -> Result<(), String> {
    if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    // SAFETY: a static text.
    let text = unsafe { CStr::from_ptr(sys::rd_kafka_err2str(code)) };
    Err(format!("{what}: {}", text.to_string_lossy()))
}
