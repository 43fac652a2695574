//! Schemas, JSON and Avro made to hurt: each ends soon, in the result that its line names.

mod registry;

use json2avro::transcoder::{Act, Encoder, Ledger, Options, Plan, decode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn compile(schema: &str) -> Result<Arc<Plan>, String> {
    let options = Options { lossy: Options::default().lossy.with(Act::UnknownField), ..Options::default() };
    Plan::compile(schema, &[], &options).map(Arc::new).map_err(|error| error.to_string())
}

fn plan(schema: &Value) -> Arc<Plan> {
    compile(&schema.to_string()).unwrap()
}

/// `ok`, or the reason of the refusal.
fn encode(plan: &Arc<Plan>, json: &str) -> &'static str {
    let result = Encoder::new(Arc::clone(plan)).encode(json.as_bytes(), &mut Vec::new(), &mut Ledger::default());
    result.map_or_else(|refusal| refusal.reason, |()| "ok")
}

fn soon<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < Duration::from_secs(20), "{what} took {:?}", start.elapsed());
    result
}

/// Fields a, b, ... of these types.
fn record(name: &str, types: &[Value]) -> Value {
    let fields: Vec<Value> =
        ('a'..).zip(types).map(|(name, kind)| json!({"name": name.to_string(), "type": kind})).collect();
    json!({"type": "record", "name": name, "fields": fields})
}

#[test]
fn schemas() {
    let many = |count: usize, entry: &dyn Fn(usize) -> String| (0..count).map(entry).collect::<Vec<_>>().join(",");
    let doubling = |leaf: &str, levels: usize| {
        let level = |n: usize| {
            let inner = if n == 0 { leaf.to_owned() } else { format!(r#""R{}""#, n - 1) };
            let default = if n == 0 { "0" } else { "{}" };
            format!(
                r#"{{"type":"record","name":"R{n}","fields":[{{"name":"a","type":{inner},"default":{default}}},
                    {{"name":"b","type":{inner},"default":{default}}}]}}"#
            )
        };
        format!("[{}]", many(levels, &level))
    };
    for (what, schema, loads) in [
        (
            "arrays in arrays",
            format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(20_000), "}".repeat(20_000)),
            false,
        ),
        ("brackets", "[".repeat(1 << 20), false),
        (
            "a record of many fields",
            format!(
                r#"{{"type":"record","name":"R","fields":[{}]}}"#,
                many(30_000, &|n| format!(r#"{{"name":"f{n}","type":["null","string"],"default":null}}"#))
            ),
            true,
        ),
        (
            "an enum of many symbols",
            format!(r#"{{"type":"enum","name":"E","symbols":[{}]}}"#, many(100_000, &|n| format!("\"S{n}\""))),
            true,
        ),
        (
            "a union of many records",
            format!("[{}]", many(20_000, &|n| format!(r#"{{"type":"record","name":"R{n}","fields":[]}}"#))),
            true,
        ),
        ("defaults that double", doubling("\"int\"", 60), false),
        ("a record of itself", record("R", &[json!("R")]).to_string(), true),
        ("a fixed of all memory", r#"{"type":"fixed","name":"F","size":9223372036854775807}"#.to_owned(), true),
        (
            "a wide decimal",
            r#"{"type":"bytes","logicalType":"decimal","precision":4000000000,"scale":2}"#.to_owned(),
            false,
        ),
    ] {
        let plan = soon(what, || compile(&schema));
        assert_eq!(plan.is_ok(), loads, "{what}: {:?}", plan.err());
        if let Ok(plan) = plan {
            for json in ["{}", "[]", "0", r#""S5""#, "null", r#"{"a":{"a":{}}}"#] {
                soon(what, || encode(&plan, json));
            }
            for datum in [[0; 64], [0xff; 64], [2; 64]] {
                soon(what, || decode(&plan, &datum, &mut Vec::new())).ok();
            }
        }
    }
}

#[test]
fn documents() {
    let nodes = record("N", &[json!(["null", "N"]), json!({"type": "array", "items": "N"})]);
    let twins = json!([record("A", &[json!(["A", "null"]), json!("int")]), record("B", &[json!(["A", "B", "null"])])]);
    let deep = |open: &str, count: usize| open.repeat(count);
    let nested =
        |open: &str, inner: &str, close: &str, count| format!("{}{inner}{}", deep(open, count), deep(close, count));
    let keys: Vec<String> = (0..100_000).map(|n| format!("\"k{n}\":0")).collect();
    let keys = keys.join(",");
    for (what, schema, json, wanted) in [
        ("open arrays", json!({"type": "array", "items": "int"}), deep("[", 100_000), "depth"),
        ("open arrays for a number", json!("int"), deep("[", 100_000), "depth"),
        ("open objects", json!({"type": "map", "values": "int"}), deep("{\"a\":", 100_000), "depth"),
        ("a deep recursive record", nodes.clone(), deep("{\"a\":", 100_000), "depth"),
        ("a deep list", nodes, deep("{\"b\":[", 100_000), "depth"),
        ("a deep unknown value", record("R", &[]), format!("{{\"x\":{}", deep("[", 100_000)), "depth"),
        ("branches that fail at the bottom", twins, nested("{\"a\":", "{\"a\":1}", "}", 100), "union_effort"),
        ("many keys", json!({"type": "map", "values": "int"}), format!("{{{keys}}}"), "ok"),
        ("many unknown keys", record("R", &[]), format!("{{{keys}}}"), "ok"),
        (
            "many keys, one twice",
            json!({"type": "map", "values": "int"}),
            format!("{{{keys},\"k9\":0}}"),
            "duplicate_key",
        ),
        ("a long number", json!("double"), format!("0.{}1", "0".repeat(1 << 20)), "ok"),
        ("a long integer", json!("long"), "9".repeat(1 << 20), "out_of_range"),
        ("a long exponent", json!("double"), format!("1e-{}", "9".repeat(1 << 20)), "ok"),
        ("a string without end", json!("string"), format!("\"{}", "\\n".repeat(1 << 20)), "syntax"),
    ] {
        let plan = plan(&schema);
        assert_eq!(soon(what, || encode(&plan, &json)), wanted, "{what}");
    }
    let wide = plan(&json!({"type": "bytes", "logicalType": "decimal", "precision": 4096, "scale": 0}));
    assert_eq!(encode(&wide, &"9".repeat(4096)), "ok");
    assert_eq!(encode(&wide, &"9".repeat(1 << 20)), "decimal_precision");
    assert_eq!(encode(&wide, "1e4095"), "ok");
    assert_eq!(encode(&wide, "1e1000000000000"), "decimal_precision");
}

#[test]
fn data() {
    let most = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let least = [0xff; 9].into_iter().chain([1]).collect::<Vec<u8>>();
    let nulls = json!({"type": "array", "items": "null"});
    for (what, schema, datum, problem) in [
        ("all nulls there are", nulls.clone(), most.to_vec(), "too many values of no bytes"),
        ("a count below zero", nulls.clone(), [least.clone(), vec![0]].concat(), "too many values of no bytes"),
        (
            "a block of another size",
            json!({"type": "array", "items": "int"}),
            vec![1, 4, 2, 0],
            "a block of another size",
        ),
        ("a size below zero", nulls, vec![1, 1], "a length that is negative"),
        ("a string of all memory", json!("string"), most.to_vec(), "fewer bytes"),
        ("a string of negative length", json!("string"), vec![1], "negative"),
        ("no UTF-8", json!("string"), vec![2, 0xff], "no UTF-8"),
        ("a map of all memory", json!({"type": "map", "values": "null"}), most.to_vec(), "fewer bytes"),
        ("an integer without end", json!("long"), vec![0xff; 11], "more than 64 bits"),
        ("an int of 33 bits", json!("int"), vec![0x80, 0x80, 0x80, 0x80, 0x10], "out of its range"),
        ("no such symbol", json!({"type": "enum", "name": "E", "symbols": ["A"]}), vec![2], "past the last symbol"),
        ("no such branch", json!(["null", "int"]), vec![4], "past the last"),
        ("a branch below zero", json!(["null", "int", "string"]), vec![1], "negative"),
        ("neither true nor false", json!("boolean"), vec![2], "neither 0 nor 1"),
        ("a record without end", record("R", &[json!("R")]), vec![], "128 containers"),
        ("arrays in arrays", record("R", &[json!({"type": "array", "items": "R"})]), vec![2; 1000], "128 containers"),
        (
            "a decimal of no bytes",
            json!({"type": "bytes", "logicalType": "decimal", "precision": 4}),
            vec![0],
            "a decimal of no bytes",
        ),
        ("nothing", json!("double"), vec![0; 7], "fewer bytes"),
    ] {
        let mut json = b"before".to_vec();
        let error = soon(what, || decode(&plan(&schema), &datum, &mut json)).unwrap_err();
        assert!(error.problem.contains(problem) && error.offset <= datum.len(), "{what}: {error}");
        assert_eq!(json, b"before", "{what}");
    }
    let mut json = Vec::new();
    let blocks = plan(&json!({"type": "array", "items": "int"}));
    assert_eq!(decode(&blocks, &[3, 4, 2, 4, 2, 6, 0, 9, 9], &mut json), Ok(7), "blocks with and without size");
    assert_eq!(json, b"[1,2,3]");
}
