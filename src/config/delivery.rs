//! How often a record is delivered, and the transactions that exactly-once stands on.
//!
//! Comes in: a pipeline's table, its source cluster. Goes out: a `Delivery`. Must never: look at the environment before
//! it is asked for the instance's name.

use super::Kafka;
use super::mistake::{Complaint, Mistakes};
use super::typed::{Table, Typed};
use std::time::Duration;

/// How often a record is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Once, and again after a crash as far as offsets were not committed.
    AtLeastOnce,
    /// Once, as far as readers read only what is committed (`isolation.level=read_committed`).
    ExactlyOnce(Transactions),
}

/// A pipeline's transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transactions {
    /// The first part of every transactional id.
    pub prefix: String,
    /// Tells this process from all others of the pipeline; None: the host's name does.
    pub instance: Option<String>,
    /// `transaction.timeout.ms`: after this long the broker aborts a transaction that nobody ended.
    pub timeout: Duration,
    /// When a transaction is committed: at the first of these.
    pub cut: Cut,
}

/// The most that one transaction holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Time since its first record.
    pub age: Duration,
    /// Records.
    pub records: u64,
    /// Key and value bytes as they are written.
    pub bytes: usize,
}

impl Transactions {
    /// The transactional id of one lane: `<prefix>-<instance>-<pipeline>-<lane>`.
    #[must_use]
    pub fn id(&self, pipeline: &str, lane: usize) -> String {
        let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        let instance = self.instance.clone().unwrap_or_else(host);
        format!("{}-{instance}-{pipeline}-{lane}", self.prefix)
    }
}

/// What a pipeline's table says of it.
pub(super) fn delivery(
    table: &Table<'_>,
    source: Option<&Kafka>,
    typed: &Typed<'_>,
    mistakes: &mut Mistakes,
) -> Delivery {
    if table.text("delivery") != Some("exactly_once") {
        for key in ["prefix", "instance", "timeout_ms", "cut_ms", "cut_records", "cut_bytes"] {
            let next = "set delivery = \"exactly_once\" or take it out";
            table.idle(
                &format!("transaction.{key}"),
                "has no effect with delivery = \"at_least_once\"",
                next,
                mistakes,
            );
        }
        return Delivery::AtLeastOnce;
    }
    let next = "set transaction.cut_ms, or take it out";
    table.idle("commit_interval_ms", "has no effect with delivery = \"exactly_once\"", next, mistakes);
    isolation(source, typed, mistakes);
    let (timeout, age) = (table.duration("transaction.timeout_ms"), table.duration("transaction.cut_ms"));
    if let Some(given) = table.get("transaction.cut_ms").filter(|_| age > timeout / 2) {
        let wrong = format!("is {}, more than half of timeout_ms = {}", age.as_millis(), timeout.as_millis());
        let next =
            "make it shorter, or timeout_ms longer: the broker aborts a transaction that is not committed by then";
        mistakes.add(table.mistake("transaction.cut_ms", given, Complaint::new(wrong, next)));
    }
    Delivery::ExactlyOnce(Transactions {
        prefix: table.text("transaction.prefix").unwrap_or_default().to_owned(),
        instance: table.text("transaction.instance").map(str::to_owned),
        timeout,
        cut: Cut {
            age,
            records: table.integer("transaction.cut_records"),
            bytes: table.integer("transaction.cut_bytes"),
        },
    })
}

/// A reader of what was aborted would write it again; and only a reader of what is committed waits, when it takes a
/// partition over, for a transaction whose end is not known yet (`RequireStable`, KIP-447).
fn isolation(source: Option<&Kafka>, typed: &Typed<'_>, mistakes: &mut Mistakes) {
    const LEVEL: &str = "isolation.level";
    let Some(source) = source else { return };
    let table = typed.table("kafka", &source.name);
    if source.properties.get(LEVEL).is_some_and(|level| level != "read_committed")
        && let Some(given) = table.get(LEVEL)
        && !mistakes.blame(&table.key(LEVEL))
    {
        let wrong = "is not read_committed, but a pipeline with delivery = \"exactly_once\" reads from here";
        let next = "take it out, or let the pipeline deliver at_least_once";
        mistakes.add(table.mistake(LEVEL, given, Complaint::new(wrong, next)));
    }
}
