//! Log lines on standard error, JSON or for people.
//!
//! Comes in: the `[log]` table; lines of librdkafka, which the `kafka` room's client contexts hand to `librdkafka`. Goes
//! out: lines, librdkafka's under the target `librdkafka`. Must never: panic on a wrong filter or a second start, or wait for
//! whoever reads them (`lines`).

use super::lines::{self, Lines};
use crate::config::{Log, LogFormat};
use crate::fault::{Blame, Fault, Stage};
use tracing::{Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging for the process. A wrong filter, or a process that logs already, is a fault.
pub fn init(log: &Log) -> Result<(), Fault> {
    let lines = Lines::begin().map_err(|error| {
        Fault::lasting(Stage::Config, Blame::Us, "died", format!("the log's thread could not be started: {error}"))
    })?;
    let subscriber = subscriber(log, lines)?;
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|error| Fault::lasting(Stage::Config, Blame::Us, "log_started_twice", error.to_string()))
}

/// Waits, half a second at most, until all lines are written: before the process ends.
pub fn flush() {
    lines::flush();
}

/// A line of librdkafka, with its facility (`FAIL`, `CONFWARN`...). rdkafka itself would write to the `log` crate, which
/// nobody listens to here.
pub fn librdkafka(level: Level, facility: &str, message: &str) {
    match level {
        Level::ERROR => tracing::error!(target: "librdkafka", facility, "{message}"),
        Level::WARN => tracing::warn!(target: "librdkafka", facility, "{message}"),
        Level::INFO => tracing::info!(target: "librdkafka", facility, "{message}"),
        _ => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// What `init` installs, writing elsewhere.
fn subscriber<W>(log: &Log, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, Fault>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(&log.level).map_err(|error| {
        let message =
            format!("log.level = {:?} is no filter ({error}); write `info` or `warn,json2avro=debug`", log.level);
        Fault::lasting(Stage::Config, Blame::Config, "log_level", message)
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match log.format {
        LogFormat::Json => {
            Box::new(builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish())
        }
        LogFormat::Human => Box::new(builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, TopicPartition};
    use crate::telemetry::{Counts, Events, Metrics, Refusal};
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What `act` logs.
    fn logged(format: LogFormat, level: &str, act: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let log = Log { format, level: level.to_owned() };
        tracing::subscriber::with_default(subscriber(&log, move || writer.clone()).unwrap(), act);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_wrong_filter_is_a_fault_that_names_it() {
        for (level, right) in
            [("info", true), ("warn,json2avro=debug", true), ("json2avro=loud", false), ("a=b=c", false)]
        {
            let made = subscriber(&Log { format: LogFormat::Json, level: level.to_owned() }, std::io::sink);
            match made {
                Ok(_) => assert!(right, "{level} was taken"),
                Err(fault) => assert!(!right && fault.message.contains(level), "{level}: {fault}"),
            }
        }
    }

    #[test]
    fn a_stopped_partition_is_one_json_line_with_its_place() {
        let fault = Fault::lasting(Stage::Produce, Blame::Config, "message_too_large", "larger than the topic allows");
        let lines = logged(LogFormat::Json, "info", || {
            let events = Events::new(Metrics::new("x").pipeline("orders"));
            events.partition_stopped(&TopicPartition { topic: "in".into(), partition: 3 }, 77, &fault);
        });
        let line: serde_json::Value = serde_json::from_str(lines.trim_end()).unwrap();
        for (key, value) in [
            ("level", serde_json::json!("ERROR")),
            ("pipeline", "orders".into()),
            ("topic", "in".into()),
            ("partition", 3.into()),
            ("offset", 77.into()),
            ("stage", "produce".into()),
            ("reason", "message_too_large".into()),
        ] {
            assert_eq!(line[key], value, "{key} in {line}");
        }
        assert!(lines.contains("partition stopped") && lines.contains("larger than the topic allows"), "{lines}");
    }

    #[test]
    fn a_million_refusals_are_a_few_lines_and_all_are_counted() {
        let metrics = Metrics::new("x");
        let lane = metrics.pipeline("orders");
        let mut counts = Counts::default();
        let lines = logged(LogFormat::Human, "info", || {
            let mut events = Events::new(lane.clone());
            let partition = TopicPartition { topic: "in".into(), partition: 0 };
            let start = Instant::now();
            for offset in 0..1_000_000 {
                let refusal = Refusal {
                    partition: &partition,
                    offset,
                    stage: Stage::Convert,
                    reason: "missing_field",
                    path: "$.a",
                    message: "no value for a field without default",
                    ends: Outcome::Skipped,
                };
                events.refused(&mut counts, refusal, start);
            }
            events.tick(start + Duration::from_secs(11));
        });
        lane.publish(&counts);
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert!(lines.contains("times=999999"), "{lines}");
        let page = metrics.render();
        let sample =
            r#"json2avro_records_failed_total{pipeline="orders",stage="convert",reason="missing_field"} 1000000"#;
        assert!(page.contains(sample), "{page}");
    }
}
