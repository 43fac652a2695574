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
            urls: vec![url.trim_end_matches('/').to_owned()],
            ca: None,
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
    let topic = match (topic, pipeline.source.topics.names.as_slice(), pipeline.source.topics.patterns.is_empty()) {
        (Some(topic), ..) => topic.to_owned(),
        (None, [source], true) => pipeline.route(source).sink_topic,
        _ => return Err(format!("pipeline {} writes several topics; name one with --topic", pipeline.name)),
    };
    Ok(Source { kafka: kafka.clone(), registry: registry.clone(), topic })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pipelines by name, each with the cluster of its sink and its source topics.
    fn config(pipelines: &[(&str, &str, &str)]) -> Config {
        let mut text = "registry.main.url = \"http://r\"\n".to_owned();
        for name in ["in", "out", "other"] {
            text.push_str(&format!("kafka.{name}.\"bootstrap.servers\" = \"{name}:1\"\n"));
        }
        for (name, kafka, topics) in pipelines {
            text.push_str(&format!(
                "[pipeline.{name}]\ngroup_id = \"{name}\"\nsource = {{ kafka = \"in\", topic = \"{topics}\" }}\n\
                 sink = {{ kafka = \"{kafka}\", topic = \"{{topic}}-avro\" }}\n"
            ));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        config::load(file.path(), &[], []).unwrap()
    }

    #[test]
    fn cluster_and_topic_are_those_of_the_pipelines_sink() {
        let one = config(&[("orders", "out", "orders")]);
        let two = config(&[("orders", "out", "orders"), ("users", "other", "users")]);
        let many = config(&[("all", "out", "^."), ("some", "out", "a b")]);
        for (config, name, topic, found) in [
            (&one, None, None, Ok(("out", "orders-avro"))),
            (&one, None, Some("t"), Ok(("out", "t"))),
            (&two, Some("users"), None, Ok(("other", "users-avro"))),
            (&two, None, None, Err("name one with --pipeline: orders, users")),
            (&many, Some("all"), Some("t"), Ok(("out", "t"))),
            (&many, Some("all"), None, Err("pipeline all writes several topics; name one with --topic")),
            (&many, Some("some"), None, Err("pipeline some writes several topics; name one with --topic")),
            (&two, Some("user"), None, Err("no pipeline \"user\"; there are: orders, users")),
        ] {
            let source = of_pipeline(config, name, topic);
            let source = source.as_ref().map(|source| (source.kafka.name.as_str(), source.topic.as_str()));
            assert_eq!(source, found.map_err(str::to_owned).as_ref().copied(), "{name:?} {topic:?}");
        }
    }
}
