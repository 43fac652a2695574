//! The lanes of a pipeline: threads side by side that share its routes and nothing else. Each is a member of the group by
//! itself, so that one that ends and is started anew is a rebalance to the others, no more.
//!
//! Comes in: routes, the order to drain. Goes out: how the pipeline's lanes ended. Must never: end one lane because of a
//! fault in another that time mends; be on a record's way.

use super::route::Board;
use super::routes::Routes;
use super::supervisor::{AGAIN, Seat, Supervisor, died};
use crate::fault::{Fault, Stage};
use crate::lifecycle::Shutdown;
use crate::telemetry::Events;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

/// A lane that ran so long did not come to nothing.
const RAN: Duration = Duration::from_secs(60);

/// What is known of the lanes from one start to the next, and those that run.
#[derive(Debug)]
pub(super) struct Lanes {
    known: Vec<Known>,
    /// The ends of threads, with the lanes' numbers.
    running: JoinSet<(usize, Result<(), Fault>)>,
}

/// One lane.
#[derive(Clone, Debug)]
struct Known {
    began: Instant,
    /// Starts in a row that came to nothing.
    tries: u32,
    /// It ended, and is started anew then.
    due: Option<Instant>,
}

/// From one look at the topics to the next.
struct Turn<'a> {
    pipeline: &'a Supervisor,
    board: Arc<Board>,
    dead_letter: i32,
    /// The order to drain, which one lane's lasting fault is to the others, too.
    drain: Shutdown,
    failed: Option<Fault>,
}

impl Lanes {
    pub(super) fn new(seats: &[Seat]) -> Self {
        let known = Known { began: Instant::now(), tries: 0, due: None };
        Self { known: vec![known; seats.len()], running: JoinSet::new() }
    }

    /// Starts all lanes, and those that end anew; meanwhile asks for newer schemas and new topics. Returns when all are
    /// drained, or when none runs and one may be started: then the topics are to be looked at first.
    ///
    /// # Errors
    /// What a lane ended with, if it stays so until someone acts; the others have drained.
    pub(super) async fn run(
        &mut self,
        pipeline: &Supervisor,
        routes: &mut Routes,
        dead_letter: i32,
        events: &mut Events,
    ) -> Result<(), Fault> {
        let (board, drain) = (routes.board(), Shutdown::default());
        let mut turn = Turn { pipeline, board, dead_letter, drain, failed: None };
        (0..self.known.len()).for_each(|number| self.start(number, &mut turn, events));
        if turn.failed.is_none() {
            events.started(&pipeline.config.group_id, routes.count(), self.running.len());
        }
        let partitions = routes.partitions();
        if self.running.len() > partitions {
            events.idle_lanes(self.running.len(), partitions);
        }
        while !(self.running.is_empty() && turn.drain.ordered()) {
            let due = self.known.iter().filter_map(|lane| lane.due).min().filter(|_| !turn.drain.ordered());
            tokio::select! {
                Some(ended) = self.running.join_next() => self.ended(ended, &mut turn, events),
                () = pipeline.shutdown.wait(), if !turn.drain.ordered() => turn.drain.order(),
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                    if self.running.is_empty() {
                        return Ok(());
                    }
                    self.start_due(&mut turn, events);
                }
                () = routes.freshen(events) => {}
            }
        }
        turn.failed.map_or(Ok(()), Err)
    }

    fn start_due(&mut self, turn: &mut Turn<'_>, events: &mut Events) {
        let now = Instant::now();
        let due = |(number, lane): (usize, &Known)| lane.due.is_some_and(|due| due <= now).then_some(number);
        let due: Vec<usize> = self.known.iter().enumerate().filter_map(due).collect();
        due.into_iter().for_each(|number| self.start(number, turn, events));
    }

    fn start(&mut self, number: usize, turn: &mut Turn<'_>, events: &mut Events) {
        (self.known[number].began, self.known[number].due) = (Instant::now(), None);
        if turn.drain.ordered() {
            return;
        }
        match turn.start(number) {
            Ok(ended) => {
                let lost = |_| Err(died(Stage::Consume, "the lane", "it panicked"));
                self.running.spawn(async move { (number, ended.await.unwrap_or_else(lost)) });
            }
            Err(fault) => self.faulted(number, fault, turn, events),
        }
    }

    fn ended(
        &mut self,
        ended: Result<(usize, Result<(), Fault>), JoinError>,
        turn: &mut Turn<'_>,
        events: &mut Events,
    ) {
        match ended {
            Ok((_, Ok(()))) => {}
            Ok((number, Err(fault))) => self.faulted(number, fault, turn, events),
            Err(error) => turn.fail(died(Stage::Consume, "the wait for a lane", &error.to_string())),
        }
    }

    /// What time mends is mended by a new lane; what lasts ends them all.
    fn faulted(&mut self, number: usize, fault: Fault, turn: &mut Turn<'_>, events: &mut Events) {
        let (now, others) = (Instant::now(), !self.running.is_empty());
        if !fault.retry && fault.reason != "producer_fatal" {
            if others && turn.failed.is_none() {
                events.lane_failed(number, &fault);
                turn.pipeline.failed();
            }
            return turn.fail(fault);
        }
        if others {
            events.lane_ended(number, &fault, now);
        } else {
            events.waiting(&fault, now);
        }
        let lane = &mut self.known[number];
        lane.tries = if lane.began.elapsed() > RAN { 0 } else { lane.tries + 1 };
        lane.due = Some(now + AGAIN.wait(lane.tries));
    }
}

impl Turn<'_> {
    /// Starts a lane's thread; what comes is its end.
    fn start(&self, number: usize) -> Result<oneshot::Receiver<Result<(), Fault>>, Fault> {
        let (board, drain) = (Arc::clone(&self.board), self.drain.clone());
        let lane = self.pipeline.build_lane(number, board, self.dead_letter, drain)?;
        let (send, ended) = oneshot::channel();
        let name = format!("lane {number} {}", self.pipeline.config.name);
        let spawned = std::thread::Builder::new().name(name).spawn(move || {
            // Nobody listens any more only when the process is on its way out.
            drop(send.send(lane.run()));
        });
        spawned.map_err(|error| died(Stage::Config, "the lane's thread", &error.to_string()))?;
        Ok(ended)
    }

    fn fail(&mut self, fault: Fault) {
        self.failed.get_or_insert(fault);
        self.drain.order();
    }
}
