//! Real records, converted for a trial.
//!
//! Comes in: a source topic's last records and compiled schemas. Goes out: how many fit, and why the others do not. Must never:
//! produce, commit, or show what is in a record.

use super::finding::{Notes, Refusals, Sample};
use super::topics::Readable;
use crate::fault::{Blame, Fault, Stage};
use crate::kafka::reader::{Reader, Record};
use crate::pipeline::{Reencoder, Refusal};
use crate::transcoder::Ledger;
use std::ops::ControlFlow;
use std::time::Duration;

/// Kinds of refusals that are told one by one.
const MOST_KINDS: usize = 50;

/// What re-encodes the halves of a record, where they are re-encoded.
pub(super) struct Reencoders {
    pub(super) key: Option<Reencoder>,
    pub(super) value: Option<Reencoder>,
}

/// Converts the last records of the source.
pub(super) fn check(
    source: &Readable,
    topic: &str,
    reencoders: Reencoders,
    records: u32,
    patience: Duration,
    notes: &mut Notes<'_>,
) {
    let about = format!("records of {topic:?}");
    let share = i64::from(records).div_euclid(i64::from(source.partitions.max(1))).max(1);
    let mut trial = Trial {
        reencoders,
        ledger: Ledger::default(),
        buffer: Vec::new(),
        most_bytes: source.most_bytes,
        sample: Sample { pipeline: notes.pipeline.to_owned(), topic: topic.to_owned(), ..Sample::default() },
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

struct Trial {
    reencoders: Reencoders,
    ledger: Ledger,
    buffer: Vec<u8>,
    most_bytes: usize,
    sample: Sample,
}

impl Trial {
    fn record(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        self.sample.records += 1;
        self.sample.tombstones += u64::from(record.value.is_none());
        let ledger = self.ledger;
        match self.convert(record) {
            Ok(()) => self.sample.fit += 1,
            Err(refusal) => {
                self.ledger = ledger;
                self.refused(record, refusal);
            }
        }
        ControlFlow::Continue(())
    }

    fn convert(&mut self, record: &Record<'_>) -> Result<(), Refusal> {
        self.buffer.clear();
        for (reencoder, bytes) in [(&mut self.reencoders.key, record.key), (&mut self.reencoders.value, record.value)] {
            match (reencoder, bytes) {
                (Some(reencoder), Some(bytes)) => reencoder.reencode(bytes, &mut self.buffer, &mut self.ledger)?,
                (_, bytes) => self.buffer.extend_from_slice(bytes.unwrap_or_default()),
            }
        }
        let bytes = self.buffer.len();
        if bytes > self.most_bytes {
            let message = format!("the record has {bytes} bytes as Avro, more than message.max.bytes allows");
            return Err(Fault::lasting(Stage::Produce, Blame::Record, "message_too_large", message).into());
        }
        Ok(())
    }

    fn refused(&mut self, record: &Record<'_>, Refusal { fault, path }: Refusal) {
        let Fault { stage, reason, message, .. } = fault;
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
