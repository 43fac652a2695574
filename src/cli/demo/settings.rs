//! The config that the demo runs, as the text it shows.
//!
//! Comes in: the addresses of the embedded services. Goes out: TOML, the config it means, the pipelines built by it. Must
//! never: give the pipeline anything that the text does not say.

use super::died;
use super::screen::Screen;
use crate::app::App;
use crate::config::{self, Config};
use crate::fault::{Blame, Fault, Stage};

pub(super) const PIPELINE: &str = "orders";
pub(super) const GROUP: &str = "json2avro-orders";
pub(super) const SOURCE: &str = "orders";
pub(super) const SINK: &str = "orders-avro";
pub(super) const DEAD_LETTERS: &str = "orders-dead-letter";
pub(super) const SUBJECT: &str = "orders-avro-value";
/// Of the source and the sink.
pub(super) const PARTITIONS: i32 = 4;
/// All topics with their numbers of partitions.
pub(super) const TOPICS: [(&str, i32); 3] = [(SOURCE, PARTITIONS), (SINK, PARTITIONS), (DEAD_LETTERS, 1)];

/// The name of cluster and registry in the config.
const MAIN: &str = "main";
/// Messages about the text name it so.
const FILE: &str = "orders.toml";
/// The admin server's usual address, and any free one in case another process has that.
const LISTEN: [&str; 2] = ["127.0.0.1:9464", "127.0.0.1:0"];

/// The config's text, the config, and what was built by it.
pub(super) fn build(bootstrap_servers: &str, registry_url: &str) -> Result<(String, Config, App), Fault> {
    let [usual, free] = LISTEN;
    match build_at(usual, bootstrap_servers, registry_url) {
        Err(fault) if fault.reason == "admin_listen" => build_at(free, bootstrap_servers, registry_url),
        built => built,
    }
}

fn build_at(listen: &str, bootstrap_servers: &str, registry_url: &str) -> Result<(String, Config, App), Fault> {
    let text = text(listen, bootstrap_servers, registry_url);
    let config = config::load_text(FILE, text.clone())
        .map_err(|mistakes| Fault::lasting(Stage::Config, Blame::Us, "demo_config", mistakes.to_string()))?;
    let app = App::build(&config)?;
    Ok((text, config, app))
}

fn text(listen: &str, bootstrap_servers: &str, registry_url: &str) -> String {
    format!(
        r#"[kafka.{MAIN}]
"bootstrap.servers" = "{bootstrap_servers}"   # the embedded broker
"fetch.wait.max.ms" = "10"   # for the demo: its broker answers no fetch before this wait is over, 500 by default
[registry.{MAIN}]
url = "{registry_url}"   # the embedded registry
[admin]
listen = "{listen}"
[pipeline.{PIPELINE}]
group_id = "{GROUP}"
source.topic = "{SOURCE}"
sink.topic = "{SINK}"
refused.dead_letter_topic = "{DEAD_LETTERS}"
value.refresh_ms = 200     # for the demo: how soon a new schema version is seen, 30000 by default
commit_interval_ms = 50    # for the demo: its producer waits for commits, 1000 by default
"#
    )
}

/// The cluster of the config.
pub(super) fn kafka(config: &Config) -> Result<&config::Kafka, Fault> {
    config.kafka.get(MAIN).ok_or_else(|| died("the config", "it has no cluster"))
}

/// The registry of the config.
pub(super) fn registry(config: &Config) -> Result<&config::Registry, Fault> {
    config.registry.get(MAIN).ok_or_else(|| died("the config", "it has no registry"))
}

/// The config as it was run, and how to make it one's own.
pub(super) fn show(text: &str, screen: &mut Screen) {
    let heading = screen
        .bold("The config it ran. For your own cluster, save it as orders.toml, change the two addresses and drop");
    screen.say(&heading);
    let heading = screen.bold("the lines marked \"for the demo\":");
    screen.say(&heading);
    screen.say("");
    text.lines().for_each(|line| screen.say(line));
    screen.say("");
    screen.say("  json2avro check --config orders.toml --live    what would go wrong: topics, schema, real records");
    screen.say("  json2avro run --config orders.toml             until SIGTERM");
    screen.say("");
}
