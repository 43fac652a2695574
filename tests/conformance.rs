//! The transcoder against what the test suites of other projects expect (`../shared/conformance`), and against files
//! that must not bring it down. Where that folder is absent these tests say so on standard error and check nothing; the
//! project's own cases are in `tests/golden`.

use flate2::read::GzDecoder;
use json2avro::fault::Stage;
use json2avro::transcoder::{Act, Encoder, Ledger, Options, Plan, Refusal, Unions, decode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

/// The folder with others' material, if it is there.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("JSON2AVRO_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = root.join(folder);
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there (JSON2AVRO_SHARED names another place)", folder.display());
        return None;
    }
    Some(folder)
}

/// The lines of a gzipped file, each a JSON value.
pub(crate) fn lines(path: PathBuf) -> Vec<Value> {
    text(path).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn text(path: PathBuf) -> String {
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

pub(crate) fn string<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_default()
}

fn plan(schema: &str) -> Result<Arc<Plan>, String> {
    plan_of(schema, Unions::Plain)
}

fn plan_of(schema: &str, unions: Unions) -> Result<Arc<Plan>, String> {
    let options = Options { unions, ..Options::default() };
    Plan::compile(schema, &[], &options).map(Arc::new).map_err(|error| error.to_string())
}

fn encode(plan: &Arc<Plan>, json: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut out = vec![0xAA];
    let mut ledger = Ledger::default();
    match Encoder::new(Arc::clone(plan)).encode(json, &mut out, &mut ledger) {
        Ok(()) => Ok(out.split_off(1)),
        Err(refusal) => {
            assert_eq!((out.as_slice(), ledger), ([0xAA].as_slice(), Ledger::default()), "a refusal left something");
            Err(refusal)
        }
    }
}

/// The datum as JSON again; whatever was written must be readable, and write the same when it is read again.
fn round_trip(plan: &Arc<Plan>, datum: &[u8]) -> Vec<u8> {
    let mut json = Vec::new();
    assert_eq!(decode(plan, datum, &mut json), Ok(datum.len()));
    let again = encode(plan, &json).unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(&json)));
    assert_eq!(hex(&again), hex(datum), "{}", String::from_utf8_lossy(&json));
    json
}

/// JSON as a tree; infinity, which `Value` does not have, as text.
fn from(json: &[u8]) -> Value {
    let text = str::from_utf8(json).unwrap().replace("-1e999", "\u{1}").replace("1e999", "\"infinity\"");
    serde_json::from_str(&text.replace('\u{1}', "\"-infinity\"")).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Equal as data: 1 and 1.0 are one number, and a float's shortest text may differ from the double that was asked.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            a == b || a as f32 == b as f32
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Why a case that must be accepted is not as expected, if it is not. What is expected may be spelt with tags only where
/// the input is.
pub(crate) fn fault(case: &Value, plan: &Arc<Plan>) -> Option<String> {
    let plain = spelt(case, plan, Unions::Plain);
    if plain.is_none() || string(case, "dialect") != "avro-json" { plain } else { spelt(case, plan, Unions::Tagged) }
}

fn spelt(case: &Value, plan: &Arc<Plan>, spelling: Unions) -> Option<String> {
    let spelt = plan_of(string(case, "schema"), spelling).unwrap();
    let datum = match encode(plan, string(case, "input").as_bytes()) {
        Ok(datum) => datum,
        Err(refusal) => return Some(refusal.to_string()),
    };
    round_trip(plan, &datum);
    let mut read = Vec::new();
    decode(&spelt, &datum, &mut read).unwrap();
    let expect = &case["expect"];
    let any_order = string(expect, "hex_map_order") == "any" || string(expect, "hex_branch") == "any";
    if let Some(wanted) = expect["avro_hex"].as_str() {
        if wanted == hex(&datum) {
            return None;
        }
        if !any_order {
            return Some(format!("{} instead of {wanted}", hex(&datum)));
        }
        let mut json = Vec::new();
        if let Err(error) = decode(&spelt, &unhex(wanted), &mut json) {
            return Some(error.to_string());
        }
        let (read, wanted) = (from(&read), from(&json));
        return (!same(&read, &wanted)).then(|| format!("{read} instead of {wanted}"));
    }
    let read = from(&read);
    if let Some(fields) = expect["fields"].as_object() {
        let wrong = fields.iter().find(|(key, value)| !same(&read[key.as_str()], value));
        return wrong.map(|(key, value)| format!("{key} is {} instead of {value}", read[key.as_str()]));
    }
    let wanted = expect.get("decoded").cloned();
    let wanted = wanted.unwrap_or_else(|| serde_json::from_str(string(case, "input")).unwrap());
    (!same(&read, &wanted)).then(|| format!("{read} instead of {wanted}"))
}

/// Each mode of unions, and the dialects of the cases that it is judged by.
const MODES: [(Unions, &[&str]); 3] = [
    (Unions::Plain, &["plain", "both"]),
    (Unions::Tagged, &["avro-json", "both"]),
    // What must be refused in one dialect may be fine in the other.
    (Unions::Auto, &["plain", "avro-json", "both"]),
];

#[test]
fn conversions_of_other_projects() {
    let Some(folder) = shared("conformance") else { return };
    let mut passed: BTreeMap<(String, &str), (usize, usize)> = BTreeMap::new();
    let mut failures = Vec::new();
    let cases = lines(folder.join("conversion.jsonl.gz"));
    for (unions, dialects) in MODES {
        for case in &cases {
            let (class, dialect) = (string(case, "class"), string(case, "dialect"));
            let judged = dialects.contains(&dialect)
                && (unions != Unions::Auto
                    || dialect == "both"
                    || matches!(class, "must-accept" | "default-fill" | "malformed-json"));
            if !judged {
                // Only that it does no harm.
                let (plan, input) = (plan_of(string(case, "schema"), unions), string(case, "input"));
                plan.map(|plan| encode(&plan, input.as_bytes()).is_ok()).ok();
                continue;
            }
            let problem = problem(case, unions);
            let count = passed.entry((format!("{unions:?}"), class)).or_default();
            count.0 += usize::from(problem.is_none());
            count.1 += 1;
            if let Some(problem) = problem {
                let (schema, input) = (string(case, "schema"), string(case, "input"));
                let line = format!("{unions:?} {class} {}: {schema} <- {input}: {problem}", string(case, "id"));
                if !matches!(class, "lenient" | "policy-reject") {
                    failures.push(line);
                } else if std::env::var_os("JSON2AVRO_SHOW_LENIENT").is_some() {
                    eprintln!("{line}");
                }
            }
        }
    }
    for ((unions, class), (passed, all)) in &passed {
        eprintln!("{unions} {class}: {passed} of {all}");
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert!(cases.len() > 2000, "the material is cut short: {} cases", cases.len());
}

/// What is not as the case has it, if anything is.
fn problem(case: &Value, unions: Unions) -> Option<String> {
    let class = string(case, "class");
    match plan_of(string(case, "schema"), unions) {
        // What cannot be compiled rejects every record.
        Err(_) if matches!(class, "must-reject" | "policy-reject") => None,
        Err(error) => Some(error),
        Ok(plan) => match class {
            "must-accept" | "default-fill" | "lenient" => fault(case, &plan),
            _ => match encode(&plan, string(case, "input").as_bytes()) {
                Ok(datum) => Some(format!("accepted as {}", hex(&datum))),
                Err(refusal) if class == "malformed-json" && refusal.stage != Stage::Parse => {
                    Some(format!("malformed, and refused as {refusal}"))
                }
                Err(_) => None,
            },
        },
    }
}

/// One schema of every kind, so that every way into the parser is taken.
pub(crate) const SCHEMAS: [&str; 14] = [
    r#""null""#,
    r#""boolean""#,
    r#""int""#,
    r#""long""#,
    r#""float""#,
    r#""double""#,
    r#""string""#,
    r#""bytes""#,
    r#"{"type":"bytes","logicalType":"decimal","precision":40,"scale":3}"#,
    r#"{"type":"map","values":["null","double","string",{"type":"array","items":"long"}]}"#,
    r#"{"type":"array","items":"double"}"#,
    r#"{"type":"record","name":"R","fields":[]}"#,
    r#"{"type":"record","name":"L","fields":[{"name":"a","type":["null","L"],"default":null},{"name":"b","type":{"type":"array","items":"L"},"default":[]}]}"#,
    r#"{"type":"record","name":"W","fields":[{"name":"v","type":["null","boolean","long","double","string",{"type":"array","items":["null","W","string","double"]},{"type":"map","values":["null","W","string"]},{"type":"record","name":"V","fields":[{"name":"a","type":"int"}]}],"default":null}]}"#,
];

#[test]
fn json_syntax() {
    let Some(folder) = shared("conformance") else { return };
    let cases = lines(folder.join("json-syntax.jsonl.gz"));
    let mut either = BTreeMap::new();
    for case in &cases {
        use base64::Engine as _;
        let json = base64::engine::general_purpose::STANDARD.decode(string(case, "b64")).unwrap();
        let outcome = string(case, "expect");
        for schema in SCHEMAS {
            let plan = plan(schema).unwrap();
            // The second record of an encoder takes the ways that the first one has learnt.
            let mut encoder = Encoder::new(Arc::clone(&plan));
            for _ in 0..2 {
                let result = encoder.encode(&json, &mut Vec::new(), &mut Ledger::default());
                let parse = result.as_ref().is_err_and(|refusal| refusal.stage == Stage::Parse);
                match outcome {
                    "reject" => assert!(parse, "{case}: {result:?} under {schema}"),
                    "accept" => assert!(!parse, "{case}: {result:?} under {schema}"),
                    _ => *either.entry(format!("{outcome} {}", string(case, "id"))).or_insert(true) &= !parse,
                }
            }
        }
    }
    for (name, taken) in either {
        eprintln!("{name}: {}", if taken { "JSON" } else { "refused as no JSON" });
    }
    assert!(cases.len() > 300, "the material is cut short: {} cases", cases.len());
}

#[test]
fn schemas_of_other_projects() {
    let Some(folder) = shared("conformance") else { return };
    let mut failures = Vec::new();
    let mut counts: BTreeMap<(bool, bool, bool), usize> = BTreeMap::new();
    for case in lines(folder.join("schemas.jsonl.gz")) {
        let (valid, agreed) = (case["valid"].as_bool().unwrap(), case["agree"].as_bool().unwrap());
        let result = plan(string(&case, "schema"));
        *counts.entry((agreed, valid, result.is_ok())).or_default() += 1;
        let outcome = result.as_ref().map_or_else(String::as_str, |_| "loaded");
        let line = format!("{} valid: {valid}: {} {outcome}", string(&case, "id"), string(&case, "schema"));
        if agreed && valid != result.is_ok() {
            failures.push(line);
        } else if !agreed && std::env::var_os("JSON2AVRO_SHOW_LENIENT").is_some() {
            eprintln!("disputed {line}");
        }
    }
    for ((agreed, valid, loaded), count) in counts {
        eprintln!("agreed {agreed}, valid {valid}, loaded {loaded}: {count}");
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// Files of real events.
pub(crate) const EVENTS: [&str; 3] = ["github-events", "cloudevents-spec", "debezium-events"];

/// Some of a GitHub event, the rest of it unknown fields.
pub(crate) const GITHUB: &str = r#"{"type":"record","name":"Event","fields":[
    {"name":"id","type":"string"},{"name":"type","type":"string"},{"name":"public","type":"boolean"},
    {"name":"actor","type":{"type":"record","name":"Actor","fields":[{"name":"login","type":"string"},{"name":"id","type":"long"}]}},
    {"name":"repo","type":{"type":"map","values":["string","long"]}},{"name":"org","type":["null","Actor"],"default":null},
    {"name":"created_at","type":"string"}]}"#;

#[test]
fn real_events() {
    let Some(folder) = shared("corpora") else { return };
    let mut schemas: Vec<String> = SCHEMAS.map(str::to_owned).to_vec();
    schemas.push(std::fs::read_to_string(folder.join("cloudevents.avsc")).unwrap());
    let datagen = lines(folder.join("datagen-schemas.jsonl.gz"));
    schemas.extend(datagen.iter().map(|case| string(case, "schema").to_owned()));
    let plans: Vec<Arc<Plan>> =
        schemas.iter().map(|schema| plan(schema).unwrap_or_else(|e| panic!("{schema}: {e}"))).collect();
    let mut encoders: Vec<Encoder> = plans.into_iter().map(Encoder::new).collect();
    for file in EVENTS {
        for line in text(folder.join(format!("{file}.ndjson.gz"))).lines() {
            for encoder in &mut encoders {
                let mut datum = Vec::new();
                match encoder.encode(line.as_bytes(), &mut datum, &mut Ledger::default()) {
                    Ok(()) => drop(round_trip(&Arc::clone(encoder.plan()), &datum)),
                    Err(refusal) => assert_eq!(refusal.stage, Stage::Convert, "{refusal}: {line}"),
                }
            }
        }
    }
    let lossy = Options::default().lossy.with(Act::UnknownField);
    let plan = Arc::new(Plan::compile(GITHUB, &[], &Options { lossy, ..Options::default() }).unwrap());
    for line in text(folder.join("github-events.ndjson.gz")).lines() {
        let read = from(&round_trip(&plan, &encode(&plan, line.as_bytes()).unwrap()));
        let event = from(line.as_bytes());
        for field in ["id", "type", "public", "repo", "created_at"] {
            assert_eq!(read[field], event[field], "{field} of {line}");
        }
    }
}
