//! All metrics of the process: lanes, registry requests, build.
//!
//! Comes in: handles given out to lanes and registry clients. Goes out: the Prometheus text of `/metrics`. Must never:
//! show a count that its lane did not publish together with the others.

use super::catalogue::{self, Pipeline, RegistryCalls};
use super::histogram::{Histogram, REQUEST_BOUNDS};
use super::lane::Lane;
use super::{LaneMetrics, Totals, locked};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The process's metrics.
#[derive(Debug)]
pub struct Metrics {
    librdkafka: String,
    lanes: Mutex<Vec<Arc<Lane>>>,
    registries: Mutex<BTreeMap<(String, &'static str), RegistryCalls>>,
}

impl Metrics {
    /// No lanes yet. `librdkafka` is the linked library's version, for `build_info`.
    #[must_use]
    pub fn new(librdkafka: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { librdkafka: librdkafka.into(), lanes: Mutex::default(), registries: Mutex::default() })
    }

    /// A place for a pipeline; all that are made under one name are shown as one.
    #[must_use]
    pub fn pipeline(&self, name: &str) -> LaneMetrics {
        self.place(name, None)
    }

    /// A place for one of several lanes of a pipeline, shown together with the pipeline's own.
    #[must_use]
    pub fn lane(&self, pipeline: &str, number: usize) -> LaneMetrics {
        self.place(pipeline, Some(number))
    }

    fn place(&self, name: &str, number: Option<usize>) -> LaneMetrics {
        let mut lanes = locked(&self.lanes);
        let same = lanes.iter().find(|lane| lane.pipeline == name);
        let routes = same.map(|lane| Arc::clone(&lane.routes)).unwrap_or_default();
        let (handle, lane) = LaneMetrics::new(name, number, routes);
        lanes.push(lane);
        handle
    }

    /// What a registry client calls after each request: operation (a closed set), the HTTP status or a word
    /// (`timeout`, `unreachable`), and how long it took.
    pub fn registry_observer(
        self: &Arc<Self>,
        registry: &str,
    ) -> impl Fn(&'static str, &str, Duration) + Send + Sync + use<> {
        let metrics = Arc::clone(self);
        let registry = registry.to_owned();
        move |operation, status, took| metrics.registry_answered(&registry, operation, status, took)
    }

    /// Why a pipeline cannot go on, if it cannot.
    #[must_use]
    pub fn failure(&self, pipeline: &str) -> Option<&'static str> {
        let lanes = locked(&self.lanes);
        lanes.iter().filter(|lane| lane.pipeline == pipeline).find_map(|lane| locked(&lane.state).failed)
    }

    /// A pipeline's numbers now, its lanes added up; all zero where there is no such pipeline.
    #[must_use]
    pub fn totals(&self, pipeline: &str) -> Totals {
        let lanes = locked(&self.lanes);
        let mut totals = Totals::default();
        for lane in lanes.iter().filter(|lane| lane.pipeline == pipeline) {
            totals.add(&locked(&lane.counts), &locked(&lane.state));
        }
        totals
    }

    /// The page `/metrics`, Prometheus text format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let lanes = locked(&self.lanes).clone();
        let registries = locked(&self.registries).clone();
        catalogue::render(&self.librdkafka, &by_pipeline(&lanes), &registries, Instant::now())
    }

    fn registry_answered(&self, registry: &str, operation: &'static str, status: &str, took: Duration) {
        let mut registries = locked(&self.registries);
        let calls = registries
            .entry((registry.to_owned(), operation))
            .or_insert_with(|| RegistryCalls { by_status: BTreeMap::new(), duration: Histogram::new(REQUEST_BOUNDS) });
        // A status comes from outside: only what is plainly a status or a word becomes a label.
        let plain = status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit())
            || status.len() <= 24 && !status.is_empty() && status.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        *calls.by_status.entry(if plain { status } else { "other" }.to_owned()).or_default() += 1;
        calls.duration.observe(took.as_secs_f64(), 1);
    }
}

/// Adds up the lanes of each pipeline, each one's snapshot taken whole.
fn by_pipeline(lanes: &[Arc<Lane>]) -> Vec<Pipeline> {
    let mut pipelines = BTreeMap::new();
    for lane in lanes {
        let pipeline = pipelines
            .entry(lane.pipeline.as_str())
            .or_insert_with(|| Pipeline { name: lane.pipeline.clone(), ..Pipeline::default() });
        let counts = locked(&lane.counts).clone();
        for (place, route) in locked(&lane.routes).iter().enumerate() {
            let traffic = counts.traffic.get(place).copied().unwrap_or_default();
            let topics = (route.source_topic.clone(), route.sink_topic.clone());
            pipeline.traffic.entry(topics).or_default().merge(traffic);
        }
        pipeline.counts.add(&counts);
        pipeline.waits.extend(locked(&lane.progress).since());
        pipeline.states.push(locked(&lane.state).clone());
    }
    pipelines.into_values().collect()
}
