//! `json2avro read`, the program, against librdkafka's mock cluster and a registry on loopback.

use crate::fake_registry::FakeRegistry;
use crate::spawn::Spawn;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const USER: &str =
    r#"{"type":"record","name":"User","fields":[{"name":"id","type":"long"},{"name":"name","type":"string"}]}"#;

/// A topic `t` with one partition.
struct World {
    mock: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
    registry: FakeRegistry,
}

impl World {
    fn start() -> Self {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic("t", 1, 1).unwrap();
        let producer = ClientConfig::new().set("bootstrap.servers", mock.bootstrap_servers()).create().unwrap();
        let registry = FakeRegistry::start_below("/apis/ccompat/v7");
        assert_eq!((registry.register("user", USER), registry.register("raw", r#""bytes""#)), (1, 2));
        Self { mock, producer, registry }
    }

    fn produce(&self, value: Option<&[u8]>) {
        self.produce_keyed(Some(b"k"), value, OwnedHeaders::new());
    }

    fn produce_keyed(&self, key: Option<&[u8]>, value: Option<&[u8]>, headers: OwnedHeaders) {
        let mut record = BaseRecord::<[u8], [u8]>::to("t").timestamp(1_700_000_000_000).headers(headers);
        record.key = key;
        record.payload = value;
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.producer.flush(Duration::from_secs(20)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_json2avro"));
        command.args(["read", "--topic", "t", "--bootstrap-servers", &self.mock.bootstrap_servers()]);
        command.args(["--registry-url", &self.registry.url()]).args(arguments);
        command
    }

    fn read(&self, arguments: &[&str]) -> (i32, String, String) {
        outcome(self.command(arguments).output_apart().unwrap())
    }
}

/// Exit code, standard output, standard error.
fn outcome(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A framed user: id as zigzag byte, name of one letter.
fn user(id: u8, name: u8) -> Vec<u8> {
    vec![0, 0, 0, 0, 1, id * 2, 2, name]
}

#[test]
fn values_are_json_lines() {
    let world = World::start();
    world.produce(Some(&user(7, b'a')));
    world.produce(None);
    world.produce(Some(&[0, 0, 0, 0, 2, b'x', b'y']));
    let lines = "{\"id\":7,\"name\":\"a\"}\nnull\n\"xy\"\n";
    let (code, out, err) = world.read(&[]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, lines, ""));
    let (code, out, _) = world.read(&["--max-records", "1"]);
    assert_eq!((code, out.as_str()), (0, "{\"id\":7,\"name\":\"a\"}\n"));
    let (code, out, _) = world.read(&["--from", "2030-01-01T00:00:00Z"]);
    assert_eq!((code, out.as_str()), (0, ""));
}

#[test]
fn metadata_stands_around_the_value() {
    let world = World::start();
    let headers = OwnedHeaders::new()
        .insert(Header { key: "h", value: Some(&b"\"1\""[..]) })
        .insert(Header { key: "h", value: Some(&b"\xff\x00"[..]) })
        .insert(Header { key: "n", value: None::<&[u8]> });
    world.produce_keyed(Some(b"\xffk"), Some(&user(1, b'a')), headers);
    world.produce_keyed(None, None, OwnedHeaders::new());
    let (code, out, err) = world.read(&["--with-metadata"]);
    let lines = concat!(
        r#"{"topic":"t","partition":0,"offset":0,"timestamp":1700000000000,"key":{"hex":"ff6b"},"#,
        r#""headers":[{"name":"h","value":"\"1\""},{"name":"h","value":{"hex":"ff00"}},{"name":"n","value":null}],"#,
        r#""schema_id":1,"value":{"id":1,"name":"a"}}"#,
        "\n",
        r#"{"topic":"t","partition":0,"offset":1,"timestamp":1700000000000,"key":null,"headers":[],"#,
        r#""schema_id":null,"value":null}"#,
        "\n"
    );
    assert_eq!((code, out.as_str(), err.as_str()), (0, lines, ""));
}

#[test]
fn what_cannot_be_decoded_is_told_and_the_rest_is_printed() {
    let world = World::start();
    for value in [&b"{}"[..], b"\0\0\0\0", b"\0\0\0\0\x63\x02", b"\0\0\0\0\x01\x02", b"\0\0\0\0\x01\x02\x02ab"] {
        world.produce(Some(value));
    }
    world.produce(Some(&user(1, b'a')));
    let (code, out, err) = world.read(&[]);
    assert_eq!((code, out.as_str()), (65, "{\"id\":1,\"name\":\"a\"}\n"), "{err}");
    let told: Vec<_> = err.lines().collect();
    assert_eq!(told.len(), 5, "{err}");
    for (offset, (line, word)) in told.iter().zip(["0x7b", "4 bytes", "99", "byte", "1 bytes follow"]).enumerate() {
        let place = format!("json2avro read: t[0] offset {offset}: ");
        assert!(line.starts_with(&place) && line.contains(word), "{word:?}: {line}");
    }
}

#[test]
fn a_wrong_call_and_a_wrong_topic_are_the_callers_fault() {
    let world = World::start();
    for (arguments, word) in [
        (&["--partition", "5"][..], "none of number 5"),
        (&["--from", "yesterday"], "a timestamp with its zone"),
        (&["--config", "nowhere.toml"], "--config"),
    ] {
        let (code, out, err) = world.read(arguments);
        assert_eq!((code, out.as_str()), (64, ""), "{arguments:?}: {err}");
        assert!(err.contains(word), "{arguments:?}: {err}");
    }
    let without = Command::new(env!("CARGO_BIN_EXE_json2avro")).args(["read", "--topic", "t"]).output_apart().unwrap();
    assert_eq!(outcome(without).0, 64);
}

/// `json2avro read | head -1`: the reader goes away and nothing is said of it.
#[test]
fn a_broken_pipe_is_quiet() {
    let world = World::start();
    // More than a pipe holds: the reader is gone before all is written.
    for _ in 0..20_000 {
        world.producer.send(BaseRecord::<[u8], [u8]>::to("t").payload(&user(1, b'a'))).map_err(|(e, _)| e).unwrap();
    }
    world.producer.flush(Duration::from_secs(20)).unwrap();
    let mut child = world.command(&["--follow"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn_apart().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (code, _, err) = outcome(child.wait_with_output().unwrap());
    assert_eq!((line.as_str(), code, err.as_str()), ("{\"id\":1,\"name\":\"a\"}\n", 0, ""));
}
