//! A lane's transactions: the calls that block, on a thread of their own, one at a time.
//!
//! The lane goes on polling its queues meanwhile; a flush inside a call even needs that, for it waits until the reports
//! are read. After a commit or an abort the next transaction is begun, which asks nobody.
//!
//! librdkafka bounds the sending of offsets by the arrival of answers, not by a clock (rdkafka_txnmgr.c: the call waits with
//! `RD_POLL_INFINITE`; rdkafka_coord.c: `creq_ts_timeout` is set and never read). Where the lookup of the group's coordinator
//! is answered with an error such as NOT_COORDINATOR, nothing asks again until a connection goes up or down, and the call
//! does not come back. A thread that hangs in one is left behind with its producer. Should it go on later, it does no harm:
//! the next producer's init ends or awaits what that one left, and only then are the group's offsets asked.
//!
//! Comes in: one call at a time. Goes out: how it ended. Must never: wait without a bound; decide what an end means.

use super::ffi::{TransactionError, commit_transaction};
use super::offsets::list_at;
use super::producer::{Client, Producer, introduce};
use super::{code_fault, consumer};
use crate::fault::{Blame, Fault, Stage};
use crate::record::TopicPartition;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at whether anyone still waits for the call's end.
const SLICE: Duration = Duration::from_millis(500);
/// Between two tries of a call that fails at once.
const PAUSE: Duration = Duration::from_millis(20);
/// The most that an introduction to the cluster takes before it.
const INTRODUCTION: Duration = Duration::from_millis(500);
/// How long an init goes on before the lane is told that it has to wait.
const INIT: Duration = Duration::from_secs(5);
/// How long one try may take before it is taken to hang: all but the sending of offsets end after a `SLICE`, and that with
/// the answer, which comes within moments or may never come.
const HANGS: Duration = Duration::from_secs(10);
/// How long the last call may go on once nobody waits for it.
const FAREWELL: Duration = Duration::from_secs(2);

/// How a call ended.
#[derive(Debug)]
pub enum End {
    /// Well; the next transaction has begun.
    Done,
    /// Not yet: make the same call again.
    Again(Fault),
    /// The transaction was not committed and has to be aborted.
    Rejected(Fault),
    /// Nobody knows whether it took effect, or the producer is of no more use: a new one with the same id finds out.
    Unknown(Fault),
    /// Another producer has the id by now, or the broker aborted a transaction that took too long.
    Fenced(Fault),
    /// It stays so until someone acts.
    Refused(Fault),
}

enum Call {
    /// The first one of a producer; the one before it is dropped first. A topic that is there, if one is known.
    Init(Client, Option<String>, Option<Box<Producer>>),
    Commit(Client, Vec<(TopicPartition, i64)>, consumer::Group),
    Abort(Client),
}

/// When the thread's call, or the last try of it, began; None: none is under way.
type Trying = Arc<Mutex<Option<Instant>>>;

/// The thread that makes the calls.
#[derive(Debug)]
pub struct Transactor {
    calls: SyncSender<Call>,
    ends: Receiver<End>,
    /// Nobody waits for the end of a call any more.
    given_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    under_way: Cell<bool>,
    trying: Trying,
    name: String,
    patience: Duration,
}

impl Transactor {
    /// Starts the thread. `patience` bounds each commit and abort.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn begin(name: &str, patience: Duration) -> std::io::Result<Self> {
        let (calls, taken) = sync_channel::<Call>(1);
        let (end, ends) = sync_channel(1);
        let given_up = Arc::new(AtomicBool::new(false));
        let trying = Trying::default();
        let caller = Caller { patience, given_up: Arc::clone(&given_up), trying: Arc::clone(&trying) };
        let thread = std::thread::Builder::new().name(format!("transactions {name}")).spawn(move || {
            while let Ok(call) = taken.recv() {
                if end.send(caller.make(call)).is_err() {
                    return;
                }
            }
        })?;
        let (thread, under_way, name) = (Some(thread), Cell::new(false), name.to_owned());
        Ok(Self { calls, ends, given_up, thread, under_way, trying, name, patience })
    }

    /// Takes a producer's id over from all that had it before: what they left open is aborted, or waited for.
    pub fn init(&self, producer: &Producer, before: Option<Producer>) {
        // Later a topic may be gone, and asking for it make it anew.
        let topic = producer.any_topic().filter(|_| before.is_none()).map(str::to_owned);
        self.call(Call::Init(producer.client(), topic, before.map(Box::new)));
    }

    /// Commits what was produced together with these "next to read" offsets.
    pub fn commit(&self, producer: &Producer, offsets: Vec<(TopicPartition, i64)>, group: consumer::Group) {
        self.call(Call::Commit(producer.client(), offsets, group));
    }

    /// Takes back what was produced since the last commit.
    pub fn abort(&self, producer: &Producer) {
        self.call(Call::Abort(producer.client()));
    }

    /// How the call ended, once it has.
    #[must_use]
    pub fn ended(&mut self) -> Option<End> {
        let end = match self.ends.try_recv() {
            Ok(end) => end,
            Err(TryRecvError::Empty) => {
                locked(&self.trying).filter(|since| since.elapsed() >= HANGS)?;
                self.leave_behind()
            }
            Err(TryRecvError::Disconnected) => End::Refused(died()),
        };
        self.under_way.set(false);
        Some(end)
    }

    /// Goes on with another thread.
    fn leave_behind(&mut self) -> End {
        // Neither joined nor waited for: it may hang for good. It holds all that its call needs.
        drop(self.thread.take());
        self.under_way.set(false);
        match Self::begin(&self.name, self.patience) {
            Ok(another) => *self = another,
            Err(_) => return End::Refused(died()),
        }
        let message = "a transaction call did not come back, as happens while a coordinator moves; a new producer takes \
                       the transactional id over, and the group's offsets tell whether it took effect";
        End::Unknown(Fault::passing(Stage::Commit, Blame::Broker, "unreachable", message))
    }

    /// One call at a time, so there is room; a thread that died says so by `ended`.
    fn call(&self, call: Call) {
        self.under_way.set(true);
        drop(self.calls.try_send(call));
    }
}

impl Drop for Transactor {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
        // Ends the thread's loop.
        self.calls = sync_channel(1).0;
        let hangs = self.under_way.get() && matches!(self.ends.recv_timeout(FAREWELL), Err(RecvTimeoutError::Timeout));
        if let Some(thread) = self.thread.take().filter(|_| !hangs) {
            // A panic there has been reported by its thread.
            drop(thread.join());
        }
    }
}

/// The thread's side.
struct Caller {
    patience: Duration,
    given_up: Arc<AtomicBool>,
    trying: Trying,
}

impl Caller {
    fn make(&self, call: Call) -> End {
        *locked(&self.trying) = Some(Instant::now());
        let end = self.end_of(call);
        *locked(&self.trying) = None;
        end
    }

    fn end_of(&self, call: Call) -> End {
        match call {
            Call::Init(client, topic, before) => {
                // It may hold the old one's unsent records for a moment.
                drop(before);
                if let Some(topic) = topic {
                    // Asked for its coordinator before a broker is there, librdkafka asks again half a second later.
                    introduce(&client, &topic, INTRODUCTION);
                }
                let tried = self.tried(Instant::now(), INIT, |wait| told(client.init_transactions(wait)));
                match tried.and_then(|()| told(client.begin_transaction())) {
                    Ok(()) => End::Done,
                    Err(error) => init_end(&error),
                }
            }
            Call::Commit(client, offsets, group) => {
                let Ok(list) = list_at(&offsets) else { return End::Refused(died()) };
                let began = Instant::now();
                let sent = self.tried(began, self.patience, |wait| {
                    told(client.send_offsets_to_transaction(&list, &group.0, wait))
                });
                let committed = sent.and_then(|()| {
                    let native = client.client().native_ptr();
                    self.tried(began, self.patience, |wait| commit_transaction(native, wait))
                });
                Self::over(&client, committed, "committing a transaction")
            }
            Call::Abort(client) => {
                let aborted = self.tried(Instant::now(), self.patience, |wait| told(client.abort_transaction(wait)));
                Self::over(&client, aborted, "aborting a transaction")
            }
        }
    }

    /// Makes a call until it ends, is given up or takes too long.
    fn tried(
        &self,
        began: Instant,
        patience: Duration,
        mut call: impl FnMut(Duration) -> Result<(), TransactionError>,
    ) -> Result<(), TransactionError> {
        loop {
            *locked(&self.trying) = Some(Instant::now());
            let tried = call(SLICE);
            let again = tried.as_ref().is_err_and(|error| error.retriable);
            if !again || began.elapsed() >= patience || self.given_up.load(Ordering::Relaxed) {
                return tried;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn over(client: &Client, ended: Result<(), TransactionError>, what: &str) -> End {
        match ended {
            // A begin fails only where the producer is done for: the next record and the next call find that out.
            Ok(()) => {
                drop(client.begin_transaction());
                End::Done
            }
            Err(error) => end(&error, what),
        }
    }
}

fn locked(trying: &Trying) -> MutexGuard<'_, Option<Instant>> {
    trying.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What librdkafka's flags say (its INTRODUCTION.md, "Transactional producer"): what is none of them is fatal.
fn end(error: &TransactionError, what: &str) -> End {
    let fault = fault(error, what);
    match error {
        error if error.fatal && fenced(error.code) => End::Fenced(fault),
        error if error.abort && !error.fatal => End::Rejected(fault),
        // Retriable, but for too long: a commit may have taken effect.
        _ => End::Unknown(fault),
    }
}

fn init_end(error: &TransactionError) -> End {
    let fault = fault(error, "taking over the transactional id");
    match error {
        error if error.fatal && fenced(error.code) => End::Fenced(fault),
        error if error.retriable => End::Again(fault),
        _ if !fault.retry && fault.blame == Blame::Config => End::Refused(fault),
        _ => End::Unknown(fault),
    }
}

/// Codes by which a broker says that the producer's epoch is not the newest any more.
fn fenced(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
}

fn fault(error: &TransactionError, what: &str) -> Fault {
    code_fault(Stage::Commit, &format!("{what}: {}", error.text), error.code)
}

fn told(result: KafkaResult<()>) -> Result<(), TransactionError> {
    result.map_err(|error| match error {
        KafkaError::Transaction(error) => TransactionError {
            code: error.code(),
            fatal: error.is_fatal(),
            retriable: error.is_retriable(),
            abort: error.txn_requires_abort(),
            text: error.string(),
        },
        other => TransactionError {
            code: RDKafkaErrorCode::Fail,
            fatal: true,
            retriable: false,
            abort: false,
            text: other.to_string(),
        },
    })
}

fn died() -> Fault {
    Fault::lasting(Stage::Commit, Blame::Us, "died", "the thread of the transactions did not live; please report this")
}
