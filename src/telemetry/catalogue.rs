//! Every metric: name, help, labels and where its number stands.
//!
//! Comes in: what lanes and registry clients published. Goes out: the text format. Must never: label with a path, a key
//! or an offset; rename a metric (names are a contract with dashboards).

use super::Counts;
use super::counts::Traffic;
use super::histogram::Histogram;
use super::lane::{Schema, State, Transactions};
use super::samples::Samples;
use crate::lifecycle::Pulse;
use prometheus::TextEncoder;
use prometheus::proto::{MetricFamily, MetricType};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// One pipeline, its lanes added up.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    pub(super) name: String,
    /// By source topic and sink topic.
    pub(super) traffic: BTreeMap<(String, String), Traffic>,
    pub(super) counts: Counts,
    pub(super) states: Vec<State>,
    /// Of each lane that has work, since when none of it ended.
    pub(super) waits: Vec<Instant>,
}

/// The requests of one operation to one registry.
#[derive(Clone, Debug)]
pub(super) struct RegistryCalls {
    pub(super) by_status: BTreeMap<String, u64>,
    pub(super) duration: Histogram,
}

struct Family {
    name: &'static str,
    kind: MetricType,
    help: &'static str,
    samples: fn(&Pipeline, Instant, &mut Samples),
}

const fn counter(name: &'static str, help: &'static str, samples: fn(&Pipeline, Instant, &mut Samples)) -> Family {
    Family { name, kind: MetricType::COUNTER, help, samples }
}

const fn gauge(name: &'static str, help: &'static str, samples: fn(&Pipeline, Instant, &mut Samples)) -> Family {
    Family { name, kind: MetricType::GAUGE, help, samples }
}

const fn histogram(name: &'static str, help: &'static str, samples: fn(&Pipeline, Instant, &mut Samples)) -> Family {
    Family { name, kind: MetricType::HISTOGRAM, help, samples }
}

/// The metrics of a pipeline. All carry the label `pipeline`.
const PIPELINE: &[Family] = &[
    counter("records_consumed_total", "Records read from the source topic.", |p, _, out| {
        out.by_topic(source(p, |traffic| traffic.consumed.records));
    }),
    counter("bytes_consumed_total", "Key and value bytes read from the source topic.", |p, _, out| {
        out.by_topic(source(p, |traffic| traffic.consumed.bytes));
    }),
    counter("records_produced_total", "Records acknowledged by the sink topic.", |p, _, out| {
        out.by_topic(sink(p, |traffic| traffic.produced.records));
    }),
    counter("bytes_produced_total", "Key and value bytes acknowledged by the sink topic.", |p, _, out| {
        out.by_topic(sink(p, |traffic| traffic.produced.bytes));
    }),
    counter("records_dead_lettered_total", "Records acknowledged by the dead letter topic.", |p, _, out| {
        out.by_reason(p.counts.dead_lettered.iter());
    }),
    counter("records_skipped_total", "Records left out by the policy `skip`.", |p, _, out| {
        out.by_reason(p.counts.skipped.iter());
    }),
    counter(
        "records_abandoned_total",
        "Records given up before they ended (revoked, rewound, drain deadline); they are read again.",
        |p, _, out| out.put(&[], p.counts.abandoned),
    ),
    gauge(
        "records_in_flight",
        "Records read that did not end yet. Consumed = produced + dead-lettered + skipped + abandoned + in flight.",
        |p, _, out| out.put(&[], p.counts.in_flight.records),
    ),
    gauge("in_flight_bytes", "Bytes handed to the producer and not yet acknowledged.", |p, _, out| {
        out.put(&[], p.counts.in_flight.bytes);
    }),
    counter(
        "records_failed_total",
        "Failures of records, by the stage that failed; how a record ended is counted apart.",
        |p, _, out| {
            for ((stage, reason), times) in p.counts.failed.iter() {
                out.put(&[("stage", stage), ("reason", reason)], times);
            }
        },
    ),
    counter("tombstones_total", "Records without a value, passed on as such.", |p, _, out| {
        out.put(&[], p.counts.tombstones);
    }),
    counter("conversion_lossy_total", "Lossy acts of conversion that the config allows.", |p, _, out| {
        out.by_reason(p.counts.lossy.iter());
    }),
    histogram("convert_duration_seconds", "Conversion of one record.", |p, _, out| {
        out.histogram(&[], &p.counts.convert)
    }),
    histogram(
        "end_to_end_latency_seconds",
        "From the source record's timestamp to the sink's acknowledgement.",
        |p, _, out| out.histogram(&[], &p.counts.latency),
    ),
    gauge("consumer_lag", "End offset minus committed offset.", |p, _, out| {
        out.by_partition(p, |offsets| offsets.end.saturating_sub(offsets.committed).max(0));
    }),
    gauge("committed_offset", "The group's committed offset.", |p, _, out| {
        out.by_partition(p, |offsets| offsets.committed)
    }),
    gauge("end_offset", "The partition's end offset, asked on a timer.", |p, _, out| {
        out.by_partition(p, |offsets| offsets.end)
    }),
    counter("offsets_skipped_total", "Offsets never read: out of range, and the config says to go on.", |p, _, out| {
        out.put(&[], p.counts.offsets_skipped);
    }),
    gauge(
        "progress_age_seconds",
        "Since a record last ended while others wait, of the lane that stands longest; 0 while there is nothing to do.",
        |p, now, out| {
            let longest = p.waits.iter().min().map_or(0.0, |since| now.saturating_duration_since(*since).as_secs_f64());
            out.value(&[], longest);
        },
    ),
    gauge(
        "control_poll_age_seconds",
        "Since the last poll of the control queue, of the lane that was longest without: what /live judges.",
        |p, _, out| {
            let pulses = p.states.iter().filter_map(|state| state.pulse.as_ref());
            if let Some(oldest) = pulses.map(Pulse::age).max() {
                out.value(&[], oldest.as_secs_f64());
            }
        },
    ),
    gauge("partitions_assigned", "Source partitions held by this instance.", |p, _, out| {
        out.put(&[], p.states.iter().map(|state| state.assigned as u64).sum());
    }),
    gauge("partitions_stopped", "Source partitions that stand in front of a record.", |p, _, out| {
        let mut by_reason = BTreeMap::new();
        for reason in p.states.iter().flat_map(|state| state.stopped.values()) {
            *by_reason.entry(*reason).or_default() += 1;
        }
        out.by_reason(by_reason);
    }),
    gauge("topics_waiting", "Topics that match a pattern and cannot be read yet.", |p, _, out| {
        let waiting: BTreeMap<_, _> = p.states.iter().flat_map(|state| &state.waiting).collect();
        let mut by_reason = BTreeMap::new();
        for reason in waiting.values() {
            *by_reason.entry(**reason).or_default() += 1;
        }
        out.by_reason(by_reason);
    }),
    gauge("pipeline_failed", "1 when the pipeline cannot go on without a person; absent otherwise.", |p, _, out| {
        out.by_reason(p.states.iter().find_map(|state| state.failed).map(|reason| (reason, 1)));
    }),
    counter("rebalances_total", "Times the group gave or took partitions.", |p, _, out| {
        out.put(&[], p.states.iter().map(|state| state.rebalances).sum());
    }),
    counter("commits_total", "Offset commits.", |p, _, out| {
        out.put(&[("result", "ok")], p.states.iter().map(|state| state.commits_ok).sum());
        out.put(&[("result", "failed")], p.states.iter().map(|state| state.commits_failed).sum());
    }),
    counter("transactions_committed_total", "Transactions committed, records and offsets together.", |p, _, out| {
        if let Some(transactions) = transactions(p) {
            out.put(&[], transactions.committed);
        }
    }),
    counter("transactions_aborted_total", "Transactions taken back; their records are read again.", |p, _, out| {
        if let Some(transactions) = transactions(p) {
            out.by_reason(transactions.aborted.iter().map(|(reason, times)| (*reason, *times)));
        }
    }),
    histogram("transaction_duration_seconds", "From a transaction's first record to its commit.", |p, _, out| {
        if let Some(transactions) = transactions(p) {
            out.histogram(&[], &transactions.duration);
        }
    }),
    gauge("schema_info", "1 for each schema that the pipeline writes with.", |p, _, out| {
        // Two lanes or topics with the same schema are one series.
        let schemas: BTreeSet<_> = schemas(p).filter_map(|schema| schema.in_force.as_ref()).collect();
        for schema in schemas {
            let version = schema.version.map(|version| version.to_string()).unwrap_or_default();
            let id = schema.id.to_string();
            out.put(&[("subject", &schema.subject), ("version", &version), ("schema_id", &id)], 1);
        }
    }),
    counter("schema_switches_total", "Times another schema came into force while running.", |p, _, out| {
        out.put(&[], p.states.iter().map(|state| state.schema_switches).sum());
    }),
    gauge(
        "schema_age_seconds",
        "Since the registry last answered which schema is the latest; pipelines that follow it only.",
        |p, now, out| {
            let oldest = schemas(p).filter_map(|schema| schema.answered).min();
            if let Some(answered) = oldest {
                out.value(&[], now.saturating_duration_since(answered).as_secs_f64());
            }
        },
    ),
];

/// The transactions of all lanes, added up; none where there are none.
fn transactions(pipeline: &Pipeline) -> Option<Transactions> {
    pipeline.states.iter().filter_map(|state| state.transactions.clone()).reduce(|mut all, more| {
        all.committed += more.committed;
        more.aborted.iter().for_each(|(reason, times)| *all.aborted.entry(reason).or_default() += times);
        all.duration.add(&more.duration);
        all
    })
}

fn schemas(pipeline: &Pipeline) -> impl Iterator<Item = &Schema> {
    pipeline.states.iter().flat_map(|state| state.schemas.values())
}

/// A number for each source topic.
fn source(pipeline: &Pipeline, number: fn(&Traffic) -> u64) -> BTreeMap<&str, u64> {
    added(pipeline.traffic.iter().map(|((source, _), traffic)| (source.as_str(), number(traffic))))
}

/// A number for each sink topic.
fn sink(pipeline: &Pipeline, number: fn(&Traffic) -> u64) -> BTreeMap<&str, u64> {
    added(pipeline.traffic.iter().map(|((_, sink), traffic)| (sink.as_str(), number(traffic))))
}

fn added<'p>(numbers: impl Iterator<Item = (&'p str, u64)>) -> BTreeMap<&'p str, u64> {
    let mut by_topic = BTreeMap::new();
    numbers.for_each(|(topic, number)| *by_topic.entry(topic).or_default() += number);
    by_topic
}

/// The page: build, pipelines, registries. A family without a sample is left out, as the format has it.
pub(super) fn render(
    librdkafka: &str,
    pipelines: &[Pipeline],
    registries: &BTreeMap<(String, &'static str), RegistryCalls>,
    now: Instant,
) -> String {
    let mut families = vec![build_info(librdkafka)];
    for family in PIPELINE {
        let mut samples = Samples::new(family.kind);
        for pipeline in pipelines {
            samples.of(pipeline);
            (family.samples)(pipeline, now, &mut samples);
        }
        families.push(samples.family(family.name, family.help));
    }
    families.extend(registry(registries));
    families.retain(|family| !family.get_metric().is_empty());
    // The encoder fails only for a family without a name or a sample, and there is none.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

fn build_info(librdkafka: &str) -> MetricFamily {
    let mut samples = Samples::new(MetricType::GAUGE);
    samples.put(&[("version", env!("CARGO_PKG_VERSION")), ("librdkafka", librdkafka)], 1);
    samples.family("build_info", "1, with what this process is built from.")
}

fn registry(registries: &BTreeMap<(String, &'static str), RegistryCalls>) -> [MetricFamily; 2] {
    let mut requests = Samples::new(MetricType::COUNTER);
    let mut durations = Samples::new(MetricType::HISTOGRAM);
    for ((registry, operation), calls) in registries {
        for (status, times) in &calls.by_status {
            requests.put(&[("registry", registry), ("operation", operation), ("status", status)], *times);
        }
        durations.histogram(&[("registry", registry), ("operation", operation)], &calls.duration);
    }
    [
        requests
            .family("registry_requests_total", "Requests to the Schema Registry, by HTTP status or kind of failure."),
        durations.family("registry_request_duration_seconds", "Requests to the Schema Registry."),
    ]
}
