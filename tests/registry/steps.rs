//! What Confluent's registry answers over HTTP, step by step.
//!
//! The statuses, codes and bodies are those of `schema-registry`'s `core` (the REST resources and `Errors.java`). Comes in:
//! nothing. Goes out: steps. Must never: be loosened for one registry; what that one answers otherwise has a list of its own.

use super::record;
use super::script::{Step, schema_body, step};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;

fn error(code: u32) -> Value {
    json!({ "error_code": code })
}

fn level(level: &str) -> Value {
    json!({ "compatibility": level })
}

fn level_is(level: &str) -> Value {
    json!({ "compatibilityLevel": level })
}

fn verdict(compatible: bool) -> Value {
    json!({ "is_compatible": compatible })
}

/// Of this run alone, so that no other test's subjects hold it.
fn order_text(field: &str) -> String {
    record("Order", field).replace(r#""fields""#, r#""doc":"{run}","fields""#)
}

fn order(field: &str) -> Value {
    schema_body(&order_text(field))
}

/// A record `x.{name}` with a field of each of these types, of the namespace `x` too.
fn of(name: &str, types: &[&str]) -> String {
    let fields = types.iter().map(|named| format!(r#"{{"name":"{}","type":"{named}"}}"#, named.to_lowercase()));
    let fields: Vec<String> = fields.collect();
    format!(r#"{{"type":"record","name":"{name}","namespace":"x","fields":[{}]}}"#, fields.join(","))
}

fn reference(name: &str, version: i32) -> Value {
    json!({ "name": format!("x.{name}"), "subject": format!("{{run}}-{}", name.to_lowercase()), "version": version })
}

fn referring(schema: &str, references: &[Value]) -> Value {
    json!({ "schema": schema, "references": references })
}

/// Registration, versions, ids, lookup.
#[rustfmt::skip]
pub(crate) fn registration() -> Vec<Step> {
    let (a, b) = (order_text("a"), order_text("b"));
    vec![
        step("no subject: versions", "GET /subjects/{run}-a/versions", NOTHING, 404, error(40401)),
        step("no subject: version", "GET /subjects/{run}-a/versions/1", NOTHING, 404, error(40401)),
        step("no subject: latest", "GET /subjects/{run}-a/versions/latest", NOTHING, 404, error(40401)),
        step("no subject: lookup", "POST /subjects/{run}-a", order("a"), 404, error(40401)),
        step("registered", "POST /subjects/{run}-a/versions", order("a"), 200, json!({ "id": "$a" })),
        step("registered again", "POST /subjects/{run}-a/versions", order("a"), 200, json!({ "id": "$a" })),
        step("registered with its type", "POST /subjects/{run}-a/versions", json!({ "schema": a, "schemaType": "AVRO" }), 200, json!({ "id": "$a" })),
        step("registered elsewhere", "POST /subjects/{run}-b/versions", order("a"), 200, json!({ "id": "$a" })),
        step("no level", "PUT /config/{run}-a", level("NONE"), 200, level("NONE")),
        step("another schema", "POST /subjects/{run}-a/versions", order("b"), 200, json!({ "id": "$b" })),
        step("versions", "GET /subjects/{run}-a/versions", NOTHING, 200, json!([1, 2])),
        step("version", "GET /subjects/{run}-a/versions/1", NOTHING, 200, json!({ "subject": "{run}-a", "version": 1, "id": "$a", "schema": a })),
        step("latest", "GET /subjects/{run}-a/versions/latest", NOTHING, 200, json!({ "subject": "{run}-a", "version": 2, "id": "$b", "schema": b })),
        step("latest as -1", "GET /subjects/{run}-a/versions/-1", NOTHING, 200, json!({ "subject": "{run}-a", "version": 2, "id": "$b", "schema": b })),
        step("text of a version", "GET /subjects/{run}-a/versions/1/schema", NOTHING, 200, serde_json::from_str(&a).unwrap()),
        step("no such version", "GET /subjects/{run}-a/versions/3", NOTHING, 404, error(40402)),
        step("no such version: text", "GET /subjects/{run}-a/versions/3/schema", NOTHING, 404, error(40402)),
        step("version 0", "GET /subjects/{run}-a/versions/0", NOTHING, 422, error(42202)),
        step("version in words", "GET /subjects/{run}-a/versions/first", NOTHING, 422, error(42202)),
        step("version beyond 32 bits", "GET /subjects/{run}-a/versions/2147483648", NOTHING, 422, error(42202)),
        step("found", "POST /subjects/{run}-a", order("a"), 200, json!({ "subject": "{run}-a", "version": 1, "id": "$a", "schema": a })),
        step("not found", "POST /subjects/{run}-a", order("c"), 404, error(40403)),
        step("found in another subject only", "POST /subjects/{run}-b", order("b"), 404, error(40403)),
        step("by id", "GET /schemas/ids/$a", NOTHING, 200, json!({ "schema": a })),
        step("text by id", "GET /schemas/ids/$a/schema", NOTHING, 200, serde_json::from_str(&a).unwrap()),
        step("id's subjects", "GET /schemas/ids/$a/subjects", NOTHING, 200, json!(["{run}-a", "{run}-b"])),
        step("id's versions", "GET /schemas/ids/$a/versions", NOTHING, 200, json!([{ "subject": "{run}-a", "version": 1 }, { "subject": "{run}-b", "version": 1 }])),
        step("no such id", "GET /schemas/ids/2147483647", NOTHING, 404, error(40403)),
        step("no such id: subjects", "GET /schemas/ids/2147483647/subjects", NOTHING, 404, error(40403)),
        step("no such id: versions", "GET /schemas/ids/2147483647/versions", NOTHING, 404, error(40403)),
        step("subjects", "GET /subjects?subjectPrefix={run}", NOTHING, 200, json!(["{run}-a", "{run}-b"])),
        step("types", "GET /schemas/types", NOTHING, 200, json!(["AVRO"])),
        step("a subject with a slash", "POST /subjects/{run}%2Fs%20%C3%A9%3A1%25/versions", order("a"), 200, json!({ "id": "$a" })),
        step("a subject with a slash: read", "GET /subjects/{run}%2Fs%20%C3%A9%3A1%25/versions/1", NOTHING, 200, json!({ "subject": "{run}/s é:1%", "version": 1, "id": "$a", "schema": a })),
    ]
}

/// What is refused.
#[rustfmt::skip]
pub(crate) fn refusals() -> Vec<Step> {
    let ask = "POST /subjects/{run}-bad/versions";
    vec![
        step("no JSON", ask, schema_body("{\"type\":"), 422, error(42201)),
        step("no schema", ask, schema_body("{\"type\":\"rec\"}"), 422, error(42201)),
        step("an empty text", ask, schema_body(""), 422, error(42201)),
        step("no text", ask, json!({}), 422, error(42201)),
        step("null", ask, json!({ "schema": null }), 422, error(42201)),
        step("no fields", ask, schema_body(r#"{"type":"record","name":"R"}"#), 422, error(42201)),
        step("no name", ask, schema_body(r#"{"type":"record","fields":[]}"#), 422, error(42201)),
        step("a bad name", ask, schema_body(r#"{"type":"record","name":"1-2","fields":[]}"#), 422, error(42201)),
        step("a field twice", ask, schema_body(r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#), 422, error(42201)),
        step("a type twice in a union", ask, schema_body(r#"["int","int"]"#), 422, error(42201)),
        step("a union in a union", ask, schema_body(r#"["int",["string"]]"#), 422, error(42201)),
        step("an unknown type", ask, schema_body(r#"{"type":"record","name":"R","fields":[{"name":"a","type":"Other"}]}"#), 422, error(42201)),
        step("a bad default", ask, schema_body(r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}"#), 422, error(42201)),
        step("the default of a record that is not there yet", ask, schema_body(r#"{"type":"record","name":"R","fields":[{"name":"a","type":"R","default":{}}]}"#), 422, error(42201)),
        step("a default of part of a record", ask, schema_body(r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"N","fields":[{"name":"b","type":"int"}]},"default":{}}]}"#), 422, error(42201)),
        step("a name beyond ASCII", ask, schema_body(r#"{"type":"record","name":"Ö","fields":[]}"#), 422, error(42201)),
        step("a bad order", ask, schema_body(r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int","order":"up"}]}"#), 422, error(42201)),
        step("a schema inside type", ask, schema_body(r#"{"type":{"type":"int"}}"#), 422, error(42201)),
        step("a type that is unknown here", ask, json!({ "schema": "\"int\"", "schemaType": "XML" }), 422, error(42201)),
        step("a reference to nothing", ask, referring(&of("Order", &["Leaf"]), &[reference("Nothing", 1)]), 422, error(42201)),
        step("an id of one's own", ask, json!({ "schema": "\"int\"", "id": 7 }), 422, error(42205)),
        step("a control character in the subject", "POST /subjects/{run}%01/versions", order("a"), 422, error(42208)),
        step("nothing came of it", "GET /subjects/{run}-bad/versions", NOTHING, 404, error(40401)),
        step("lookup of no schema", "POST /subjects/{run}-bad", schema_body("{\"type\":"), 422, error(42201)),
        step("check of no schema", "POST /compatibility/subjects/{run}-bad/versions/latest", schema_body("{\"type\":"), 422, error(42201)),
    ]
}

/// Compatibility levels and checks.
#[rustfmt::skip]
pub(crate) fn levels() -> Vec<Step> {
    let two = order_text("a").replace("]}", r#",{"name":"b","type":"int"}]}"#);
    let (ask, check) = ("POST /subjects/{run}-l/versions", "POST /compatibility/subjects/{run}-l/versions/latest");
    vec![
        step("the global level", "GET /config", NOTHING, 200, level_is("BACKWARD")),
        step("no level of its own", "GET /config/{run}-l", NOTHING, 404, error(40408)),
        step("the global level instead", "GET /config/{run}-l?defaultToGlobal=true", NOTHING, 200, level_is("BACKWARD")),
        step("a check of nothing", check, order("a"), 200, verdict(true)),
        step("a check of nothing: versions", "POST /compatibility/subjects/{run}-l/versions", order("a"), 200, verdict(true)),
        step("first", ask, order("a"), 200, json!({ "id": "$first" })),
        step("backward", "PUT /config/{run}-l", level("BACKWARD"), 200, level("BACKWARD")),
        step("it has a level now", "GET /config/{run}-l", NOTHING, 200, level_is("BACKWARD")),
        step("backward check", check, schema_body(&two), 200, verdict(false)),
        step("backward check of a version", "POST /compatibility/subjects/{run}-l/versions/1", schema_body(&two), 200, verdict(false)),
        step("backward check of all", "POST /compatibility/subjects/{run}-l/versions", schema_body(&two), 200, verdict(false)),
        step("check of no version", "POST /compatibility/subjects/{run}-l/versions/9", schema_body(&two), 404, error(40402)),
        step("check of version 0", "POST /compatibility/subjects/{run}-l/versions/0", schema_body(&two), 422, error(42202)),
        step("backward registration", ask, schema_body(&two), 409, error(40901)),
        step("the same is no question", ask, order("a"), 200, json!({ "id": "$first" })),
        step("forward", "PUT /config/{run}-l", level("FORWARD"), 200, level("FORWARD")),
        step("forward check", check, schema_body(&two), 200, verdict(true)),
        step("forward registration", ask, schema_body(&two), 200, json!({ "id": "$two" })),
        step("forward: a field goes", check, order("a"), 200, verdict(false)),
        step("full", "PUT /config/{run}-l", level("FULL"), 200, level("FULL")),
        step("full check", check, order("a"), 200, verdict(false)),
        step("backward again", "PUT /config/{run}-l", level("BACKWARD"), 200, level("BACKWARD")),
        // Reads version 2, which has `b`, but not version 1.
        step("not transitive", "POST /compatibility/subjects/{run}-l/versions", order("b"), 200, verdict(true)),
        step("transitive", "PUT /config/{run}-l", level("BACKWARD_TRANSITIVE"), 200, level("BACKWARD_TRANSITIVE")),
        step("transitive check", "POST /compatibility/subjects/{run}-l/versions", order("b"), 200, verdict(false)),
        step("transitive registration", ask, order("b"), 409, error(40901)),
        step("forward transitive", "PUT /config/{run}-l", level("FORWARD_TRANSITIVE"), 200, level("FORWARD_TRANSITIVE")),
        step("forward transitive registration", ask, order("b"), 409, error(40901)),
        step("full transitive", "PUT /config/{run}-l", level("FULL_TRANSITIVE"), 200, level("FULL_TRANSITIVE")),
        step("full transitive registration", ask, order("b"), 409, error(40901)),
        step("none", "PUT /config/{run}-l", level("NONE"), 200, level("NONE")),
        step("none check", check, schema_body("\"int\""), 200, verdict(true)),
        step("none registration", ask, order("b"), 200, json!({ "id": "$b" })),
        step("a level in lower case", "PUT /config/{run}-l", level("none"), 200, level("NONE")),
        step("an unknown level", "PUT /config/{run}-l", level("SIDEWAYS"), 422, error(42203)),
        step("no level in the body", "PUT /config/{run}-l", json!({ "compatibility": 5 }), 422, error(42203)),
        step("the level is gone", "DELETE /config/{run}-l", NOTHING, 200, level_is("NONE")),
        step("the level is gone for good", "GET /config/{run}-l", NOTHING, 404, error(40408)),
        step("gone twice", "DELETE /config/{run}-l", NOTHING, 404, error(40401)),
        step("an unknown global level", "PUT /config", level("SIDEWAYS"), 422, error(42203)),
        step("another global level", "PUT /config", level("FULL"), 200, level("FULL")),
        step("it holds for all", "POST /compatibility/subjects/{run}-l/versions/latest", schema_body(&two), 200, verdict(false)),
        step("the global level is reset", "DELETE /config", NOTHING, 200, level_is("FULL")),
        step("the global level is what it was", "GET /config", NOTHING, 200, level_is("BACKWARD")),
    ]
}

/// Deletion, softly and for good. In one thing these steps ask for more than Confluent's registry, which gives the number
/// of a version again that was the highest and was deleted for good: here none is ever given twice.
#[rustfmt::skip]
pub(crate) fn deletion() -> Vec<Step> {
    let a = order_text("a");
    let ask = "POST /subjects/{run}-d/versions";
    vec![
        step("delete no subject", "DELETE /subjects/{run}-d", NOTHING, 404, error(40401)),
        step("delete no subject's version", "DELETE /subjects/{run}-d/versions/1", NOTHING, 404, error(40401)),
        step("d1", ask, order("a"), 200, json!({ "id": "$a" })),
        step("d level", "PUT /config/{run}-d", level("NONE"), 200, level("NONE")),
        step("d2", ask, order("b"), 200, json!({ "id": "$b" })),
        step("d3", ask, order("c"), 200, json!({ "id": "$c" })),
        step("delete version 0", "DELETE /subjects/{run}-d/versions/0", NOTHING, 422, error(42202)),
        step("delete no version", "DELETE /subjects/{run}-d/versions/9", NOTHING, 404, error(40402)),
        step("for good too early", "DELETE /subjects/{run}-d/versions/3?permanent=true", NOTHING, 404, error(40407)),
        step("softly", "DELETE /subjects/{run}-d/versions/3", NOTHING, 200, json!(3)),
        step("softly twice", "DELETE /subjects/{run}-d/versions/3", NOTHING, 404, error(40406)),
        step("it is gone", "GET /subjects/{run}-d/versions/3", NOTHING, 404, error(40402)),
        step("it is there for those who ask", "GET /subjects/{run}-d/versions/3?deleted=true", NOTHING, 200, json!({ "subject": "{run}-d", "version": 3, "id": "$c", "schema": order_text("c") })),
        step("it is there by id", "GET /schemas/ids/$c", NOTHING, 200, json!({ "schema": order_text("c") })),
        step("living versions", "GET /subjects/{run}-d/versions", NOTHING, 200, json!([1, 2])),
        step("all versions", "GET /subjects/{run}-d/versions?deleted=true", NOTHING, 200, json!([1, 2, 3])),
        step("deleted versions", "GET /subjects/{run}-d/versions?deletedOnly=true", NOTHING, 200, json!([3])),
        step("the latest is a living one", "GET /subjects/{run}-d/versions/latest", NOTHING, 200, json!({ "subject": "{run}-d", "version": 2, "id": "$b", "schema": order_text("b") })),
        step("lookup of a deleted one", "POST /subjects/{run}-d", order("c"), 404, error(40403)),
        step("lookup of a deleted one for those who ask", "POST /subjects/{run}-d?deleted=true", order("c"), 200, json!({ "subject": "{run}-d", "version": 3, "id": "$c", "schema": order_text("c") })),
        step("it comes back under a new number", ask, order("c"), 200, json!({ "id": "$c" })),
        step("its old number is not there any more", "GET /subjects/{run}-d/versions?deleted=true", NOTHING, 200, json!([1, 2, 4])),
        step("softly again", "DELETE /subjects/{run}-d/versions/latest", NOTHING, 200, json!(4)),
        step("for good", "DELETE /subjects/{run}-d/versions/4?permanent=true", NOTHING, 200, json!(4)),
        step("it is gone for all", "GET /subjects/{run}-d/versions/4?deleted=true", NOTHING, 404, error(40402)),
        step("its number is not given again", ask, order("e"), 200, json!({ "id": "$e" })),
        step("numbers", "GET /subjects/{run}-d/versions", NOTHING, 200, json!([1, 2, 5])),
        step("the subject for good too early", "DELETE /subjects/{run}-d?permanent=true", NOTHING, 404, error(40405)),
        step("the subject softly", "DELETE /subjects/{run}-d", NOTHING, 200, json!([1, 2, 5])),
        step("the subject softly twice", "DELETE /subjects/{run}-d", NOTHING, 404, error(40404)),
        step("the subject is gone", "GET /subjects/{run}-d/versions", NOTHING, 404, error(40401)),
        step("its latest is gone", "GET /subjects/{run}-d/versions/latest", NOTHING, 404, error(40401)),
        step("it is not listed", "GET /subjects?subjectPrefix={run}-d", NOTHING, 200, json!([])),
        step("it is listed for those who ask", "GET /subjects?subjectPrefix={run}-d&deleted=true", NOTHING, 200, json!(["{run}-d"])),
        step("it is listed among the deleted", "GET /subjects?subjectPrefix={run}-d&deletedOnly=true", NOTHING, 200, json!(["{run}-d"])),
        step("a deleted subject begins anew", ask, order("a"), 200, json!({ "id": "$a" })),
        step("with a new number", "GET /subjects/{run}-d/versions", NOTHING, 200, json!([6])),
        step("its text is the same", "GET /subjects/{run}-d/versions/6", NOTHING, 200, json!({ "subject": "{run}-d", "version": 6, "id": "$a", "schema": a })),
        step("softly once more", "DELETE /subjects/{run}-d", NOTHING, 200, json!([6])),
        step("the subject for good", "DELETE /subjects/{run}-d?permanent=true", NOTHING, 200, json!([2, 5, 6])),
        step("the subject is gone for all", "GET /subjects/{run}-d/versions?deleted=true", NOTHING, 404, error(40401)),
        step("an id without a version is gone", "GET /schemas/ids/$e", NOTHING, 404, error(40403)),
        step("its level is gone with it", "GET /config/{run}-d", NOTHING, 404, error(40408)),
    ]
}

/// References: a leaf, two branches that refer to it, a tree that refers to both. In one thing these steps ask for more
/// than Confluent's registry, which takes the first of two versions of a type: here the type is defined twice.
#[rustfmt::skip]
pub(crate) fn references() -> Vec<Step> {
    let (leaf, left, right) = (record("Leaf", "a"), of("Left", &["Leaf"]), of("Right", &["Leaf"]));
    let tree = of("Tree", &["Left", "Right", "Leaf"]);
    let tree_body = referring(&tree, &[reference("Left", 1), reference("Right", 1)]);
    let leaf_later = leaf.replace(r#""type":"int"}"#, r#""type":"int"},{"name":"b","type":"int","default":0}"#);
    vec![
        step("leaf", "POST /subjects/{run}-leaf/versions", schema_body(&leaf), 200, json!({ "id": "$leaf" })),
        step("left without its leaf", "POST /subjects/{run}-left/versions", schema_body(&left), 422, error(42201)),
        step("left", "POST /subjects/{run}-left/versions", referring(&left, &[reference("Leaf", 1)]), 200, json!({ "id": "$left" })),
        step("right", "POST /subjects/{run}-right/versions", referring(&right, &[reference("Leaf", 1)]), 200, json!({ "id": "$right" })),
        step("tree", "POST /subjects/{run}-tree/versions", tree_body.clone(), 200, json!({ "id": "$tree" })),
        step("tree again", "POST /subjects/{run}-tree/versions", tree_body.clone(), 200, json!({ "id": "$tree" })),
        step("tree by version", "GET /subjects/{run}-tree/versions/1", NOTHING, 200, json!({ "subject": "{run}-tree", "version": 1, "id": "$tree", "schema": tree, "references": [reference("Left", 1), reference("Right", 1)] })),
        step("tree by id", "GET /schemas/ids/$tree", NOTHING, 200, json!({ "schema": tree, "references": [reference("Left", 1), reference("Right", 1)] })),
        step("tree found", "POST /subjects/{run}-tree", tree_body.clone(), 200, json!({ "subject": "{run}-tree", "version": 1, "id": "$tree", "schema": tree, "references": [reference("Left", 1), reference("Right", 1)] })),
        step("leaf's referrers", "GET /subjects/{run}-leaf/versions/1/referencedby", NOTHING, 200, json!(["$left", "$right"])),
        step("left's referrers", "GET /subjects/{run}-left/versions/latest/referencedby", NOTHING, 200, json!(["$tree"])),
        step("tree's referrers", "GET /subjects/{run}-tree/versions/1/referencedby", NOTHING, 200, json!([])),
        step("no version's referrers", "GET /subjects/{run}-leaf/versions/9/referencedby", NOTHING, 404, error(40402)),
        step("no subject's referrers", "GET /subjects/{run}-nobody/versions/1/referencedby", NOTHING, 404, error(40401)),
        step("a leaf that is needed: version", "DELETE /subjects/{run}-leaf/versions/1", NOTHING, 422, error(42206)),
        step("a leaf that is needed: subject", "DELETE /subjects/{run}-leaf", NOTHING, 422, error(42206)),
        step("a later leaf", "POST /subjects/{run}-leaf/versions", schema_body(&leaf_later), 200, json!({ "id": "$later" })),
        step("tree level", "PUT /config/{run}-left", level("BACKWARD"), 200, level("BACKWARD")),
        step("left with the later leaf may follow", "POST /compatibility/subjects/{run}-left/versions/latest", referring(&left, &[reference("Leaf", 2)]), 200, verdict(true)),
        step("left with the later leaf", "POST /subjects/{run}-left/versions", referring(&left, &[reference("Leaf", 2)]), 200, json!({ "id": "$left2" })),
        step("a tree of two leaves", "POST /subjects/{run}-tree3/versions", referring(&of("Tree", &["Left", "Right"]), &[reference("Left", 2), reference("Right", 1)]), 422, error(42201)),
        step("the latest leaf by -1", "POST /subjects/{run}-left", referring(&left, &[reference("Leaf", -1)]), 200, json!({ "subject": "{run}-left", "version": 2, "id": "$left2", "schema": left, "references": [reference("Leaf", 2)] })),
        step("the tree goes softly", "DELETE /subjects/{run}-tree", NOTHING, 200, json!([1])),
        step("left's referrers are gone", "GET /subjects/{run}-left/versions/1/referencedby", NOTHING, 200, json!([])),
        step("left's referrers for those who ask", "GET /subjects/{run}-left/versions/1/referencedby?deleted=true", NOTHING, 200, json!(["$tree"])),
        step("what is deleted cannot be referred to", "POST /subjects/{run}-tree2/versions", referring(&of("Other", &["Tree"]), &[reference("Tree", 1)]), 422, error(42201)),
        step("left goes softly", "DELETE /subjects/{run}-left", NOTHING, 200, json!([1, 2])),
        step("left is needed by what may come back", "DELETE /subjects/{run}-left?permanent=true", NOTHING, 422, error(42206)),
        step("the tree goes for good", "DELETE /subjects/{run}-tree?permanent=true", NOTHING, 200, json!([1])),
        step("left goes for good", "DELETE /subjects/{run}-left?permanent=true", NOTHING, 200, json!([1, 2])),
    ]
}

/// Texts that differ in nothing that Avro keeps are one schema, in Avro Java's spelling.
#[rustfmt::skip]
pub(crate) fn spelling() -> Vec<Step> {
    let plain = r#"{"type":"record","name":"R","namespace":"x","doc":"d","fields":[{"name":"a","type":"int","doc":"e","default":1,"aliases":["b"]},{"name":"r","type":["null","R"]}],"extra":{"k":[1.5,null]},"aliases":["Q","y.P"]}"#;
    let loose = r#" {"aliases": ["Q", "y.P"], "name": "x.R", "fields": [{"aliases": ["b"], "order": "ascending", "default": 1,
        "type": {"type": "int"}, "doc": "e", "name": "a"}, {"name": "r", "type": ["null", "x.R"]}], "extra": {"k": [1.5, null]}, "doc": "d", "type": "record"}"#;
    let other = plain.replace(r#""default":1"#, r#""default":2"#);
    let defaults = r#"{"type":"record","name":"D","fields":[{"name":"i","type":"int","default":-2147483648},{"name":"l","type":"long","default":9223372036854775807},{"name":"d","type":"double","default":1},{"name":"b","type":"bytes","default":"\u00ff"},{"name":"u","type":["null","D"],"default":null},{"name":"a","type":{"type":"array","items":"string"},"default":["x"]},{"name":"m","type":{"type":"map","values":"long"},"default":{"k":1}},{"name":"r","type":{"type":"record","name":"N","fields":[{"name":"o","type":"boolean","default":true}]},"default":{}}]}"#.replace("\\u00ff", "ÿ");
    let defaults = defaults.as_str();
    let nested = r#"{"type":"record","name":"O","namespace":"x","fields":[{"name":"e","type":{"type":"enum","name":"E","namespace":"y","symbols":["A"],"default":"A"}},{"name":"f","type":"y.E"},{"name":"d","type":{"type":"int","logicalType":"date"}},{"name":"m","type":{"type":"map","values":{"type":"array","items":"string"}}},{"name":"h","type":{"type":"fixed","name":"H","size":4},"order":"ignore"}]}"#;
    let nested_loose = r#"{"type":"record","name":"O","namespace":"x","fields":[{"name":"e","type":{"type":"enum","name":"y.E","symbols":["A"],"default":"A"}},{"name":"f","type":"y.E"},{"name":"d","type":{"logicalType":"date","type":"int"}},{"name":"m","type":{"type":"map","values":{"type":"array","items":{"type":"string"}}}},{"order":"IGNORE","name":"h","type":{"type":"fixed","name":"x.H","size":4}}]}"#;
    vec![
        step("loosely", "POST /subjects/{run}-s/versions", schema_body(loose), 200, json!({ "id": "$s" })),
        step("plainly", "POST /subjects/{run}-s/versions", schema_body(plain), 200, json!({ "id": "$s" })),
        step("spelt", "GET /schemas/ids/$s", NOTHING, 200, json!({ "schema": plain })),
        step("one version", "GET /subjects/{run}-s/versions", NOTHING, 200, json!([1])),
        step("another default", "POST /subjects/{run}-s/versions", schema_body(&other), 200, json!({ "id": "$other" })),
        step("another version", "GET /subjects/{run}-s/versions", NOTHING, 200, json!([1, 2])),
        step("good defaults", "POST /subjects/{run}-g/versions", schema_body(defaults), 200, json!({ "id": "$g" })),
        step("good defaults, spelt", "GET /schemas/ids/$g", NOTHING, 200, json!({ "schema": defaults })),
        step("nested, loosely", "POST /subjects/{run}-n/versions", schema_body(nested_loose), 200, json!({ "id": "$n" })),
        step("nested, plainly", "POST /subjects/{run}-n/versions", schema_body(nested), 200, json!({ "id": "$n" })),
        step("nested, spelt", "GET /schemas/ids/$n", NOTHING, 200, json!({ "schema": nested })),
        step("a primitive, loosely", "POST /subjects/{run}-p/versions", schema_body(r#"{"type": "string"}"#), 200, json!({ "id": "$p" })),
        step("a primitive, spelt", "GET /schemas/ids/$p", NOTHING, 200, json!({ "schema": "\"string\"" })),
    ]
}
