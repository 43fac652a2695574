//! What a principal lacks: each missing right by its name, and nothing else, as a real authorizer has it.

use super::{FILE, SCHEMA, check, config, live, now, records, says};
use crate::services::topics::Broker;
use crate::services::{Service, Services, wait_for};
use std::collections::BTreeMap;
use std::time::Duration;

/// An operation that `mover` is allowed, on which kind of resource, and what its name has behind the case's.
type Right = (&'static str, &'static str, &'static str);
const SOURCE: Right = ("Read", "--topic", "");
const GROUP: Right = ("Read", "--group", "-g");
const SETTINGS: Right = ("DescribeConfigs", "--topic", "-avro");
const SINK: Right = ("Write", "--topic", "-avro");
const DEAD: Right = ("Write", "--topic", "-dead");

/// A name, what is allowed, what is found then; `{}` stands for the name.
const CASES: &[(&str, &[Right], &[&str])] = &[
    (
        "no-sink",
        &[SOURCE, GROUP, SETTINGS, DEAD, ("Describe", "--topic", "-avro")],
        &["error topic \"{}-avro\": sink: missing Write on Topic \"{}-avro\""],
    ),
    (
        "no-dead",
        &[SOURCE, GROUP, SETTINGS, SINK, ("Describe", "--topic", "-dead")],
        &["error topic \"{}-dead\": dead letter: missing Write on Topic \"{}-dead\""],
    ),
    (
        "no-source",
        &[GROUP, SETTINGS, SINK, DEAD, ("Describe", "--topic", "")],
        &["error topic \"{}\": source: missing Read on Topic \"{}\""],
    ),
    ("no-group", &[SOURCE, SETTINGS, SINK, DEAD], &["error group \"{}-g\": group: missing Read on Group \"{}-g\""]),
    (
        "see-group",
        &[SOURCE, SETTINGS, SINK, DEAD, ("Describe", "--group", "-g")],
        &["error group \"{}-g\": group: missing Read on Group \"{}-g\""],
    ),
    (
        "nothing",
        &[],
        &[
            "error topic \"{}\": source: missing Describe on Topic \"{}\"",
            "error topic \"{}-avro\": sink: missing Describe on Topic \"{}-avro\"",
            "error topic \"{}-dead\": dead letter: missing Describe on Topic \"{}-dead\"",
            "error group \"{}-g\": group: missing Read on Group \"{}-g\"",
        ],
    ),
    ("all", &[SOURCE, GROUP, SETTINGS, SINK, DEAD], &[]),
];

#[test]
fn every_missing_right_by_its_name() {
    let Some(services) = Services::turn() else { return };
    services.start(Service::Secured);
    let admin = services.secured("admin");
    prepare(&services, &admin);
    let dead = |name: &str| {
        let policy = "pipeline.o.refused.policy = \"dead_letter\"\npipeline.o.refused.dead_letter_topic";
        as_mover(&services, name, &format!("{policy} = \"{name}-dead\""))
    };
    // The broker takes ACLs in one after the other, those of `all` last.
    wait_for_code(0, &dead("all"));
    for (name, _, expected) in CASES {
        let (_, bad) = live(&dead(name), if expected.is_empty() { 0 } else { 64 });
        let expected: Vec<String> = expected.iter().map(|line| line.replace("{}", name)).collect();
        says(&bad, &expected.iter().map(String::as_str).collect::<Vec<_>>());
        let ends = admin.end_offsets(&format!("{name}-avro"));
        assert_eq!(ends, [0], "{name}: it writes nothing");
    }
    the_right_to_create(&services, &admin);
    services.stop(Service::Secured);
}

/// Makes the topics of all cases, and allows what they say: one call an operation.
fn prepare(services: &Services, admin: &Broker) {
    let mut rights = BTreeMap::<&str, Vec<String>>::new();
    for (name, allowed, _) in CASES {
        for suffix in ["", "-avro", "-dead"] {
            admin.create_topic(&format!("{name}{suffix}"), 1, &[]);
        }
        admin.produce(name, &records(&["{\"id\":1}"], now()));
        for (operation, kind, suffix) in *allowed {
            rights.entry(operation).or_default().extend([(*kind).to_owned(), format!("{name}{suffix}")]);
        }
    }
    for (operation, resources) in &rights {
        services.allow(&[operation], resources);
    }
}

/// A sink topic that would be made. Without Describe on the cluster nothing is told of Create.
fn the_right_to_create(services: &Services, admin: &Broker) {
    admin.create_topic("make", 1, &[]);
    admin.produce("make", &records(&["{\"id\":1}"], now()));
    let names = ["--topic", "make", "--group", "make-g", "--topic", "make-avro"].map(str::to_owned);
    services.allow(&["Read"], &names[..4]);
    services.allow(&["Write"], &names[4..]);
    let config = as_mover(services, "make", "pipeline.o.sink.create = true");
    wait_for_code(0, &config);
    says(&live(&config, 0).1, &["warning topic \"make-avro\": sink: would be made, which needs Create on Topic"]);
    services.allow(&["Create", "Describe"], &["--cluster".to_owned()]);
    wait_for("Create", Duration::from_secs(60), || live(&config, 0).1.is_empty().then_some(()));
    assert!(admin.end_offsets("make-avro").is_empty(), "it makes nothing");
}

fn wait_for_code(code: i32, config: &str) {
    let found = || check(config, SCHEMA, &["--live"]).0;
    wait_for("the ACLs", Duration::from_secs(60), || (found() == Some(code)).then_some(()));
}

fn as_mover(services: &Services, name: &str, more: &str) -> String {
    let mover = services.secured("mover");
    let property = |(name, value): &(&str, String)| format!("kafka.main.\"{name}\" = \"{value}\"\n");
    let properties: String = mover.properties().iter().map(property).collect();
    let more = format!("{FILE}\npipeline.o.value.register = true\n{properties}{more}");
    config(mover.bootstrap(), services.registry_url(), name, &more)
}
