//! fastavro, which others wrote, reads our data: those of the golden cases, and, where `../shared` is there, those of other
//! projects' test cases in every mode of unions and of real events.
//!
//! Comes in: data that we encoded. Goes out: each read by one Python process and compared by value with what our own decoder
//! reads. Python and its packages are set up as for the real clients (`tests/foreign/python`): never skipped.

use crate::conformance::{EVENTS, GITHUB, SCHEMAS, lines, shared, string, text};
use crate::spawn::Spawn;
use json2avro::transcoder::{Act, Encoder, Ledger, Options, Plan, Unions, decode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/python");

/// What fastavro itself cannot read: a part of the name of such data a line, and the reason behind a bar.
const UNREADABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/unreadable.txt");

/// Data to be read, each once: name by schema, datum, and its JSON.
#[derive(Default)]
struct Data(BTreeMap<(String, Vec<u8>), (String, String)>);

impl Data {
    fn add(&mut self, name: String, schema: &str, datum: &[u8]) {
        let named = Options { unions: Unions::Tagged, ..Options::default() };
        let plan = Plan::compile(schema, &[], &named).unwrap();
        let mut json = Vec::new();
        assert_eq!(decode(&plan, datum, &mut json), Ok(datum.len()), "{name}");
        let json = String::from_utf8(json).unwrap();
        self.0.entry((schema.to_owned(), datum.to_vec())).or_insert((name, json));
    }

    /// Adds what a document becomes, if it is taken: whether it is.
    fn encode(&mut self, name: String, schema: &str, options: &Options, document: &str) -> bool {
        let Ok(plan) = Plan::compile(schema, &[], options) else { return false };
        let mut datum = Vec::new();
        let taken = Encoder::new(Arc::new(plan)).encode(document.as_bytes(), &mut datum, &mut Ledger::default());
        if taken.is_ok() {
            self.add(name, schema, &datum);
        }
        taken.is_ok()
    }
}

#[test]
fn fastavro_reads_every_value() {
    let mut data = Data::default();
    golden(&mut data);
    assert!(data.0.len() > 150, "{} golden data", data.0.len());
    let shared = [conformance(&mut data), corpora(&mut data)].iter().all(|there| *there);
    assert!(!shared || data.0.len() > 1_800, "{} data", data.0.len());
    let (unreadable, compared) = read(&data);
    let listed = std::fs::read_to_string(UNREADABLE).unwrap();
    let listed: Vec<&str> = listed.lines().map(|line| line.split_once(" | ").expect(line).0).collect();
    let mut unused: BTreeSet<&str> = listed.iter().copied().collect();
    let mut wrong = Vec::new();
    for line in &unreadable {
        match listed.iter().find(|part| line.contains(&format!("{part}: "))) {
            Some(part) if line.starts_with("unreadable ") => drop(unused.remove(part)),
            _ => wrong.push(line.as_str()),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), data.0.len(), wrong.join("\n"));
    assert!(!shared || unused.is_empty(), "read by now: {unused:?}");
    assert_eq!(compared + unreadable.len(), data.0.len());
    println!("fastavro read {compared} data; {} it cannot read", unreadable.len());
}

/// Has Python read all data: what it said of some, and how many it found equal.
fn read(data: &Data) -> (Vec<String>, usize) {
    let mut python = Command::new(PYTHON)
        .arg("read_data.py")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn_apart()
        .unwrap_or_else(|error| panic!("{PYTHON}: {error}"));
    let mut given = String::new();
    for ((schema, datum), (name, read)) in &data.0 {
        let hex: String = datum.iter().map(|byte| format!("{byte:02x}")).collect();
        given += &format!("{}\n", json!({"name": name, "schema": schema, "hex": hex, "json": read}));
    }
    let mut input = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(given.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
    let last = lines.pop().unwrap();
    (lines, last.strip_suffix(" data compared").unwrap().parse().unwrap())
}

fn golden(data: &mut Data) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            // fastavro takes one schema alone.
            let Some(hex) = case["hex"].as_str().filter(|_| case.get("references").is_none()) else { continue };
            let datum: Vec<u8> =
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
            let schema = case["schema_text"].as_str().map_or_else(|| case["schema"].to_string(), str::to_owned);
            let file = file.file_name().unwrap().display();
            data.add(format!("{file} {}", string(&case, "why")), &schema, &datum);
        }
    }
}

/// Whether the cases are there.
fn conformance(data: &mut Data) -> bool {
    let Some(folder) = shared("conformance") else { return false };
    let modes: [(Unions, &[&str]); 3] = [
        (Unions::Plain, &["plain", "both"]),
        (Unions::Tagged, &["avro-json", "both"]),
        (Unions::Auto, &["plain", "avro-json", "both"]),
    ];
    for case in lines(folder.join("conversion.jsonl.gz")) {
        if !matches!(string(&case, "class"), "must-accept" | "default-fill") {
            continue;
        }
        for (unions, dialects) in modes {
            if dialects.contains(&string(&case, "dialect")) {
                let options = Options { unions, ..Options::default() };
                let name = format!("{unions:?} {}", string(&case, "id"));
                let taken = data.encode(name.clone(), string(&case, "schema"), &options, string(&case, "input"));
                assert!(taken, "{name}");
            }
        }
    }
    true
}

/// Whether the events are there.
fn corpora(data: &mut Data) -> bool {
    let Some(folder) = shared("corpora") else { return false };
    let sets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/sets");
    let mut schemas: Vec<String> = SCHEMAS.map(str::to_owned).to_vec();
    schemas.push(GITHUB.to_owned());
    schemas.push(std::fs::read_to_string(sets.join("r.avsc")).unwrap());
    schemas.push(std::fs::read_to_string(folder.join("cloudevents.avsc")).unwrap());
    let options = Options { lossy: Options::default().lossy.with(Act::UnknownField), ..Options::default() };
    let mut taken = 0;
    for file in EVENTS {
        for (number, document) in text(folder.join(format!("{file}.ndjson.gz"))).lines().enumerate() {
            for (index, schema) in schemas.iter().enumerate() {
                let name = format!("{file}:{} by schema {index}", number + 1);
                taken += usize::from(data.encode(name, schema, &options, document));
            }
        }
    }
    assert!(taken > 100, "{taken} events were taken");
    true
}
