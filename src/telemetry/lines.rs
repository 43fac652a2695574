//! Log lines on their way to standard error: a short queue, and a thread that alone may wait for whoever reads.
//!
//! Comes in: whole lines from any thread. Goes out: the same lines in order, and how many were left out where nobody read in
//! time. Must never: hold up or end who logs. Written straight to standard error, a pipe that nobody reads stops a lane in
//! the middle of a record, and one whose reader has gone makes tracing-subscriber panic over it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait at most: a second's worth of a bad day.
const MOST: usize = 4096;
/// How long the end of the process waits for them.
const PATIENCE: Duration = Duration::from_millis(500);

/// Those of this process.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Where lines are handed over.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    queue: SyncSender<Vec<u8>>,
    tally: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    /// Handed over and not written yet.
    waiting: AtomicU64,
    dropped: AtomicU64,
}

/// One line while it is being put together; handed over when dropped.
#[derive(Debug)]
pub(super) struct Line<'l> {
    bytes: Vec<u8>,
    lines: &'l Lines,
}

impl Lines {
    /// The process's queue to standard error.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn begin() -> io::Result<Self> {
        let (queue, lines) = sync_channel(MOST);
        let tally = Arc::new(Tally::default());
        let writing = Arc::clone(&tally);
        thread::Builder::new().name("log".into()).spawn(move || write(&lines, &writing))?;
        let lines = Self { queue, tally };
        Ok(LINES.get_or_init(|| lines).clone())
    }

    fn hand_over(&self, line: Vec<u8>) {
        self.tally.waiting.fetch_add(1, Ordering::SeqCst);
        if self.queue.try_send(line).is_err() {
            self.tally.waiting.fetch_sub(1, Ordering::SeqCst);
            self.tally.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Waits, half a second at most, until all lines are written: before the process ends.
pub(super) fn flush() {
    let Some(lines) = LINES.get() else { return };
    let deadline = Instant::now() + PATIENCE;
    while lines.tally.waiting.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
}

fn write(lines: &Receiver<Vec<u8>>, tally: &Tally) {
    for line in lines {
        // Whoever read has gone, and nobody is left to tell.
        drop(io::stderr().write_all(&line));
        let dropped = tally.dropped.swap(0, Ordering::SeqCst);
        if dropped > 0 {
            tracing::warn!(times = dropped, "log lines left out: nobody read standard error in time");
        }
        tally.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<'l> MakeWriter<'l> for Lines {
    type Writer = Line<'l>;

    fn make_writer(&'l self) -> Line<'l> {
        Line { bytes: Vec::new(), lines: self }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.lines.hand_over(std::mem::take(&mut self.bytes));
    }
}
