//! What the principal may do to a pipeline's topics and in its group, right by right.
//!
//! A broker with an authorizer tells what it allows (KIP-430); one that does not tell leaves only what it refuses. Comes in:
//! a cluster that answers, a name. Goes out: findings that name each missing right. Must never: try a right out by using
//! it, call a right missing that nobody denied.

use super::finding::Notes;
use super::topics::{self, Clusters, Side};
use crate::config::Pipeline;
use crate::fault::{Blame, Fault};
use crate::kafka::admin::{Admin, Operation, Operations};

/// What a topic is to a pipeline.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Source,
    Sink,
    DeadLetter,
}

impl Role {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
            Self::DeadLetter => "dead letter",
        }
    }

    fn operation(self) -> Operation {
        match self {
            Self::Source => Operation::Read,
            Self::Sink | Self::DeadLetter => Operation::Write,
        }
    }
}

/// Whether a topic that is there may be read or written, whichever its role asks for; also where nothing tells.
pub(super) fn topic(
    clusters: &mut Clusters<'_>,
    side: &Side<'_>,
    topic: &str,
    role: Role,
    notes: &mut Notes<'_>,
) -> bool {
    let (about, operation) = (format!("topic {topic:?}"), role.operation());
    let Some(allowed) = told(clusters, side, &about, notes, |admin| admin.topic_operations(topic)) else { return true };
    if allowed.allow(operation) {
        notes.ok(&about, format!("{}, {operation:?} is allowed", role.name()));
        return true;
    }
    missing(&about, role.name(), &format!("{operation:?} on Topic {topic:?}"), notes);
    false
}

/// A topic that the broker does not let us see, or that is not as asked for.
pub(super) fn unseen(fault: &Fault, topic: &str, role: Role, notes: &mut Notes<'_>) {
    let about = format!("topic {topic:?}");
    if fault.reason == "not_authorized" {
        let message = format!("{}: missing Describe on Topic {topic:?}: {}", role.name(), fault.message);
        let next = format!(
            "add an ACL that allows the principal {:?} on Topic {topic:?}, which brings Describe with it",
            role.operation()
        );
        notes.error(Blame::Config, &about, message, &next);
    } else {
        notes.error(fault.blame, &about, format!("{}: {}", role.name(), fault.message), "");
    }
}

/// Whether a topic that is not there may be made. Of the right to make this one alone nothing is told before it exists.
pub(super) fn create(clusters: &mut Clusters<'_>, side: &Side<'_>, topic: &str, role: Role, notes: &mut Notes<'_>) {
    let about = format!("topic {topic:?}");
    let allowed = told(clusters, side, &about, notes, Admin::cluster_operations);
    if allowed.is_none_or(|allowed| allowed.allow(Operation::Create)) {
        return notes.ok(&about, format!("{}, would be made", role.name()));
    }
    let message = format!(
        "{}: would be made, which needs Create on Topic {topic:?} or on Cluster: the cluster does not show the latter, \
         and tells of the former only once the topic exists",
        role.name()
    );
    let next = format!("see that an ACL allows the principal Create on Topic {topic:?}, or make the topic");
    notes.warn(&about, message, &next);
}

/// Whether the group may be used; its offsets are asked for where a topic can be read.
pub(super) fn group(clusters: &mut Clusters<'_>, pipeline: &Pipeline, readable: Option<&str>, notes: &mut Notes<'_>) {
    if clusters.silent.contains(&pipeline.source.kafka) {
        return;
    }
    let group = &pipeline.group_id;
    let Some(side) = topics::side(clusters, &pipeline.source.kafka, Some(group), notes) else { return };
    let (about, right) = (format!("group {group:?}"), format!("Read on Group {group:?}"));
    let mut refused = false;
    let allowed = told(clusters, &side, &about, notes, |admin| {
        let asked = admin.group_operations(group);
        refused = asked.as_ref().is_err_and(|fault| fault.reason == "not_authorized");
        if refused { Ok(None) } else { asked }
    });
    if refused || allowed.as_ref().is_some_and(|allowed| !allowed.allow(Operation::Read)) {
        return missing(&about, "group", &right, notes);
    }
    if allowed.is_some() {
        notes.ok(&about, "group, Read is allowed");
    }
    let Some(topic) = readable else { return };
    match side.admin.ask_group(topic) {
        Ok(()) => notes.ok(&about, "its offsets can be read"),
        Err(fault) if fault.reason == "not_authorized" => missing(&about, "group", &right, notes),
        Err(fault) => notes.error(fault.blame, &about, format!("group: {}", fault.message), ""),
    }
}

/// What a cluster tells; one that does not answer is not asked again.
fn told(
    clusters: &mut Clusters<'_>,
    side: &Side<'_>,
    about: &str,
    notes: &mut Notes<'_>,
    ask: impl FnOnce(&Admin) -> Result<Option<Operations>, Fault>,
) -> Option<Operations> {
    if clusters.untold.contains(&side.kafka.name) {
        return None;
    }
    ask(&side.admin).unwrap_or_else(|fault| {
        if fault.retry {
            clusters.untold.insert(side.kafka.name.clone());
        }
        notes.warn(about, format!("what is allowed is not known: {}", fault.message), "");
        None
    })
}

fn missing(about: &str, role: &str, right: &str, notes: &mut Notes<'_>) {
    let next = format!("add an ACL that allows the principal {right}");
    notes.error(Blame::Config, about, format!("{role}: missing {right}"), &next);
}
