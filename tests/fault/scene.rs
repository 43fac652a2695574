//! One case's world: topics, a registry, a feeder, a watcher and the sidecars between them.
//!
//! Comes in: a name, a mode, settings. Goes out: what a case may ask and wait for, and in the end the history. Must never:
//! wait for time to pass instead of something to happen.

use super::cluster::{BROKERS, Turn};
use super::feeder::{Feed, Feeder, PARTITIONS};
use super::history::History;
use super::member::{Member, Names};
use super::readback::{Decoded, Readback, unstable};
use super::watcher::Watcher;
use crate::fake_registry::FakeRegistry;
use crate::real::event::Mix;
use crate::real::order;
use crate::services::sidecar::{Metrics, Sidecar};
use crate::services::topics::Record;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// For whatever must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The delivery guarantee under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    AtLeastOnce,
    ExactlyOnce,
}

impl Mode {
    /// As the config has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AtLeastOnce => "at_least_once",
            Self::ExactlyOnce => "exactly_once",
        }
    }
}

/// What a case needs from the start.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) feed: Feed,
    /// Config keys beside the usual ones, as TOML.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Keys of `[pipeline.main.transaction]`, under exactly-once.
    pub(crate) transaction: &'static [(&'static str, &'static str)],
    /// Of the source topic.
    pub(crate) source: &'static [(&'static str, &'static str)],
    /// Of the sink topic.
    pub(crate) sink: &'static [(&'static str, &'static str)],
}

/// A few tombstones and bad records among 800 a second.
pub(crate) const FEED: Feed = Feed {
    pace: 200,
    mix: Mix { tombstones: 20, refused: 10 },
    backlog: 0,
    padding: 0,
    random: 0,
    codec: "lz4",
    large_every: 0,
    monster_every: 0,
    transactions: false,
};
/// Nothing unusual.
pub(crate) const PLAN: Plan = Plan { feed: FEED, settings: &[], transaction: &[], source: &[], sink: &[] };

/// A transaction is open long enough to be met midway.
pub(crate) const LONG_CUT: &[(&str, &str)] = &[("cut_ms", "1000")];

/// The sink's settings. Appended: what the checker compares commits with. The source keeps the time that its records have.
pub(crate) const APPENDED: [(&str, &str); 2] = [("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1")];

/// One case's world.
pub(crate) struct Scene {
    pub(crate) turn: Turn,
    pub(crate) mode: Mode,
    pub(crate) source: String,
    pub(crate) sink: String,
    pub(crate) dead_letter: String,
    pub(super) group: String,
    pub(crate) registry: FakeRegistry,
    schema_id: i32,
    plan: Plan,
    settings: BTreeMap<String, String>,
    pub(super) feeder: Feeder,
    pub(crate) watcher: Watcher,
    pub(crate) sidecars: Vec<Member>,
    pub(super) names: Names,
    /// What must have happened, and whether it did.
    pub(crate) evidence: Vec<(String, bool)>,
    pub(crate) recoveries: Vec<Duration>,
    /// Of all sidecars, the ones that ended included.
    pub(crate) peak_mib: u64,
    /// Of sidecars that ended.
    pub(super) logs: Vec<String>,
    /// See `Readback`.
    pub(super) gone: Vec<Record>,
    pub(super) earlier: Vec<Record>,
    pub(super) reclaimed: Vec<i64>,
    pub(super) skipped: Vec<(i32, Range<i64>)>,
}

impl Scene {
    /// Topics, registry, feeder and watcher; no sidecar yet.
    pub(crate) fn new(turn: Turn, name: &str, mode: Mode, plan: Plan) -> Self {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let source = format!("{name}-{}-{}", mode.name(), RUNS.fetch_add(1, Ordering::SeqCst));
        let (sink, dead_letter) = (format!("{source}-avro"), format!("{source}-dead-letter"));
        let direct = turn.direct();
        direct.create_topic(&source, PARTITIONS, &[&[("retention.ms", "-1")], plan.source].concat());
        direct.create_topic(&sink, PARTITIONS, &[&APPENDED[..], plan.sink].concat());
        direct.create_topic(&dead_letter, PARTITIONS, &[("retention.ms", "-1")]);
        turn.in_sync(&[&source, &sink, &dead_letter]);
        let registry = FakeRegistry::start();
        let schema_id = registry.register(&format!("{sink}-value"), order::SCHEMA);
        let (group, quoted) = (format!("{source}-group"), |text: &str| format!("{text:?}"));
        let mut settings = BTreeMap::from([
            ("log.format", quoted("human")),
            ("kafka.main.\"bootstrap.servers\"", quoted(turn.bootstrap())),
            // A killed member must be found dead soon, a living one on a busy machine not.
            ("kafka.main.\"session.timeout.ms\"", "6000".into()),
            ("kafka.main.\"heartbeat.interval.ms\"", "500".into()),
            ("registry.main.url", quoted(&registry.url())),
            ("pipeline.main.group_id", quoted(&group)),
            ("pipeline.main.source.topic", quoted(&source)),
            ("pipeline.main.sink.topic", quoted(&sink)),
            ("pipeline.main.sink.source_position", "true".into()),
            ("pipeline.main.refused.dead_letter_topic", quoted(&dead_letter)),
        ]);
        settings.extend(plan.settings.iter().map(|(key, value)| (*key, (*value).to_owned())));
        let mut settings: BTreeMap<_, _> = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        if mode == Mode::ExactlyOnce {
            settings.insert("pipeline.main.delivery".into(), quoted(mode.name()));
            let of = plan.transaction.iter();
            settings.extend(of.map(|(key, value)| (format!("pipeline.main.transaction.{key}"), (*value).to_owned())));
        }
        let watcher = Watcher::start(direct, &sink, PARTITIONS);
        let feeder = Feeder::start(direct, &source, plan.feed);
        let sidecars = Vec::new();
        let (evidence, recoveries, peak_mib) = (Vec::new(), Vec::new(), 0);
        Self {
            turn,
            mode,
            source,
            sink,
            dead_letter,
            group,
            registry,
            schema_id,
            plan,
            settings,
            feeder,
            watcher,
            sidecars,
            names: Names::default(),
            evidence,
            recoveries,
            peak_mib,
            logs: Vec::new(),
            gone: Vec::new(),
            earlier: Vec::new(),
            reclaimed: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// One more sidecar; does not wait for it.
    pub(crate) fn join(&mut self) {
        self.join_as(Sidecar::start);
    }

    /// One more sidecar, run by another command (`Sidecar::start_by`).
    pub(crate) fn join_by(&mut self, words: &[String]) {
        self.join_as(|config| Sidecar::start_by(words, config));
    }

    /// One more sidecar, whose log nobody reads.
    pub(crate) fn join_unheard(&mut self) {
        self.join_as(Sidecar::start_unheard);
    }

    fn join_as(&mut self, start: impl FnOnce(&str) -> Sidecar) {
        let mut lines: Vec<String> = self.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let (mode, folder) = (self.mode, self.turn.folder());
        self.sidecars.push(self.names.bear(|name| {
            lines.push(format!("kafka.main.\"client.id\" = {name:?}"));
            if mode == Mode::ExactlyOnce {
                lines.push(format!("pipeline.main.transaction.instance = {name:?}"));
            }
            start(&lines.join("\n")).guest_of(folder)
        }));
    }

    /// Sidecars that start from now on have another setting.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
    }

    /// No more is fed.
    pub(crate) fn stop_feeding(&mut self) {
        self.feeder.stop();
    }

    /// Outputs that nothing was committed behind: written and not committed, or in a transaction that is open.
    pub(crate) fn uncommitted(&self) -> usize {
        match self.mode {
            Mode::AtLeastOnce => {
                let direct = self.turn.direct();
                let written: i64 = direct.end_offsets(&self.sink).iter().sum();
                self.wait("the watcher to see what is written", || self.watcher.count() as i64 >= written);
                self.watcher.behind(&direct.committed(&self.group, &self.source))
            }
            Mode::ExactlyOnce => unstable(self.turn.direct(), &self.sink).max(0).unsigned_abs() as usize,
        }
    }

    /// States what must have happened for the case to prove anything.
    pub(crate) fn prove(&mut self, what: String, happened: bool) {
        self.evidence.push((what, happened));
    }

    /// Waits until records that are fed from now on have come out of each partition. The time is the recovery's.
    pub(crate) fn recover(&mut self) {
        let began = Instant::now();
        self.pass(1, "records fed after the fault to come out");
        self.recoveries.push(began.elapsed());
    }

    /// Waits until each partition has put out what is fed now and so many records more.
    pub(crate) fn pass(&mut self, more: i64, what: &str) {
        let goal = self.next() + more;
        let partitions = self.feeder.partitions();
        self.await_sidecars(what, |scene| (0..partitions).all(|partition| scene.watcher.reached(partition) >= goal));
    }

    /// Waits until the backlog lies in the source; its bytes as a consumer holds them.
    pub(crate) fn await_backlog(&self) -> usize {
        let backlog = self.plan.feed.backlog;
        let there = |ends: &Vec<i64>| ends.iter().all(|end| *end >= backlog);
        self.wait("the backlog", || self.turn.direct().try_end_offsets(&self.source).is_ok_and(|ends| there(&ends)));
        self.fed_bytes()
    }

    /// What lies in the source, as a consumer holds it: its padding, which is most of it.
    pub(crate) fn fed_bytes(&self) -> usize {
        let records: i64 = self.turn.direct().end_offsets(&self.source).iter().sum();
        usize::try_from(records).unwrap() * self.plan.feed.padding
    }

    /// The most memory that any sidecar had so far, MiB.
    pub(crate) fn peak_mib(&mut self) -> u64 {
        let running = self.sidecars.iter().filter_map(|member| member.peak_mib()).max().unwrap_or(0);
        self.peak_mib = self.peak_mib.max(running);
        self.peak_mib
    }

    /// The highest offset that the source's next record may have.
    fn next(&self) -> i64 {
        let ends = self.turn.direct().try_end_offsets(&self.source).unwrap_or_default();
        ends.into_iter().fold(self.feeder.next(), i64::max)
    }

    /// Waits for a condition while all sidecars run.
    pub(crate) fn await_sidecars(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            for sidecar in &mut self.sidecars {
                sidecar.still_runs(what);
            }
            if Instant::now() > deadline {
                panic!("{}: waited {PATIENCE:?} in vain for {what}\n{}", self.source, self.state());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until nothing has come out for a second: what brokers had taken before a fault is not taken for its survivor.
    pub(crate) fn await_standstill(&mut self) {
        let (mut seen, mut since) = (0, Instant::now());
        self.await_sidecars("nothing to come out", |scene| {
            let count = scene.watcher.count();
            if count != seen {
                (seen, since) = (count, Instant::now());
            }
            since.elapsed() >= Duration::from_secs(1)
        });
    }

    /// Waits until two sidecars hold two partitions each.
    pub(crate) fn await_shared(&mut self) {
        self.await_sidecars("both to hold partitions", |scene| {
            let held = |metrics: Metrics| metrics.count("partitions_assigned") == 2;
            scene.sidecars.iter().all(|sidecar| sidecar.metrics().is_some_and(held))
        });
    }

    pub(super) fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        crate::services::wait_for(what, PATIENCE, || holds().then_some(()));
    }

    /// Lets a fault last, while all sidecars must go on living: none ends, each answers /live.
    pub(crate) fn last(&mut self, duration: Duration) {
        let until = Instant::now() + duration;
        while Instant::now() < until {
            for sidecar in &mut self.sidecars {
                sidecar.still_runs("during the fault");
                assert!(sidecar.probe("live") != Some(503), "not live during the fault:\n{}", sidecar.log());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The sum of a metric over all sidecars.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        self.sidecars.iter().filter_map(|sidecar| sidecar.metrics()).map(|metrics| metrics.count(name)).sum()
    }

    /// How many members the sidecars' group has.
    pub(crate) fn members(&self) -> usize {
        self.turn.direct().group(&self.group).0
    }

    /// The broker that leads a partition of the sink now.
    pub(crate) fn leader(&self, partition: i32) -> i32 {
        crate::services::wait_for("a leader", PATIENCE, || self.turn.leader(&self.sink, partition))
    }

    /// The broker that leads a partition of the source now.
    pub(crate) fn source_leader(&self, partition: i32) -> i32 {
        crate::services::wait_for("a leader", PATIENCE, || self.turn.leader(&self.source, partition))
    }

    /// All topics of the case, and the group's log, are whole again.
    pub(crate) fn in_sync(&self) {
        self.turn.in_sync(&[&self.source, &self.sink, &self.dead_letter, "__consumer_offsets"]);
    }

    /// The brokers besides one.
    pub(crate) fn others(broker: i32) -> impl Iterator<Item = i32> {
        BROKERS.into_iter().filter(move |other| *other != broker)
    }

    /// Stops the feeder, lets the sidecars come to the end and leave, and reads everything back.
    pub(crate) fn finish(&mut self) -> History<Decoded> {
        let fed = self.feeder.stop() * i64::from(self.feeder.partitions());
        // Behind the last record: no marker of a transaction has to be committed.
        let source = self.turn.direct().read_topic(&self.source);
        let ends = source.iter().zip(self.turn.direct().end_offsets(&self.source));
        let ends: Vec<i64> = ends.map(|(records, end)| records.last().map_or(end, |last| last.offset + 1)).collect();
        let repeated = ends.iter().sum::<i64>() - fed;
        if repeated > 0 && !self.plan.feed.transactions {
            self.prove(format!("the feeder's own idempotent producer wrote {repeated} records twice"), true);
        }
        let mut asked: Option<Instant> = None;
        self.await_sidecars("everything to be committed", |scene| {
            // A question takes a client of its own.
            if asked.is_some_and(|asked| asked.elapsed() < Duration::from_millis(200)) {
                return false;
            }
            asked = Some(Instant::now());
            scene.turn.direct().committed(&scene.group, &scene.source) == ends
        });
        while !self.sidecars.is_empty() {
            self.leave();
        }
        let direct = self.turn.direct();
        assert_eq!(direct.committed(&self.group, &self.source), ends, "committed in the end");
        // Markers of transactions have offsets, too: the records are counted.
        let written = direct.read_topic(&self.sink).iter().map(Vec::len).sum();
        self.wait("the watcher to see what is written", || self.watcher.count() >= written);
        let watched = self.watcher.stop();
        let readback = Readback {
            broker: direct,
            source: &self.source,
            sink: &self.sink,
            dead_letter: &self.dead_letter,
            group: &self.group,
            schema_id: self.schema_id,
            feed: self.plan.feed,
            large_refused: self.mode == Mode::ExactlyOnce && self.plan.feed.large_every > 0,
            gone: &self.gone,
            skipped: &self.skipped,
            earlier: &self.earlier,
            reclaimed: &self.reclaimed,
        };
        readback.history(&watched)
    }

    pub(super) fn note_peak(&mut self, sidecar: &Sidecar) {
        self.peak_mib = self.peak_mib.max(sidecar.peak_mib().unwrap_or(0));
    }
}
