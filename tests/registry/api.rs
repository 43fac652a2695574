//! Confluent's HTTP API: one suite of expectations, held against the embedded registry and against a real one.
//!
//! `steps` has what is asked and answered, `resolution` which schema reads which, `apicurio` what the real one answers
//! otherwise. Comes in: nothing. Goes out: failed tests. Must never: reach into a registry; all goes over HTTP.

use super::contract::{contract, incompatible};
use super::script::{Deviation, Registry, schema_body};
use super::{apicurio, record, resolution, steps};
use crate::services::Services;
use json2avro::embedded;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

#[test]
fn the_embedded_registry_answers_as_confluents() {
    let server = embedded::registry::Registry::start(0).unwrap();
    answers_rightly(&Registry::new(server.url()), &[]);
}

#[test]
fn apicurio_answers_as_confluents_but_for_the_list() {
    let Some(services) = Services::turn() else { return };
    answers_rightly(&Registry::on_a_busy_machine(services.registry_url()), &apicurio::deviations());
}

#[tokio::test]
async fn the_embedded_registry_keeps_the_contract() {
    let server = embedded::registry::Registry::start(0).unwrap();
    contract(server.url().to_owned()).await;
    incompatible(server.url().to_owned()).await;
}

/// All that is asked of any registry over raw HTTP.
fn answers_rightly(registry: &Registry, deviations: &[Deviation]) {
    let scripts = [
        steps::registration(),
        steps::refusals(),
        steps::levels(),
        steps::deletion(),
        steps::references(),
        steps::spelling(),
    ];
    let mut wrong: Vec<String> = scripts.iter().flat_map(|script| registry.play(script, deviations)).collect();
    for (name, status, answer, reason) in deviations {
        let step = scripts.iter().flatten().find(|step| step.name == *name);
        let same = step.is_some_and(|step| (step.status, &step.answer) == (*status, answer));
        if same || (step.is_none() && !resolution::has(name)) {
            wrong.push(format!("the list of deviations is not true any more: {name}: {reason}"));
        }
    }
    wrong.extend(resolution::misjudged(registry, deviations));
    wrong.extend(crowded(registry));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Where a deletion was done and its answer lost, asked again it is none: Apicurio failed for it once.
#[test]
fn a_deletion_whose_answer_is_lost_is_no_wrong_answer() {
    let server = embedded::registry::Registry::start(0).unwrap();
    let registry = Registry::on_a_busy_machine(&forgetful(server.url()));
    assert_eq!(registry.play(&steps::deletion(), &[]), Vec::<String>::new());
    let runs = Registry::new(server.url()).ask("GET", "/subjects?deleted=true", &Value::Null);
    assert_ne!(runs.body, json!([]), "the first round deleted nothing for good, the second one everything");
}

/// The address of a proxy that loses the answer to the first deletion that a registry does.
fn forgetful(url: &str) -> String {
    let (host, listener) = (url.trim_start_matches("http://").to_owned(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut lost = false;
        for mut client in listener.incoming().flatten() {
            let (mut method, mut answer) = ([0; 6], Vec::new());
            client.peek(&mut method).unwrap();
            let mut server = TcpStream::connect(&host).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            // Until the connection ends.
            thread::spawn(move || io::copy(&mut from, &mut to));
            server.read_to_end(&mut answer).unwrap();
            if lost || &method != b"DELETE" || answer.get(9..12) != Some(b"200") {
                client.write_all(&answer).unwrap();
            } else {
                lost = true;
            }
            client.shutdown(Shutdown::Both).unwrap();
        }
    });
    format!("http://{address}")
}

/// Many register at once: the same schema gets one id and one version, others one of their own each.
fn crowded(registry: &Registry) -> Vec<String> {
    const CROWD: usize = 8;
    let versions = format!("/subjects/{}/versions", registry.subject("crowd"));
    let all_at_once = |schema: &(dyn Fn(usize) -> String + Sync)| -> Vec<Value> {
        thread::scope(|scope| {
            let ask = |index| {
                let versions = &versions;
                scope.spawn(move || registry.ask("POST", versions, &schema_body(&schema(index))).body["id"].clone())
            };
            let asked: Vec<_> = (0..CROWD).map(ask).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        })
    };
    let distinct = |ids: &[Value]| ids.iter().filter_map(Value::as_i64).collect::<BTreeSet<_>>().len();
    let mut wrong = Vec::new();
    let same = all_at_once(&|_| record("Crowd", "a"));
    if distinct(&same) != 1 || registry.ask("GET", &versions, &Value::Null).body != json!([1]) {
        wrong.push(format!("the same schema, registered by many at once: {same:?}"));
    }
    registry.ask(
        "PUT",
        &versions.replace("/subjects", "/config").replace("/versions", ""),
        &json!({ "compatibility": "NONE" }),
    );
    let others = all_at_once(&|index| record("Crowd", &format!("f{index}")));
    let numbers: Vec<usize> = (1..=CROWD + 1).collect();
    if distinct(&others) != CROWD || registry.ask("GET", &versions, &Value::Null).body != json!(numbers) {
        wrong.push(format!("other schemas, registered by many at once: {others:?}"));
    }
    wrong
}

/// A version of a schema, the next one, the level, what stands between them in Confluent's words.
#[rustfmt::skip]
const WORDS: &[(&str, &str, &str, &[&str])] = &[
    (r#"{"type":"record","name":"R","fields":[]}"#, r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#, "BACKWARD", &[
        "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'a' at path '/fields/0' in the new schema has no default value and is missing in the old schema', additionalInfo:'a'}",
        "{oldSchemaVersion: 1}",
        r#"{oldSchema: '{"type":"record","name":"R","fields":[]}'}"#,
        "{validateFields: 'false', compatibility: 'BACKWARD'}",
    ]),
    (r#"{"type":"record","name":"R","fields":[{"name":"a","type":["null","long"]}]}"#, r#"{"type":"record","name":"R","fields":[{"name":"a","type":["null","int"]}]}"#, "FULL", &[
        "{errorType:'MISSING_UNION_BRANCH', description:'The new schema is missing a type inside a union field at path '/fields/0/type/1' in the old schema', additionalInfo:'reader union lacking writer type: LONG'}",
        "{oldSchemaVersion: 1}",
        r#"{oldSchema: '{"type":"record","name":"R","fields":[{"name":"a","type":["null","long"]}]}'}"#,
        "{validateFields: 'false', compatibility: 'FULL'}",
    ]),
    (r#"{"type":"enum","name":"E","symbols":["A"]}"#, r#"{"type":"enum","name":"F","symbols":["B","A"]}"#, "FORWARD", &[
        "{errorType:'NAME_MISMATCH', description:'The name of the schema has changed (path '/name')', additionalInfo:'expected: F'}",
        "{errorType:'MISSING_ENUM_SYMBOLS', description:'The old schema is missing enum symbols '[B]' at path '/symbols' in the new schema', additionalInfo:'[B]'}",
        "{oldSchemaVersion: 1}",
        r#"{oldSchema: '{"type":"enum","name":"E","symbols":["A"]}'}"#,
        "{validateFields: 'false', compatibility: 'FORWARD'}",
    ]),
    (r#"{"type":"array","items":{"type":"fixed","name":"F","size":2}}"#, r#"{"type":"array","items":{"type":"fixed","name":"F","size":3}}"#, "BACKWARD_TRANSITIVE", &[
        "{errorType:'FIXED_SIZE_MISMATCH', description:'The size of FIXED type field at path '/items/size' in the new schema does not match with the old schema', additionalInfo:'expected: 2, found: 3'}",
        "{oldSchemaVersion: 1}",
        r#"{oldSchema: '{"type":"array","items":{"type":"fixed","name":"F","size":2}}'}"#,
        "{validateFields: 'false', compatibility: 'BACKWARD_TRANSITIVE'}",
    ]),
    (r#""string""#, r#"{"type":"map","values":"int"}"#, "BACKWARD", &[
        "{errorType:'TYPE_MISMATCH', description:'The type (path '/') of a field in the new schema does not match with the old schema', additionalInfo:'reader type: MAP not compatible with writer type: STRING'}",
        "{oldSchemaVersion: 1}",
        r#"{oldSchema: '"string"'}"#,
        "{validateFields: 'false', compatibility: 'BACKWARD'}",
    ]),
    (r#""int""#, r#""long""#, "BACKWARD", &[]),
];

#[test]
fn what_is_incompatible_is_told_in_confluents_words() {
    let server = embedded::registry::Registry::start(0).unwrap();
    let registry = Registry::new(server.url());
    for (index, (old, new, level, words)) in WORDS.iter().enumerate() {
        let subject = registry.subject(&index.to_string());
        let versions = format!("/subjects/{subject}/versions");
        registry.ask("PUT", &format!("/config/{subject}"), &json!({ "compatibility": level }));
        registry.ask("POST", &versions, &schema_body(old));
        let said = registry.ask("POST", &format!("/compatibility{versions}?verbose=true"), &schema_body(new));
        assert_eq!(said.body, json!({ "is_compatible": words.is_empty(), "messages": words }), "{old} -> {new}");
        let refused = registry.ask("POST", &versions, &schema_body(new));
        let message = format!(
            "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}]",
            words.join(", ")
        );
        match words.is_empty() {
            true => assert_eq!(refused.status, 200, "{old} -> {new}"),
            false => assert_eq!(refused.body, json!({ "error_code": 40901, "message": message }), "{old} -> {new}"),
        }
    }
    let invalid = registry.ask("POST", "/compatibility/subjects/x/versions?verbose=true", &schema_body("\"x\""));
    assert_eq!((invalid.status, &invalid.body["is_compatible"]), (200, &json!(false)), "{}", invalid.body);
}

#[test]
fn a_dropped_registry_frees_its_port_and_forgets() {
    let first = embedded::registry::Registry::start(0).unwrap();
    let port: u16 = first.url().rsplit_once(':').unwrap().1.parse().unwrap();
    assert_eq!(first.url(), format!("http://127.0.0.1:{port}"));
    assert!(embedded::registry::Registry::start(port).is_err(), "the port is taken");
    let body = schema_body("\"int\"");
    assert_eq!(Registry::new(first.url()).ask("POST", "/subjects/s/versions", &body).status, 200);
    drop(first);
    let second = embedded::registry::Registry::start(port).unwrap();
    assert_eq!(Registry::new(second.url()).ask("GET", "/subjects", &Value::Null).body, json!([]));
}
