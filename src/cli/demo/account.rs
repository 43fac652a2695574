//! The run added up, by the pipeline's counts and by what lies in the topics: two sources that must agree.
//!
//! Comes in: the last totals, what the feed and the group say, the topics' offsets. Goes out: the summary and the exit
//! code. Must never: say that all is well by one source alone.

use super::progress::Run;
use super::screen::{Screen, grouped, megabytes};
use super::settings::{DEAD_LETTERS, GROUP, SINK, SOURCE, TOPICS};
use crate::config::{Kafka, Room};
use crate::embedded::feed::Fed;
use crate::fault::{Blame, Fault};
use crate::kafka::consumer::Consumer;
use crate::record::TopicPartition;
use std::time::Duration;

/// How long the embedded cluster may take to answer one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was read, and where it is now.
#[derive(Debug)]
pub(super) struct Account {
    run: Run,
    fed: Fed,
    stored: Stored,
    /// The exit code, and everything that is wrong.
    code: u8,
    problems: Vec<String>,
}

/// What the cluster says, independent of the pipeline's counts: records written to each topic, and the group's offsets.
#[derive(Clone, Copy, Debug, Default)]
struct Stored {
    sink: u64,
    dead_letters: u64,
    committed: u64,
}

impl Account {
    /// Asks the cluster and compares. Faults of the feed and of the pipeline become problems like any other.
    pub(super) fn draw(kafka: &Kafka, run: Run, feed: Result<Fed, Fault>, ended: Result<(), Fault>) -> Self {
        let mut account = Self { fed: Fed::default(), stored: Stored::default(), code: 0, problems: Vec::new(), run };
        for fault in [ended.err(), account.run.trouble.take()].into_iter().flatten() {
            account.fault(&fault);
        }
        match feed {
            Ok(fed) => account.fed = fed,
            Err(fault) => account.fault(&fault),
        }
        match stored(kafka) {
            Ok(stored) => account.stored = stored,
            Err(fault) => account.fault(&fault),
        }
        account.compare();
        account
    }

    fn fault(&mut self, fault: &Fault) {
        self.problem(fault.blame, fault.to_string());
    }

    fn problem(&mut self, blame: Blame, what: String) {
        // The first one is nearest to the cause.
        if self.problems.is_empty() {
            self.code = blame.exit_code();
        }
        self.problems.push(what);
    }

    fn compare(&mut self) {
        let (totals, fed, stored) = (self.run.totals.clone(), self.fed, self.stored);
        let dead_letters = totals.dead_letters();
        let ended = totals.produced + dead_letters + totals.abandoned;
        let whole = !self.run.interrupted;
        // What is, what it should be, and whether the rule holds for a run that was interrupted as well.
        let rules = [
            ("given up, and none", totals.abandoned, 0, true),
            ("read, and written, dead-lettered or given up", totals.consumed, ended, true),
            ("in flight, and none", totals.in_flight, 0, true),
            ("read, and committed", totals.consumed, stored.committed, true),
            ("counted as written, and stored in the sink topic", totals.produced, stored.sink, true),
            ("counted as dead letters, and stored in their topic", dead_letters, stored.dead_letters, true),
            ("fed, and read", fed.records, totals.consumed, whole),
            ("fed bad, and dead-lettered", fed.bad, dead_letters, whole),
        ];
        for (what, is, should, holds) in rules {
            if holds && is != should {
                self.problem(Blame::Us, format!("{what}: {} is not {}", grouped(is), grouped(should)));
            }
        }
    }

    /// The numbers.
    pub(super) fn show(&self, screen: &mut Screen) {
        let (totals, fed) = (&self.run.totals, self.fed);
        let heading = screen.bold("Summary");
        screen.say(&heading);
        let row = |screen: &mut Screen, what: &str, number: u64, note: &str| {
            screen.say(format!("  {what:<15} {:>12}   {note}", grouped(number)).trim_end());
        };
        let share = percent(totals.produced_bytes, totals.consumed_bytes);
        let reasons: Vec<String> =
            totals.dead_lettered.iter().map(|(reason, times)| format!("{reason} {}", grouped(*times))).collect();
        row(screen, "read", totals.consumed, &format!("{} of JSON, keys included", megabytes(totals.consumed_bytes)));
        let avro = format!("{} of Avro, {share} % of it (neither compressed)", megabytes(totals.produced_bytes));
        row(screen, "= written", totals.produced, &avro);
        row(screen, "+ dead-lettered", totals.dead_letters(), &reasons.join(", "));
        if totals.abandoned > 0 {
            row(screen, "+ given up", totals.abandoned, "not committed: a next run reads them again");
        }
        row(screen, "in flight", totals.in_flight, "");
        row(screen, "committed", self.stored.committed, &format!("by the group {GROUP}"));
        let left = fed.records.saturating_sub(self.stored.committed);
        row(screen, "lag", left, if left > 0 { "still in the source topic: a next run would go on there" } else { "" });
        row(screen, "schema switches", totals.schema_switches, "while running");
        screen.say(&self.speed());
        screen.say("");
    }

    fn speed(&self) -> String {
        let millis = self.run.took.as_millis().max(1);
        let speed = u64::try_from(u128::from(self.run.totals.consumed) * 1000 / millis).unwrap_or(u64::MAX);
        let seconds = self.run.took.as_secs_f64();
        let build = if cfg!(debug_assertions) { " (a debug build: --release is faster)" } else { "" };
        format!(
            "  {seconds:.1} s, {} records/s, with broker, registry and producer of orders in the same process{build}",
            grouped(speed)
        )
    }

    /// The last lines, and the exit code.
    pub(super) fn verdict(&self, screen: &mut Screen) -> u8 {
        if self.problems.is_empty() {
            let ok = screen.green("OK");
            screen.say(&format!(
                "{ok}: read = written + dead-lettered, all of it committed; {SINK} and {DEAD_LETTERS} hold just these."
            ));
        } else {
            let wrong = screen.red("NOT OK");
            self.problems.iter().for_each(|problem| screen.say(&format!("{wrong}: {problem}")));
        }
        self.code
    }
}

/// A part as per cent of a whole, rounded.
fn percent(part: u64, whole: u64) -> u64 {
    (part.saturating_mul(100).saturating_add(whole / 2)).checked_div(whole).unwrap_or(0)
}

fn stored(kafka: &Kafka) -> Result<Stored, Fault> {
    let watch = Consumer::new(kafka, GROUP, None, Room::LEAST)?.watch();
    let mut stored = Stored::default();
    for (topic, partitions) in TOPICS {
        let partitions: Vec<TopicPartition> =
            (0..partitions).map(|partition| TopicPartition { topic: topic.to_owned(), partition }).collect();
        if topic == SOURCE {
            let committed = watch.committed(&partitions, PATIENCE)?;
            stored.committed = committed.iter().filter_map(|(_, offset)| *offset).sum::<i64>().unsigned_abs();
            continue;
        }
        for partition in &partitions {
            // Offsets begin at 0 and have no holes here: the end is the number of records ever written.
            let (_, end) = watch.watermarks(partition, PATIENCE)?;
            let count = if topic == SINK { &mut stored.sink } else { &mut stored.dead_letters };
            *count += end.unsigned_abs();
        }
    }
    Ok(stored)
}
