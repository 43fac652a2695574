//! The configuration as meant, out of what was typed: everything that takes more than one key to see.
//!
//! Comes in: values that are fine by themselves. Goes out: a `Config`, which is one only where no mistake was added.
//! Must never: stop at the first mistake.

use super::mistake::{Complaint, Mistakes};
use super::pipelines::{self, Clusters};
use super::typed::Typed;
use super::{Admin, Config, Log, LogFormat, memory, properties, registry};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// Builds the configuration; paths begin at `folder`, the config file's.
pub(super) fn config(typed: &Typed<'_>, folder: &Path, mistakes: &mut Mistakes) -> Config {
    for (section, next) in [
        ("kafka", "add [kafka.main] with bootstrap.servers"),
        ("registry", "add [registry.main] with url"),
        ("pipeline", "add [pipeline.NAME] with group_id, source.topic and sink.topic"),
    ] {
        if typed.names(section).is_empty() && !mistakes.blame(section) && !mistakes.within(section) {
            mistakes.add(typed.absent(section, Complaint::new("is missing", next)));
        }
    }
    let named = |section| typed.names(section).into_iter();
    let kafka = named("kafka").map(|name| (name.to_owned(), properties::kafka(name, typed, folder, mistakes)));
    let kafka = kafka.collect();
    let registry = named("registry").map(|name| (name.to_owned(), registry::registry(name, typed, folder, mistakes)));
    let registry = registry.collect();
    let clusters = Clusters { kafka: &kafka, registry: &registry };
    let mut pipeline = pipelines::all(typed, &clusters, folder, mistakes);
    let memory_budget = memory::share(typed, &kafka, &mut pipeline, mistakes);
    Config {
        log: log(typed),
        admin: admin(typed),
        drain_timeout: typed.section("drain").duration("timeout_ms"),
        memory_budget,
        kafka,
        registry,
        pipeline,
    }
}

fn log(typed: &Typed<'_>) -> Log {
    let table = typed.section("log");
    let format = if table.text("format") == Some("human") { LogFormat::Human } else { LogFormat::Json };
    Log { format, level: table.text("level").unwrap_or_default().to_owned() }
}

fn admin(typed: &Typed<'_>) -> Admin {
    let table = typed.section("admin");
    let listen = table.text("listen").and_then(|listen| listen.parse().ok());
    // Stands in for an address that is wrong, which no one will see.
    let listen = listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    Admin { listen, live_timeout: table.duration("live_timeout_ms") }
}
