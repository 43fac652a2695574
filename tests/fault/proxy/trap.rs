//! A frame that the proxies stop: the last one of a sequence that a client's connections have to show.
//!
//! It is a failpoint from outside: while the frame is held, its client stands exactly before what the frame would begin, or
//! after what the broker has done and before the client knows.
//!
//! Comes in: requests and answers as they come along, by any proxy. Goes out: whether one is held. Must never: hold two
//! frames, or one of another client.

use super::Api;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A kind of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    api: Api,
    answer: bool,
    /// An EndTxn that takes its transaction back.
    aborts: bool,
}

impl Sight {
    /// A request that has not reached its broker.
    pub(crate) const fn request(api: Api) -> Self {
        Self { api, answer: false, aborts: false }
    }

    /// An answer that has not reached its client: the broker has done the work.
    pub(crate) const fn answer(api: Api) -> Self {
        Self { api, answer: true, aborts: false }
    }

    /// Of a transaction that is taken back: of EndTxn alone.
    pub(crate) const fn of_an_abort(self) -> Self {
        Self { aborts: true, ..self }
    }
}

/// A request, as far as traps want to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) api: Api,
    client: Vec<u8>,
    aborts: bool,
}

impl Request {
    /// A request's frame: length, api key, version, correlation id, client id, ... (kafka.apache.org/protocol, "Headers").
    /// EndTxn ends with whether it commits, up to version 2; librdkafka sends version 1.
    pub(super) fn of(frame: &[u8]) -> Self {
        let api = Api(i16::from_be_bytes([frame[4], frame[5]]));
        let client = frame.get(12..14).map_or(0, |length| usize::from(u16::from_be_bytes([length[0], length[1]])));
        let client = frame.get(14..14 + client).unwrap_or_default().to_vec();
        Self { api, client, aborts: api == Api::END_TXN && frame.last() == Some(&0) }
    }
}

/// What becomes of the frame in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes its way, as if it had been late.
    Passes,
    /// It goes nowhere, and its connection is reset.
    Lost,
}

/// A trap.
#[derive(Debug)]
pub(crate) struct Trap {
    client: Vec<u8>,
    sequence: Vec<Sight>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    seen: usize,
    fate: Option<Fate>,
}

impl Trap {
    /// For the last of these frames, in this order, others between, of the client with this `client.id`.
    pub(crate) fn new(client: &str, sequence: &[Sight]) -> Self {
        let (client, sequence) = (client.as_bytes().to_vec(), sequence.to_vec());
        Self { client, sequence, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Whether the frame is held by now, within a limit.
    pub(crate) fn holds(&self, limit: Duration) -> bool {
        let waiting = |state: &mut State| state.seen < self.sequence.len();
        let waited = self.changed.wait_timeout_while(self.lock(), limit, waiting);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Holds no frame any more, and stops none that is yet to come.
    pub(crate) fn release(&self, fate: Fate) {
        self.lock().fate.get_or_insert(fate);
        self.changed.notify_all();
    }

    /// A frame comes along; does not return while it is held. Whether it may go on.
    pub(super) fn pass(&self, request: &Request, answer: bool) -> bool {
        let mut state = self.lock();
        let sight = Sight { api: request.api, answer, aborts: request.aborts };
        if state.fate.is_some() || request.client != self.client || self.sequence.get(state.seen) != Some(&sight) {
            return true;
        }
        state.seen += 1;
        if state.seen < self.sequence.len() {
            return true;
        }
        self.changed.notify_all();
        let held = self.changed.wait_while(state, |state| state.fate.is_none());
        held.unwrap_or_else(PoisonError::into_inner).fate == Some(Fate::Passes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
