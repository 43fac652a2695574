//! Where the partitions that a lane is given begin.
//!
//! A committed offset always wins. `start` holds for the group's first start only: where any partition of the topics has a
//! committed offset, one without is new and is read from its beginning. A beginning that is not the log's own is
//! committed at once, or a restart before the first record would begin somewhere else.
//!
//! Comes in: partitions, the config. Goes out: positions. Must never: skip a record that the config does not say to skip.

use super::route::Route;
use crate::config::Start;
use crate::fault::Fault;
use crate::kafka::consumer::Position;
use crate::kafka::offsets::Watch;
use crate::record::TopicPartition;
use std::time::Duration;

/// How long each question may take; the lane does not poll meanwhile.
const ASK: Duration = Duration::from_secs(5);
/// As much in transactions, where the answer may have to wait for one that a killed owner left open: the partitions in hand
/// shall not stand all that time.
const ASK_BETWEEN: Duration = Duration::from_secs(1);

/// Where one partition begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begin {
    pub(super) position: Position,
    /// The position is not committed yet and should be.
    pub(super) commit: bool,
}

/// Where each of these partitions begins.
///
/// # Errors
/// The cluster does not answer; ask again.
pub(super) fn positions(
    watch: &Watch,
    start: Start,
    routes: &[Route],
    waiting: &[String],
    partitions: &[TopicPartition],
    in_transactions: bool,
) -> Result<Vec<Begin>, Fault> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let ask = if in_transactions { ASK_BETWEEN } else { ASK };
    let committed = watch.committed(partitions, ask)?;
    let missing = || committed.iter().filter(|(_, offset)| offset.is_none()).map(|(partition, _)| partition.clone());
    let late = |topic: &str| routes.iter().any(|route| route.prepared.late && route.prepared.source_topic == topic);
    let fresh: Vec<TopicPartition> = missing().filter(|partition| !late(&partition.topic)).collect();
    let beginnings = if fresh.is_empty() || start == Start::Earliest || !first_start(watch, routes, waiting)? {
        Vec::new()
    } else {
        match start {
            Start::Earliest => Vec::new(),
            Start::Latest => watch.end_offsets(&fresh, ASK)?,
            Start::Timestamp(millis) => at_timestamp(watch, &fresh, millis)?,
        }
    };
    Ok(committed
        .into_iter()
        .map(|(partition, offset)| {
            let begins = beginnings.iter().find(|(fresh, _)| *fresh == partition).and_then(|(_, offset)| *offset);
            let commit = offset.is_none() && begins.is_some();
            Begin { position: Position { partition, offset: offset.or(begins) }, commit }
        })
        .collect())
}

/// Whether no partition of the source topics has a committed offset, of those included that cannot be read yet.
fn first_start(watch: &Watch, routes: &[Route], waiting: &[String]) -> Result<bool, Fault> {
    let partitions = |route: &Route| {
        let topic = route.prepared.source_topic.clone();
        (0..route.prepared.partitions.source).map(move |partition| TopicPartition { topic: topic.clone(), partition })
    };
    let mut all: Vec<_> = routes.iter().flat_map(partitions).collect();
    for topic in waiting {
        match watch.partition_count(topic, ASK) {
            Ok(count) => all.extend((0..count).map(|partition| TopicPartition { topic: topic.clone(), partition })),
            Err(fault) if fault.retry => return Err(fault),
            // It is gone by now.
            Err(_) => {}
        }
    }
    Ok(watch.committed(&all, ASK)?.iter().all(|(_, offset)| offset.is_none()))
}

/// A partition without a record that young begins at its end.
fn at_timestamp(
    watch: &Watch,
    partitions: &[TopicPartition],
    millis: i64,
) -> Result<Vec<(TopicPartition, Option<i64>)>, Fault> {
    let mut found = watch.offsets_at(partitions, millis, ASK)?;
    let ends = watch.end_offsets(partitions, ASK)?;
    for (partition, offset) in &mut found {
        if offset.is_none() {
            *offset = ends.iter().find(|(other, _)| other == partition).and_then(|(_, end)| *end);
        }
    }
    Ok(found)
}
