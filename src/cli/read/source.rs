//! Which topic of which cluster, and whose schemas.
//!
//! Comes in: arguments, a config file. Goes out: a `Source`, or what is wrong with the call. Must never: connect.

use super::Args;
use crate::config::{self, Config};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Where records and schemas come from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) kafka: config::Kafka,
    pub(super) registry: config::Registry,
    pub(super) topic: String,
}

/// As the arguments say.
pub(super) fn find(args: &Args) -> Result<Source, String> {
    match (&args.config, &args.bootstrap_servers, &args.registry_url, &args.topic) {
        (Some(file), ..) => of_pipeline(&load(file)?, args.pipeline.as_deref(), args.topic.as_deref()),
        (None, Some(servers), Some(url), Some(topic)) => Ok(of_flags(servers, url, topic)),
        // The parser lets no such call through.
        _ => Err("give --config, or --topic, --bootstrap-servers and --registry-url".to_owned()),
    }
}

fn load(file: &Path) -> Result<Config, String> {
    config::load(file, &[], std::env::vars_os()).map_err(|mistakes| mistakes.to_string())
}

fn of_flags(servers: &str, url: &str, topic: &str) -> Source {
    Source {
        kafka: config::Kafka {
            name: "main".to_owned(),
            properties: BTreeMap::from([("bootstrap.servers".to_owned(), servers.to_owned())]),
        },
        registry: config::Registry {
            name: "main".to_owned(),
            url: url.trim_end_matches('/').to_owned(),
            basic_auth: None,
            request_timeout: Duration::from_secs(5),
            failure_cache: Duration::from_secs(1),
        },
        topic: topic.to_owned(),
    }
}

/// The sink of a pipeline: the one named, or the only one.
fn of_pipeline(config: &Config, name: Option<&str>, topic: Option<&str>) -> Result<Source, String> {
    let names = || config.pipeline.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let pipeline = match name {
        Some(name) => {
            config.pipeline.get(name).ok_or_else(|| format!("no pipeline {name:?}; there are: {}", names()))?
        }
        None => match config.pipeline.values().collect::<Vec<_>>().as_slice() {
            [only] => *only,
            _ => return Err(format!("name one with --pipeline: {}", names())),
        },
    };
    let sink = &pipeline.sink;
    // A checked config has both; saying so is cheaper than relying on it.
    let kafka = config.kafka.get(&sink.kafka).ok_or_else(|| format!("no [kafka.{}]", sink.kafka))?;
    let registry = config.registry.get(&sink.registry).ok_or_else(|| format!("no [registry.{}]", sink.registry))?;
    Ok(Source { kafka: kafka.clone(), registry: registry.clone(), topic: topic.unwrap_or(&sink.topic).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{OutOfRange, Partitioning, RefusedPolicy, SchemaChoice, Start};
    use crate::framing::InputFraming;

    fn pipeline(name: &str, kafka: &str) -> (String, config::Pipeline) {
        let pipeline = config::Pipeline {
            name: name.to_owned(),
            group_id: "g".to_owned(),
            start: Start::Earliest,
            out_of_range: OutOfRange::Stop,
            source: config::Source { kafka: "in".to_owned(), topic: name.to_owned() },
            sink: config::Sink {
                kafka: kafka.to_owned(),
                registry: "main".to_owned(),
                topic: format!("{name}-avro"),
                partitioning: Partitioning::Preserve,
                source_position: false,
            },
            value: config::Value {
                input_framing: InputFraming::None,
                subject: "s".to_owned(),
                schema: SchemaChoice::Id(1),
                transcoder: Default::default(),
            },
            refused: config::Refused { policy: RefusedPolicy::Stop, flood_window: 0, flood_share: 1.0 },
            commit_interval: Duration::from_secs(1),
            in_flight_bytes: 1,
        };
        (name.to_owned(), pipeline)
    }

    fn config(pipelines: &[(&str, &str)]) -> Config {
        let flags = of_flags("localhost:1", "http://r/path/", "t");
        Config {
            log: config::Log { format: config::LogFormat::Human, level: "info".to_owned() },
            admin: config::Admin { listen: ([127, 0, 0, 1], 0).into(), live_timeout: Duration::ZERO },
            drain_timeout: Duration::ZERO,
            kafka: ["in", "out", "other"]
                .map(|name| (name.to_owned(), config::Kafka { name: name.to_owned(), ..flags.kafka.clone() }))
                .into(),
            registry: BTreeMap::from([("main".to_owned(), flags.registry)]),
            pipeline: pipelines.iter().map(|(name, kafka)| pipeline(name, kafka)).collect(),
        }
    }

    #[test]
    fn cluster_and_topic_are_those_of_the_pipelines_sink() {
        let one = config(&[("orders", "out")]);
        let two = config(&[("orders", "out"), ("users", "other")]);
        for (config, name, topic, found) in [
            (&one, None, None, Ok(("out", "orders-avro"))),
            (&one, None, Some("t"), Ok(("out", "t"))),
            (&two, Some("users"), None, Ok(("other", "users-avro"))),
            (&two, None, None, Err("name one with --pipeline: orders, users")),
            (&two, Some("user"), None, Err("no pipeline \"user\"; there are: orders, users")),
        ] {
            let source = of_pipeline(config, name, topic);
            let source = source.as_ref().map(|source| (source.kafka.name.as_str(), source.topic.as_str()));
            assert_eq!(source, found.map_err(str::to_owned).as_ref().copied(), "{name:?} {topic:?}");
        }
    }
}
