//! Real records, converted for a trial.
//!
//! Comes in: a source topic's last records and a plan. Goes out: how many fit, and why the others do not. Must never:
//! produce, commit, or show what is in a record.

use super::finding::{Notes, Refusals, Sample};
use super::topics::Readable;
use crate::config::Pipeline;
use crate::fault::{Blame, Stage};
use crate::framing;
use crate::kafka::reader::{Reader, Record};
use crate::transcoder::{Encoder, Ledger, Plan};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// Kinds of refusals that are told one by one.
const MOST_KINDS: usize = 50;

/// Converts the last records of the source.
pub(super) fn check(
    source: &Readable,
    pipeline: &Pipeline,
    plan: Arc<Plan>,
    records: u32,
    patience: Duration,
    notes: &mut Notes<'_>,
) {
    let topic = &pipeline.source.topic;
    let about = format!("records of {topic:?}");
    let share = i64::from(records).div_euclid(i64::from(source.partitions.max(1))).max(1);
    let mut trial = Trial {
        pipeline,
        encoder: Encoder::new(plan),
        ledger: Ledger::default(),
        buffer: Vec::new(),
        most_bytes: source.most_bytes,
        sample: Sample { pipeline: pipeline.name.clone(), topic: topic.clone(), ..Sample::default() },
    };
    let read = Reader::open_tail(&source.kafka, topic, share, patience)
        .and_then(|mut reader| reader.each(|record| trial.record(record)));
    if let Err(fault) = read {
        let next = if fault.reason == "not_authorized" { "allow Read on the source topic" } else { "" };
        notes.error(fault.blame, &about, fault.message, next);
    }
    let mut sample = trial.sample;
    sample.lossy = trial.ledger.iter().filter(|(_, count)| *count > 0).collect();
    tell(&sample, &about, notes);
    notes.report.samples.push(sample);
}

fn tell(sample: &Sample, about: &str, notes: &mut Notes<'_>) {
    let (records, refused) = (sample.records, sample.refused);
    if records == 0 {
        return notes.warn(about, "the source has no records to try", "");
    }
    if refused == 0 {
        notes.ok(about, format!("{records} of the last records fit"));
    } else {
        let message = format!("{refused} of the last {records} records would be refused");
        notes.error(Blame::Record, about, message, "correct the schema or whoever writes these records");
    }
    for refusals in &sample.refusals {
        let Refusals { partition, offset, count, .. } = refusals;
        let message = format!("{count} x {}, the first at [{partition}] offset {offset}", refusals.message);
        notes.error(Blame::Record, about, message, "");
    }
    if !sample.lossy.is_empty() {
        let acts: Vec<String> = sample.lossy.iter().map(|(act, count)| format!("{act} {count}")).collect();
        notes.warn(about, format!("converted with losses or defaults: {}", acts.join(", ")), "");
    }
}

struct Trial<'a> {
    pipeline: &'a Pipeline,
    encoder: Encoder,
    ledger: Ledger,
    buffer: Vec<u8>,
    most_bytes: usize,
    sample: Sample,
}

/// Why a record would not be written: stage, reason, JSON path, in words.
type Why = (Stage, &'static str, String, String);

impl Trial<'_> {
    fn record(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        self.sample.records += 1;
        match self.convert(record) {
            Ok(()) => self.sample.fit += 1,
            Err(why) => self.refused(record, why),
        }
        ControlFlow::Continue(())
    }

    fn convert(&mut self, record: &Record<'_>) -> Result<(), Why> {
        let Some(value) = record.value else {
            self.sample.tombstones += 1;
            return Ok(());
        };
        self.buffer.clear();
        let (_, json) = self
            .pipeline
            .value
            .input_framing
            .strip(value)
            .map_err(|error| (Stage::Consume, error.reason(), String::new(), error.to_string()))?;
        self.encoder
            .encode(json, &mut self.buffer, &mut self.ledger)
            .map_err(|refusal| (refusal.stage, refusal.reason, refusal.path.clone(), refusal.to_string()))?;
        let bytes = framing::HEADER_LENGTH + self.buffer.len() + record.key.map_or(0, <[u8]>::len);
        if bytes > self.most_bytes {
            let message = format!("the record has {bytes} bytes as Avro, more than message.max.bytes allows");
            return Err((Stage::Produce, "message_too_large", String::new(), message));
        }
        Ok(())
    }

    fn refused(&mut self, record: &Record<'_>, (stage, reason, path, message): Why) {
        self.sample.refused += 1;
        let refusals = &mut self.sample.refusals;
        let same = refusals.iter_mut().find(|known| known.reason == reason && known.path == path);
        if let Some(known) = same {
            known.count += 1;
        } else if refusals.len() < MOST_KINDS {
            let (partition, offset, stage) = (record.partition, record.offset, stage.label());
            refusals.push(Refusals { stage, reason, path, count: 1, partition, offset, message });
        }
    }
}
