//! Configurations, good and broken: what `load` makes of them.
//!
//! A broken one is `tests/golden/config/NAME.toml`, with `#env NAME=VALUE` and `#set KEY=VALUE` lines on top, and
//! `NAME.txt` is all that it says. The examples of `config/` are good: `tests/golden/config/good/NAME.txt` is the whole
//! `Config`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use json2avro::config::{Config, Conversion, Delivery, Kafka, Mistakes, Pipeline, SchemaChoice, Start, load};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const GOLDEN: &str = "tests/golden/config";
/// Stands wherever a secret would.
const SECRET: &str = "hunter2";
/// As short as a configuration can be.
const SMALL: &str = r#"
    kafka.main."bootstrap.servers" = "localhost:9092"
    registry.main.url = "http://localhost:8081"
    pipeline.orders.group_id = "g"
    pipeline.orders.source.topic = "orders"
    pipeline.orders.sink.topic = "orders-avro"
"#;

type Variables<'a> = &'a [(&'a str, &'a str)];
type Flags<'a> = &'a [&'a str];

/// A folder of its own with a config file and others beside it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(config: &str, others: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in [("config.toml", config)].iter().chain(others) {
            let path = folder.0.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn load(&self, environment: Variables<'_>, sets: Flags<'_>) -> Result<Config, Mistakes> {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let environment = environment.iter().map(|(name, text)| (format!("JSON2AVRO__{name}").into(), text.into()));
        load(&self.0.path().join("config.toml"), &sets, environment)
    }
}

fn small(environment: Variables<'_>, sets: Flags<'_>) -> Config {
    Folder::new(SMALL, &[]).load(environment, sets).unwrap()
}

/// How the values of the pipeline's only topic are re-encoded.
fn value(pipeline: &Pipeline) -> Conversion {
    pipeline.route(&pipeline.source.topics.names[0]).value.unwrap()
}

fn properties(kafka: &Kafka) -> BTreeMap<&str, &str> {
    kafka.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn every_mistake_is_told_at_once_in_exact_words() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(GOLDEN).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(files.len() >= 20, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let directives = |sign: &'static str| text.lines().filter_map(move |line| line.strip_prefix(sign));
        let sets: Vec<String> = directives("#set ").map(str::to_owned).collect();
        let environment = directives("#env ").filter_map(|line| line.split_once('='));
        let told = load(&file, &sets, environment.map(|(name, text)| (name.into(), text.into())));
        check_golden(&file.with_extension("txt"), &told.expect_err(&file.display().to_string()).to_string());
    }
}

#[test]
fn the_examples_are_good() {
    let secrets = [("secrets/plant-password", SECRET), ("secrets/registry-password", "hunter2\n")];
    let others = [&secrets[..], &[("payments.avsc", "\"int\"")]].concat();
    for name in ["example", "example-full"] {
        let text = std::fs::read_to_string(format!("config/{name}.toml")).unwrap();
        let folder = Folder::new(&text, &others);
        let mut config = folder.load(&[], &[]).unwrap();
        for pipeline in config.pipeline.values_mut() {
            if let Some(SchemaChoice::File { path, .. }) = pipeline.shape.value.as_mut().map(|value| &mut value.schema)
            {
                *path = path.strip_prefix(folder.0.path()).unwrap().to_owned();
            }
        }
        check_golden(&Path::new(GOLDEN).join(format!("good/{name}.txt")), &format!("{config:#?}"));
    }
}

/// BLESS=1 writes it anew.
fn check_golden(golden: &Path, shown: &str) {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(golden, format!("{shown}\n")).unwrap();
    }
    let expected = std::fs::read_to_string(golden).unwrap();
    assert_eq!(shown, expected.trim_end(), "{}", golden.display());
    assert!(!shown.contains(SECRET), "{shown}");
}

#[test]
fn the_uppermost_layer_wins() {
    let (low, high) = ("commit_interval_ms = 20", "pipeline.orders.commit_interval_ms = 40");
    let (low_variable, high_variable) =
        (("DEFAULTS__COMMIT_INTERVAL_MS", "30"), ("PIPELINE__orders__COMMIT_INTERVAL_MS", "50"));
    let (low_flag, high_flag) = ("defaults.commit_interval_ms=35", "pipeline.orders.commit_interval_ms=60");
    let table: &[(&str, &str, Variables<'_>, Flags<'_>, u128)] = &[
        ("", "", &[], &[], 1000),
        (low, "", &[], &[], 20),
        (low, "", &[low_variable], &[], 30),
        (low, "", &[low_variable], &[low_flag], 35),
        (low, high, &[low_variable], &[low_flag], 40),
        (low, high, &[low_variable, high_variable], &[low_flag], 50),
        (low, high, &[low_variable, high_variable], &[low_flag, high_flag], 60),
        ("", "", &[], &[high_flag, "pipeline.orders.commit_interval_ms=70"], 70),
    ];
    for (defaults, own, environment, sets, expected) in table {
        let text = format!("{SMALL}\n{own}\n[defaults]\n{defaults}");
        let config = Folder::new(&text, &[]).load(environment, sets).unwrap();
        assert_eq!(config.pipeline["orders"].commit_interval.as_millis(), *expected, "{text} {environment:?} {sets:?}");
    }
}

#[test]
fn a_variable_reaches_every_table_in_any_case_of_its_keys() {
    let config = small(
        &[
            ("LOG__LEVEL", "warn,json2avro::pipeline=debug"),
            ("admin__Listen", "[::1]:0"),
            ("REGISTRY__main__USERNAME", "0123"),
            ("REGISTRY__main__PASSWORD", "1e5"),
            ("REGISTRY__*__REQUEST_TIMEOUT_MS", "77"),
            ("PIPELINE__Orders-2__GROUP_ID", "true"),
            ("PIPELINE__Orders-2__SOURCE__TOPIC", "0123"),
            ("PIPELINE__Orders-2__SINK__TOPIC", "1e5"),
            ("PIPELINE__Orders-2__SINK__SOURCE_POSITION", "true"),
            ("PIPELINE__Orders-2__START", "1793491200000"),
            ("pipeline__Orders-2__Topic__0123__Value__Subject", "own"),
            ("PIPELINE__Orders-2__REFUSED__FLOOD_SHARE", "1"),
        ],
        &[
            "pipeline.orders.start=2026-11-01T00:00:00Z",
            "pipeline.orders.source.topic=my.Orders ^x",
            "pipeline.orders.sink.topic={topic}-avro",
            "pipeline.orders.topic.my.Orders.value.subject={\"a\"=b",
        ],
    );
    assert_eq!(config.log.level, "warn,json2avro::pipeline=debug");
    assert_eq!(config.admin.listen.to_string(), "[::1]:0");
    let (name, password) = config.registry["main"].basic_auth.clone().unwrap();
    assert_eq!((name.as_str(), password.0.as_str()), ("0123", "1e5"));
    assert_eq!(config.registry["main"].request_timeout.as_millis(), 77);
    let new = &config.pipeline["Orders-2"];
    assert_eq!((new.group_id.as_str(), new.source.topics.names.as_slice()), ("true", &["0123".to_owned()][..]));
    assert_eq!((new.route("0123").sink_topic.as_str(), value(new).subject.as_str()), ("1e5", "own"));
    assert!(new.sink.source_position);
    assert_eq!(new.refused.flood_share, 1.0);
    assert_eq!((new.start, config.pipeline["orders"].start), (Start::Timestamp(1_793_491_200_000), new.start));
    assert_eq!(value(&config.pipeline["orders"]).subject, "{\"a\"=b");
}

#[test]
fn a_property_is_the_text_that_was_written() {
    for text in ["0123", "1e5", "{", "[1", "true", "\"q\"", " x ", "", "a=b", "18446744073709551616", "1_000", "ü\n"] {
        let variable = small(&[("KAFKA__main__SASL_PASSWORD", text)], &[]);
        let flag = small(&[], &[&format!("kafka.main.sasl.password={text}")]);
        for config in [variable, flag] {
            assert_eq!(config.kafka["main"].properties["sasl.password"], text);
        }
    }
}

#[test]
fn a_property_has_one_name_in_all_spellings() {
    let table: &[(&str, Variables<'_>, Flags<'_>, &str)] = &[
        ("linger.ms = 5", &[], &[], "linger.ms=5"),
        ("linger.ms = 0.5", &[], &[], "linger.ms=0.5"),
        ("linger = { ms = \"5\" }", &[], &[], "linger.ms=5"),
        ("\"linger.ms\" = 5", &[("KAFKA__main__LINGER_MS", "6")], &[], "linger.ms=6"),
        ("linger.ms = 5", &[("KAFKA__main__LINGER_MS", "6")], &["kafka.main.linger.ms=7"], "linger.ms=7"),
        ("check.crcs = true", &[], &[], "check.crcs=true"),
        ("", &[("KAFKA__main__LOG_LEVEL", "7")], &[], "log_level=7"),
        ("", &[("KAFKA__main__SASL__OAUTHBEARER__ASSERTION__FILE", "f")], &[], "sasl.oauthbearer.assertion.file=f"),
        (
            "\"group.protocol\" = \"a\"\n\"group.protocol.type\" = \"b\"",
            &[],
            &[],
            "group.protocol=a,group.protocol.type=b",
        ),
        ("\"group.protocol\" = \"a\"\ngroup.protocol.type = \"b\"", &[], &[], "group.protocol=a,group.protocol.type=b"),
        ("ssl.key.password_file = \"secret\"", &[], &[], "ssl.key.password=hunter2"),
        ("", &[("KAFKA__main__SSL_KEY_PASSWORD_FILE", "secret")], &[], "ssl.key.password=hunter2"),
        ("", &[], &["kafka.main.ssl.key.password_file=secret"], "ssl.key.password=hunter2"),
        ("sasl.username = \"u\" \nbootstrap.servers = \"b\"", &[], &[], "bootstrap.servers=b,sasl.username=u"),
    ];
    for (own, environment, sets, expected) in table {
        let servers = "bootstrap.servers = \"b\"\n".repeat(usize::from(!own.contains("bootstrap")));
        let text = SMALL.replace("kafka.main.\"bootstrap.servers\" = \"localhost:9092\"", "");
        let config = Folder::new(&format!("{text}\n[kafka.main]\n{servers}{own}"), &[("secret", SECRET)]);
        let config = config.load(environment, sets).unwrap();
        let mut found = properties(&config.kafka["main"]);
        if !expected.contains("bootstrap") {
            found.remove("bootstrap.servers");
        }
        let found: Vec<String> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(found.join(","), *expected, "{own} {environment:?} {sets:?}");
    }
}

#[test]
fn a_secret_file_loses_one_newline_and_no_more() {
    for (text, secret) in [
        ("hunter2", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("hunter2\n\n", "hunter2\n"),
        (" 0123 ", " 0123 "),
        ("\n", ""),
    ] {
        let folder = Folder::new(SMALL, &[("in/secret", text)]);
        let path = folder.0.path().join("in/secret");
        let absolute = format!("kafka.main.sasl.password_file={}", path.display());
        let sets = [absolute.as_str(), "registry.main.password_file=in/secret", "registry.main.username=u"];
        let config = folder.load(&[], &sets).unwrap();
        assert_eq!(config.kafka["main"].properties["sasl.password"], secret);
        assert_eq!(config.registry["main"].basic_auth.as_ref().unwrap().1.0, secret);
        assert!(!format!("{config:?}").contains(SECRET));
    }
}

#[test]
fn what_is_no_variable_of_ours_is_left_alone() {
    let folder = Folder::new(SMALL, &[]);
    let file = folder.0.path().join("config.toml");
    let others =
        ["JSON2AVRO_PORT", "JSON2AVRO_LOG__LEVEL", "json2avro__LOG__LEVEL", "XJSON2AVRO__LOG__LEVEL", "JSON2AVRO"];
    let config = load(&file, &[], others.map(|name| (name.into(), "tcp://10.0.0.1:9092".into()))).unwrap();
    assert_eq!(config.log.level, "info");
}

#[test]
fn an_inherited_choice_gives_way_to_a_pipelines_own() {
    let defaults = "[defaults.value]\nschema = \"file\"\nfile = \"a.avsc\"\nregister = true\n[defaults.refused]\n";
    let folder = Folder::new(&format!("{SMALL}{defaults}dead_letter_topic = \"dead\""), &[("a.avsc", "{}")]);
    let table = [
        (&[][..], "register: true", "topic: \"dead\""),
        (&["pipeline.orders.value.schema=latest"][..], "Latest", "topic: \"dead\""),
        (&["pipeline.orders.value.schema=id", "pipeline.orders.value.id=7"][..], "Id(7)", "topic: \"dead\""),
        (&["pipeline.orders.refused.policy=skip"][..], "File", "policy: Skip"),
        (&["defaults.refused.policy=stop"][..], "File", "policy: Stop"),
        (&["pipeline.orders.refused.dead_letter_topic=own"][..], "File", "topic: \"own\""),
    ];
    for (sets, schema, policy) in table {
        let pipeline = &folder.load(&[], sets).unwrap().pipeline["orders"];
        let found = format!("{:?}", value(pipeline).schema);
        assert!(found.contains(schema), "{sets:?}: {found}");
        assert!(format!("{:?}", pipeline.refused).contains(policy), "{sets:?}: {:?}", pipeline.refused);
    }
}

#[test]
fn a_route_is_the_pipelines_or_the_topics_own() {
    let text = r#"
        kafka.main."bootstrap.servers" = "localhost:9092"
        registry.main.url = "http://localhost:8081"
        [pipeline.p]
        group_id = "g"
        source.topic = ["a", "^shop\\."]
        sink.topic = "{topic}-avro"
        refused.dead_letter_topic = "shop.dead"
        key.output_format = "avro"
        [pipeline.p.topic.a]
        key.output_format = "same"
        value = { schema = "file", file = "a.avsc", subject_strategy = "topic_record_name" }
        [pipeline.p.topic."shop.b"]
        sink.topic = "b"
        key.subject = "keys-of-{topic}"
        value = { subject_strategy = "record_name", record_name = "x.B" }
        [pipeline.p.topic."shop.d"]
        value = { schema = "file", file = "b.avsc", subject_strategy = "record_name" }
    "#;
    let a = r#"{"type":"record","name":"A","namespace":"x.y","fields":[]}"#;
    let b = r#"{"type":"enum","name":"z.B","namespace":"x.y","symbols":[]}"#;
    let pipeline = &Folder::new(text, &[("a.avsc", a), ("b.avsc", b)]).load(&[], &[]).unwrap().pipeline["p"];
    for (topic, expected) in [
        ("a", ("a-avro", None, Some("a-avro-x.y.A"))),
        ("shop.b", ("b", Some("keys-of-shop.b"), Some("x.B"))),
        ("shop.c", ("shop.c-avro", Some("shop.c-avro-key"), Some("shop.c-avro-value"))),
        ("shop.d", ("shop.d-avro", Some("shop.d-avro-key"), Some("z.B"))),
    ] {
        let route = pipeline.route(topic);
        let subject =
            |conversion: &Option<Conversion>| conversion.as_ref().map(|conversion| conversion.subject.clone());
        let (key, value) = (subject(&route.key), subject(&route.value));
        assert_eq!((route.sink_topic.as_str(), key.as_deref(), value.as_deref()), expected, "{topic}");
    }
    for (topic, written) in [
        ("a-avro", true),
        ("b", true),
        ("shop.dead", true),
        ("shop.x-avro", true),
        ("shop.b-avro", false),
        ("shop.x", false),
        ("z-avro", false),
    ] {
        assert_eq!(pipeline.writes(topic), written, "{topic}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let told = load(Path::new("nowhere.toml"), &[], []).unwrap_err().to_string();
    assert_eq!(
        told,
        "nowhere.toml: cannot be read: No such file or directory (os error 2); check the path and the permissions"
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let folder = Folder::new(SMALL, &[]);
    let variable = ("JSON2AVRO__LOG__LEVEL".into(), std::ffi::OsString::from_vec(b"in\xffo".to_vec()));
    let told = load(&folder.0.path().join("config.toml"), &[], [variable]).unwrap_err().to_string();
    assert_eq!(told, "environment variable JSON2AVRO__LOG__LEVEL: is not UTF-8; set it to UTF-8 text");
}

#[test]
fn the_budget_is_shared_and_never_overdrawn() {
    const MIB: u64 = 1 << 20;
    let other = "pipeline.p = { group_id = \"h\", source.topic = \"p\", sink.topic = \"p-avro\" }\n";
    let once = "pipeline.p = { group_id = \"h\", source.topic = \"p\", sink.topic = \"p-avro\", \
                delivery = \"exactly_once\", transaction.instance = \"a\" }\n";
    // An eighth is left to the allocator.
    for (budget, lanes, other, held) in [
        (64 * MIB, 1, "", 55 * MIB),
        (128 * MIB, 1, "", 111 * MIB),
        (128 * MIB, 4, "", 111 * MIB),
        (128 * MIB, 2, other, 111 * MIB),
        (512 * MIB, 2, other, 447 * MIB),
        (256 * MIB, 3, once, 223 * MIB),
        // More than the queues have use for.
        (16384 * MIB, 1, "", 1024 * MIB),
    ] {
        let sets = [&format!("memory.budget_bytes={budget}"), &format!("pipeline.orders.lanes={lanes}")];
        let config = Folder::new(&format!("{SMALL}{other}"), &[]).load(&[], &sets.map(String::as_str)).unwrap();
        let lanes: Vec<_> = config.pipeline.values().flat_map(|pipeline| vec![pipeline; pipeline.lanes]).collect();
        let each = lanes.iter().map(|lane| {
            let room = lane.room;
            let records = lane.in_flight_bytes_of_lane() as u64 + room.queued_bytes + 2 * room.batch_bytes;
            2 * MIB + records + 24 * room.fetch_bytes
        });
        let transactions = config.pipeline.values().filter_map(|pipeline| match &pipeline.delivery {
            Delivery::AtLeastOnce => None,
            Delivery::ExactlyOnce(how) => Some(how.cut.records * 32 * pipeline.lanes as u64),
        });
        let most = lanes.iter().map(|lane| lane.room.fetch_bytes).max().unwrap();
        let taken = 24 * MIB + each.sum::<u64>() + transactions.sum::<u64>() + (300 - 24) * most;
        assert!(taken <= budget / 8 * 7 && taken >= held.min(budget / 8 * 7), "{budget} {sets:?}: {taken}");
    }
}

#[test]
fn a_budget_is_refused_below_what_the_refusal_says() {
    for sets in [
        ["pipeline.orders.lanes=40"],
        ["pipeline.orders.in_flight_bytes=134217728"],
        ["kafka.main.fetch.max.bytes=8000000"],
        ["kafka.main.queued.max.messages.kbytes=1000000"],
    ] {
        let folder = Folder::new(SMALL, &[]);
        let with = |bytes: u64| {
            let budget = format!("memory.budget_bytes={bytes}");
            folder.load(&[], &[sets[0], budget.as_str()])
        };
        let told = with(1 << 26).unwrap_err().to_string();
        let needed = told.split(" would need ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(with(needed).is_ok() && with(needed - 1).is_err(), "{told}");
    }
}
