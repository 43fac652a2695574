//! A byte copy of one topic to another, partition by partition, by the cheapest loop that librdkafka allows.
//!
//! `bench-copy BROKERS SOURCE SINK GROUP` copies from the source's beginning until SIGTERM; then it flushes, commits and
//! leaves. Key, partition, timestamp and headers stay. Offsets are committed every second, behind delivery reports.
//! Comes in: records. Goes out: the same records. Must never: use anything of json2avro's, or do for a record what copying
//! it at-least-once does not need. Librdkafka's C calls throughout: no layer of Rust is paid for.

mod client;
mod properties;

use client::{Consumer, Producer};
use rdkafka_sys as sys;
use std::ffi::CString;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// As in json2avro.
#[cfg(all(target_os = "linux", feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
const BATCH: usize = 1000;
/// Milliseconds to wait for a batch's first record, and for reports when the producer's queue is full.
const WAIT: i32 = 10;
const FLUSH: i32 = 20_000;

static ENDED: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let arguments: Option<Vec<CString>> = std::env::args().skip(1).map(|text| CString::new(text).ok()).collect();
    let Some([brokers, source, sink, group]) = arguments.as_deref() else {
        eprintln!("usage: bench-copy BROKERS SOURCE SINK GROUP");
        return ExitCode::from(64);
    };
    // SAFETY: the handler stores to an atomic and does nothing else.
    unsafe { libc::signal(libc::SIGTERM, end as extern "C" fn(i32) as libc::sighandler_t) };
    let copied = Producer::new(brokers, sink).and_then(|producer| {
        let consumer = Consumer::new(brokers, source, group)?;
        copy(&consumer, &producer)
    });
    match copied {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench-copy: {message}");
            ExitCode::from(70)
        }
    }
}

extern "C" fn end(_signal: i32) {
    ENDED.store(true, Ordering::Relaxed);
}

fn copy(consumer: &Consumer, producer: &Producer) -> Result<(), String> {
    let mut batch = Vec::with_capacity(BATCH);
    let mut committed = Instant::now();
    while !ENDED.load(Ordering::Relaxed) {
        consumer.serve()?;
        producer.serve(0)?;
        if committed.elapsed() >= COMMIT_INTERVAL {
            committed = Instant::now();
            consumer.commit(producer.delivered(), true)?;
        }
        consumer.take(&mut batch, WAIT);
        for message in batch.drain(..) {
            while producer.enqueue(message)? == Full(true) {
                producer.serve(WAIT)?;
            }
            // SAFETY: owned by the batch, destroyed once.
            unsafe { sys::rd_kafka_message_destroy(message) };
        }
    }
    producer.flush(FLUSH)?;
    consumer.commit(producer.delivered(), false)
}

/// Whether the producer's queue had no room.
#[derive(PartialEq, Eq)]
struct Full(bool);
