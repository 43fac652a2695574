//! What lies in the topics at the end, read as any consumer would.
//!
//! Comes in: cluster and registry. Goes out: a few records as JSON, one dead letter with its reason. Must never: read what
//! the pipeline holds in memory.

use super::screen::Screen;
use super::settings::{DEAD_LETTERS, SINK};
use crate::cli::read::{Undecodable, Values};
use crate::config::{Kafka, Registry, Start};
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::reader::{Reader, Record, Span};
use std::ops::ControlFlow;
use std::time::Duration;

/// How long a service may not answer: they are in this process.
const PATIENCE: Duration = Duration::from_secs(10);
const RECORDS: usize = 3;
/// So much of a dead letter's value is shown, characters.
const MOST_SHOWN: usize = 160;

/// Shows the last records of the sink topic and the first dead letter.
pub(super) fn show(kafka: &Kafka, registry: &Registry, screen: &mut Screen) -> Result<(), Fault> {
    let heading = screen.bold(&format!("Read back from {SINK}, by the schema whose id each record carries:"));
    screen.say("");
    screen.say(&heading);
    let mut values = Values::new(registry, PATIENCE)?;
    let (mut shown, mut undecodable) = (0, None);
    Reader::open_tail(kafka, SINK, 1, PATIENCE)?.each(|record| {
        match written(record, &mut values) {
            Ok(text) => screen.say(&text),
            Err(fault) => undecodable = Some(fault),
        }
        shown += 1;
        if shown == RECORDS || undecodable.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    undecodable.map_or(Ok(()), Err)?;
    if shown == 0 {
        screen.say("  nothing was written");
    }
    let span = Span { topic: DEAD_LETTERS, partition: None, from: Start::Earliest, to_end: true };
    Reader::open(kafka, span, PATIENCE)?.each(|record| {
        dead_letter(record, screen);
        ControlFlow::Break(())
    })?;
    screen.say("");
    Ok(())
}

fn written(record: &Record<'_>, values: &mut Values) -> Result<String, Fault> {
    let mut json = Vec::new();
    let id = values.decode(record.value.unwrap_or_default(), &mut json).map_err(|error| match error {
        Undecodable::Record(message) => {
            Fault::lasting(Stage::Convert, Blame::Us, "undecodable", format!("what was written: {message}"))
        }
        Undecodable::Registry(fault) => fault,
    })?;
    let json = String::from_utf8_lossy(&json);
    Ok(format!("  {SINK}[{}] offset {}, schema id {id}\n  {json}", record.partition, record.offset))
}

fn dead_letter(record: &Record<'_>, screen: &mut Screen) {
    let heading =
        screen.bold(&format!("The first of {DEAD_LETTERS}, as it was read, with what is wrong in its headers:"));
    screen.say("");
    screen.say(&heading);
    for (name, value) in record.headers() {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        screen.say(&format!("  {:<28} {}", text(name), value.map(text).unwrap_or_default()));
    }
    let value = String::from_utf8_lossy(record.value.unwrap_or_default());
    let more = if value.chars().count() > MOST_SHOWN { "..." } else { "" };
    let value: String = value.chars().take(MOST_SHOWN).collect();
    screen.say(&format!("  {}{more}", screen.dim(&value)));
}
