//! A registry that answers badly, seen from the process: at start what lasts ends it with a clear line, what passes is
//! waited out; under a running pipeline nothing is lost and nothing ends. Memory stays bounded throughout.
//!
//! All cases of a table run side by side: most of their time is waiting.

use crate::fake_registry::{Answer, FakeRegistry};
use crate::services::sidecar::Sidecar;
use rdkafka::config::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const RECORDS: u64 = 20;
/// No answer of a registry may take more, a body without end included.
const MOST_MIB: u64 = 64;
const SCHEMA: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#;
const NEXT_SCHEMA: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}"#;

/// Name, answer, the words of the log line, whether it lasts.
type Case = (&'static str, Answer, &'static [&'static str], bool);

fn cases() -> Vec<Case> {
    let limited = Answer::Http { status: 429, headers: vec!["Retry-After: 1".into()], body: String::new() };
    let no_schema = r#"{"subject":"s","version":1,"id":7,"schema":"{\"type\":\"recrod\"}"}"#;
    vec![
        ("html", Answer::http(200, "<html>please log in</html>"), &["bad_answer", "HTTP 200", "no answer"], false),
        ("garbage", Answer::Garbage, &["bad_answer", "what stands between"], false),
        ("401", Answer::error(401, 40101), &["unauthorized", "HTTP 401", "username and password"], false),
        ("404", Answer::error(404, 40401), &["subject_not_found", "HTTP 404", "register a schema"], true),
        ("html-404", Answer::http(404, "<html>"), &["no_registry", "HTTP 404", "registry's url"], false),
        ("409", Answer::error(409, 409), &["incompatible", "HTTP 409", "compatibility rule"], true),
        ("422", Answer::error(422, 42201), &["invalid_schema", "HTTP 422", "correct the schema"], true),
        ("429", limited, &["rate_limited", "HTTP 429", "asked again later"], false),
        ("500", Answer::error(500, 50001), &["unavailable", "HTTP 500", "registry's own log"], false),
        ("nothing", Answer::Closed, &["bad_answer", "what stands between"], false),
        ("late", Answer::Late(Duration::from_secs(5)), &["timeout", "request_timeout_ms"], false),
        ("half", Answer::Truncated, &["bad_answer", "what stands between"], false),
        ("endless", Answer::Endless { pause: Duration::ZERO }, &["bad_answer", "more than 4194304 bytes"], false),
        ("trickle", Answer::Endless { pause: Duration::from_millis(50) }, &["timeout", "request_timeout_ms"], false),
        ("no-schema", Answer::http(200, no_schema), &["invalid_schema", "schema id 7 cannot be used"], true),
    ]
}

/// Runs a check for each case at once; a panic of one is the test's.
fn each(check: fn(&Bench, &Case)) {
    let cluster = MockCluster::new(1).unwrap();
    std::thread::scope(|scope| {
        for case in cases() {
            let bench = Bench::new(&cluster, case.0);
            scope.spawn(move || check(&bench, &case));
        }
    });
}

#[test]
fn bad_answers_at_start() {
    each(|bench, (name, answer, words, lasting)| {
        bench.registry.answer_always(Some(answer.clone()));
        bench.produce(RECORDS);
        let mut sidecar = bench.start();
        if *lasting {
            let (code, _) = sidecar.exit(LIMIT);
            assert_eq!(code, Some(64), "{name}: {}", sidecar.log());
            assert!(sidecar.said(words), "{name}: {words:?} are not in\n{}", sidecar.log());
            return;
        }
        bench.await_words(&mut sidecar, words);
        assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(503)), "{name}");
        bench.registry.answer_always(None);
        bench.all_written(&mut sidecar, RECORDS);
        bench.bounded(&sidecar);
        sidecar.terminate();
    });
}

#[test]
fn bad_answers_under_a_running_pipeline() {
    each(|bench, (name, answer, words, _)| {
        bench.produce(RECORDS);
        let mut sidecar = bench.start();
        bench.all_written(&mut sidecar, RECORDS);
        bench.registry.answer_always(Some(answer.clone()));
        bench.await_words(&mut sidecar, &[words, &["schema not refreshed, the one in force stays"][..]].concat());
        bench.produce(RECORDS);
        bench.all_written(&mut sidecar, 2 * RECORDS);
        assert_eq!((sidecar.probe("live"), sidecar.probe("ready")), (Some(200), Some(200)), "{name}");
        bench.bounded(&sidecar);
        bench.registry.register(&bench.subject(), NEXT_SCHEMA);
        bench.registry.answer_always(None);
        sidecar.wait_for("the next schema", LIMIT, |metrics| metrics.count("schema_switches_total") == 1);
        sidecar.terminate();
    });
}

/// One case's registry and topics.
struct Bench {
    name: &'static str,
    bootstrap: String,
    registry: FakeRegistry,
}

impl Bench {
    fn new(cluster: &MockCluster<'_, DefaultProducerContext>, name: &'static str) -> Self {
        for topic in [name.to_owned(), format!("{name}-avro")] {
            cluster.create_topic(&topic, 1, 1).unwrap();
        }
        let bench = Self { name, bootstrap: cluster.bootstrap_servers(), registry: FakeRegistry::start() };
        bench.registry.register(&bench.subject(), SCHEMA);
        bench
    }

    fn subject(&self) -> String {
        format!("{}-avro-value", self.name)
    }

    fn start(&self) -> Sidecar {
        let Self { name, bootstrap, registry } = self;
        // Long enough for a body's limit to be reached where it comes fast.
        let timeout = if *name == "endless" { 10_000 } else { 1_000 };
        Sidecar::start(&format!(
            r#"
            log.format = "human"
            kafka.main."bootstrap.servers" = "{bootstrap}"
            registry.main.url = "{}"
            registry.main.request_timeout_ms = {timeout}
            pipeline.main.group_id = "{name}"
            pipeline.main.source.topic = "{name}"
            pipeline.main.sink.topic = "{name}-avro"
            pipeline.main.value.refresh_ms = 100
            "#,
            registry.url()
        ))
    }

    fn produce(&self, count: u64) {
        let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &self.bootstrap).create().unwrap();
        for _ in 0..count {
            producer.send(BaseRecord::<(), _>::to(self.name).payload(r#"{"a":1}"#)).unwrap();
        }
        producer.flush(LIMIT).unwrap();
    }

    fn await_words(&self, sidecar: &mut Sidecar, words: &[&str]) {
        crate::services::wait_for(&format!("{}: {words:?}", self.name), LIMIT, || {
            sidecar.still_runs(self.name);
            sidecar.said(words).then_some(())
        });
    }

    fn all_written(&self, sidecar: &mut Sidecar, count: u64) {
        sidecar.wait_for(&format!("{}: all records", self.name), LIMIT, |metrics| {
            metrics.count("records_produced_total") == count && metrics.sum("committed_offset", &[]) == count as f64
        });
    }

    fn bounded(&self, sidecar: &Sidecar) {
        let peak = sidecar.peak_mib();
        println!("{}: peak {peak:?} MiB", self.name);
        assert!(peak.is_none_or(|peak| peak < MOST_MIB), "{}: {peak:?} MiB", self.name);
    }
}
