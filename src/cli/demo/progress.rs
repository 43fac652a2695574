//! The run as it goes: looked at a few times a second, shown, and ended when all is done.
//!
//! Comes in: the pipeline's totals, what was fed. Goes out: lines and the status block, the order to drain. Must never:
//! change a number on its way to the screen; wait for ever for what does not move.

use super::screen::{Screen, grouped, megabytes};
use super::settings::PIPELINE;
use crate::embedded::feed::Feed;
use crate::fault::{Blame, Fault, Stage};
use crate::lifecycle::Shutdown;
use crate::telemetry::{Metrics, Totals};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(50);
/// Between two drawings of the block, and between two lines where there is none.
const REDRAW: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(1);
/// Speeds are taken over this time.
const SPEED_OVER: Duration = Duration::from_secs(1);
/// When nothing moves for this long, nothing will.
const STALLED: Duration = Duration::from_secs(30);
const BAR: u64 = 30;

/// A run under way.
#[derive(Debug)]
pub(super) struct Progress {
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    records: Option<u64>,
    began: Instant,
    drawn: Option<Instant>,
    looks: VecDeque<Look>,
    now: Look,
    /// When anything last moved.
    moved: Instant,
    /// We ordered the drain ourselves.
    done: bool,
    /// A signal did, or nobody reads any more.
    interrupted: bool,
    trouble: Option<Fault>,
}

/// One look at the run.
#[derive(Clone, Debug)]
struct Look {
    at: Instant,
    fed: u64,
    committed: u64,
    totals: Totals,
}

/// How a run went.
#[derive(Debug)]
pub(super) struct Run {
    /// The pipeline's last numbers.
    pub(super) totals: Totals,
    /// From the first record to the drain.
    pub(super) took: Duration,
    /// It was ended before everything was read.
    pub(super) interrupted: bool,
    /// Why we ended it early, if we did.
    pub(super) trouble: Option<Fault>,
}

impl Progress {
    /// Begins to watch; `records` is how many there will be, if that is known.
    pub(super) fn new(metrics: Arc<Metrics>, shutdown: Shutdown, records: Option<u64>) -> Self {
        let began = Instant::now();
        let now = Look { at: began, fed: 0, committed: 0, totals: Totals::default() };
        Self {
            metrics,
            shutdown,
            records,
            began,
            drawn: None,
            looks: VecDeque::new(),
            now,
            moved: began,
            done: false,
            interrupted: false,
            trouble: None,
        }
    }

    /// One look, shown if it is time; orders the drain when everything is done.
    pub(super) fn step(&mut self, feed: &Feed, screen: &mut Screen) {
        std::thread::sleep(TICK);
        // Asked first: once it has ended, what it has fed is final.
        let ended = feed.ended();
        self.look(feed.fed().records, screen);
        let every = if screen.live() { REDRAW } else { LINE };
        if self.drawn.is_none_or(|drawn| self.now.at.duration_since(drawn) >= every) {
            self.draw(screen);
        }
        if self.shutdown.ordered() {
            if !self.done && !self.interrupted {
                self.interrupted = true;
                self.tell(screen, "interrupted: what was read is delivered and committed, then it ends");
            }
        } else if screen.gone() {
            self.interrupted = true;
            self.end();
        } else if ended && self.now.settled() {
            self.end();
        } else if self.now.at.duration_since(self.moved) > STALLED {
            let message = format!("nothing moved for {} s", STALLED.as_secs());
            self.give_up(Fault::lasting(Stage::Consume, Blame::Us, "stalled", message));
        }
    }

    /// Ends the run because of a fault.
    pub(super) fn give_up(&mut self, fault: Fault) {
        if self.trouble.is_none() {
            self.trouble = Some(fault);
            self.end();
        }
    }

    /// The pipeline has ended: the last look.
    pub(super) fn close(mut self, feed: &Feed, screen: &mut Screen) -> Run {
        self.look(feed.fed().records, screen);
        self.draw(screen);
        screen.settle();
        let took = self.moved.duration_since(self.began);
        Run { totals: self.now.totals, took, interrupted: self.interrupted, trouble: self.trouble }
    }

    /// A line with the time since the beginning.
    pub(super) fn tell(&self, screen: &mut Screen, what: &str) {
        let line = format!("  {:>5.1} s  {what}", self.began.elapsed().as_secs_f64());
        screen.say(&line);
    }

    /// Records that the sink topic has acknowledged.
    pub(super) fn produced(&self) -> u64 {
        self.now.totals.produced
    }

    /// The id of the schema that the pipeline writes with.
    pub(super) fn schema_id(&self) -> Option<i32> {
        self.now.totals.schemas.first().map(|schema| schema.id)
    }

    fn end(&mut self) {
        self.done = true;
        self.shutdown.order();
    }

    fn look(&mut self, fed: u64, screen: &mut Screen) {
        let totals = self.metrics.totals(PIPELINE);
        // Partitions that were given back take their offsets out of the metrics, not out of the group.
        let committed = totals.committed.values().sum::<i64>().unsigned_abs().max(self.now.committed);
        let look = Look { at: Instant::now(), fed, committed, totals };
        let before = std::mem::replace(&mut self.now, look);
        if self.now.marks() != before.marks() {
            self.moved = self.now.at;
        }
        if before.totals.produced == 0 && self.now.totals.produced > 0 {
            let schema = self.now.schema();
            self.tell(screen, &format!("the first records are through: {schema}"));
        }
        if before.totals.dead_letters() == 0 && self.now.totals.dead_letters() > 0 {
            let reasons: Vec<&str> = self.now.totals.dead_lettered.keys().copied().collect();
            self.tell(screen, &format!("bad records become dead letters ({}), the others go on", reasons.join(", ")));
        }
        while self.looks.front().is_some_and(|look| self.now.at.duration_since(look.at) > SPEED_OVER) {
            self.looks.pop_front();
        }
        self.looks.push_back(before);
    }

    fn draw(&mut self, screen: &mut Screen) {
        self.drawn = Some(self.now.at);
        if screen.live() {
            screen.redraw(self.block(screen));
        } else {
            screen.say(&self.line());
        }
    }

    /// The block: three lines of less than 80 columns.
    fn block(&self, screen: &Screen) -> Vec<String> {
        let (speed, input, output) = self.speeds();
        let now = &self.now;
        let ended = now.ended();
        let records = match self.records {
            Some(records) => {
                let full = (ended.min(records) * BAR).checked_div(records).unwrap_or(0);
                let bar: String = (0..BAR).map(|place| if place < full { '#' } else { '.' }).collect();
                format!("{} of {}  [{bar}]", grouped(ended), grouped(records))
            }
            None => format!("{}  (Ctrl-C ends it)", grouped(ended)),
        };
        vec![
            String::new(),
            format!("  {}  {}", screen.bold("records"), records),
            format!("  {}    {speed} records/s   JSON in {input}/s   Avro out {output}/s", screen.bold("speed")),
            format!(
                "  {}      {}   dead letters {}   {}",
                screen.bold("lag"),
                grouped(now.lag()),
                grouped(now.totals.dead_letters()),
                now.schema()
            ),
        ]
    }

    fn line(&self) -> String {
        let (speed, input, output) = self.speeds();
        let now = &self.now;
        format!(
            "  {:>5.1} s  {} records  {speed}/s  in {input}/s  out {output}/s  lag {}  dead letters {}  {}",
            now.at.duration_since(self.began).as_secs_f64(),
            grouped(now.ended()),
            grouped(now.lag()),
            grouped(now.totals.dead_letters()),
            now.schema()
        )
    }

    /// Records and bytes in and out in a second.
    fn speeds(&self) -> (String, String, String) {
        let Some(before) = self.looks.front() else { return Default::default() };
        let millis = self.now.at.duration_since(before.at).as_millis().max(1);
        let speed = |now: u64, before: u64| {
            u64::try_from(u128::from(now.saturating_sub(before)) * 1000 / millis).unwrap_or(u64::MAX)
        };
        let (now, then) = (&self.now.totals, &before.totals);
        (
            grouped(speed(self.now.ended(), before.ended())),
            megabytes(speed(now.consumed_bytes, then.consumed_bytes)),
            megabytes(speed(now.produced_bytes, then.produced_bytes)),
        )
    }
}

impl Look {
    /// Records that ended for good.
    fn ended(&self) -> u64 {
        self.totals.produced + self.totals.dead_letters() + self.totals.skipped
    }

    /// Records in the source topic that are not committed.
    fn lag(&self) -> u64 {
        self.fed.saturating_sub(self.committed)
    }

    /// Everything that was fed has ended and is committed.
    fn settled(&self) -> bool {
        self.ended() >= self.fed && self.committed >= self.fed && self.totals.in_flight == 0
    }

    /// What moves while the run does.
    fn marks(&self) -> (u64, u64, u64, u64) {
        (self.fed, self.ended(), self.committed, self.totals.schema_switches)
    }

    fn schema(&self) -> String {
        match self.totals.schemas.first() {
            Some(schema) => format!("schema version {} (id {})", schema.version.unwrap_or_default(), schema.id),
            None => "no schema yet".to_owned(),
        }
    }
}
