//! Which schema reads which, row by row, asked of a registry: the specification's "Schema Resolution".
//!
//! Comes in: a registry's base URL. Goes out: the rows that it judges otherwise. Must never: know how it decides.

use super::script::{Deviation, Registry, schema_body};
use serde_json::{Value, json};

/// What the row is about, what data is written by, what is to read it, whether it can read all of it.
type Row = (&'static str, &'static str, &'static str, bool);

/// Stands for a record `x.R` with these fields.
macro_rules! record {
    ($fields:literal) => {
        concat!(r#"{"type":"record","name":"R","namespace":"x","fields":["#, $fields, "]}")
    };
}

/// A field `v` of this type in a record `x.R`.
macro_rules! field {
    ($schema:literal) => {
        concat!(r#"{"type":"record","name":"R","namespace":"x","fields":[{"name":"v","type":"#, $schema, "}]}")
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("the same", field!(r#""int""#), field!(r#""int""#), true),
    ("added field with default", record!(""), record!(r#"{"name":"a","type":"int","default":0}"#), true),
    ("added field with default null", record!(""), record!(r#"{"name":"a","type":["null","int"],"default":null}"#), true),
    ("added field without default", record!(""), record!(r#"{"name":"a","type":"int"}"#), false),
    ("added optional field without default", record!(""), record!(r#"{"name":"a","type":["null","int"]}"#), false),
    ("added enum field whose enum has a default", record!(""),
        record!(r#"{"name":"e","type":{"type":"enum","name":"E","symbols":["A"],"default":"A"}}"#), false),
    ("removed field", record!(r#"{"name":"a","type":"int"}"#), record!(""), true),
    ("changed default", record!(r#"{"name":"a","type":"int","default":1}"#), record!(r#"{"name":"a","type":"int","default":2}"#), true),
    ("fields in another order", record!(r#"{"name":"a","type":"int"},{"name":"b","type":"int"}"#), record!(r#"{"name":"b","type":"int"},{"name":"a","type":"int"}"#), true),
    ("int to long", field!(r#""int""#), field!(r#""long""#), true),
    ("int to float", field!(r#""int""#), field!(r#""float""#), true),
    ("int to double", field!(r#""int""#), field!(r#""double""#), true),
    ("long to float", field!(r#""long""#), field!(r#""float""#), true),
    ("long to double", field!(r#""long""#), field!(r#""double""#), true),
    ("float to double", field!(r#""float""#), field!(r#""double""#), true),
    ("string to bytes", field!(r#""string""#), field!(r#""bytes""#), true),
    ("bytes to string", field!(r#""bytes""#), field!(r#""string""#), true),
    ("long to int", field!(r#""long""#), field!(r#""int""#), false),
    ("float to long", field!(r#""float""#), field!(r#""long""#), false),
    ("double to float", field!(r#""double""#), field!(r#""float""#), false),
    ("int to string", field!(r#""int""#), field!(r#""string""#), false),
    ("int to boolean", field!(r#""int""#), field!(r#""boolean""#), false),
    ("null to int", field!(r#""null""#), field!(r#""int""#), false),
    ("a logical type left out", field!(r#"{"type":"long","logicalType":"timestamp-millis"}"#), field!(r#""long""#), true),
    ("another logical type", field!(r#"{"type":"long","logicalType":"timestamp-millis"}"#), field!(r#"{"type":"long","logicalType":"timestamp-micros"}"#), true),
    ("a date to long", field!(r#"{"type":"int","logicalType":"date"}"#), field!(r#""long""#), true),
    ("another scale", field!(r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":1}"#), field!(r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#), true),
    ("array items promote", field!(r#"{"type":"array","items":"int"}"#), field!(r#"{"type":"array","items":"long"}"#), true),
    ("array items narrow", field!(r#"{"type":"array","items":"long"}"#), field!(r#"{"type":"array","items":"int"}"#), false),
    ("map values promote", field!(r#"{"type":"map","values":"int"}"#), field!(r#"{"type":"map","values":"double"}"#), true),
    ("map values narrow", field!(r#"{"type":"map","values":"double"}"#), field!(r#"{"type":"map","values":"int"}"#), false),
    ("array to map", field!(r#"{"type":"array","items":"int"}"#), field!(r#"{"type":"map","values":"int"}"#), false),
    ("union widened", field!(r#"["null","int"]"#), field!(r#"["null","int","string"]"#), true),
    ("union narrowed", field!(r#"["null","int","string"]"#), field!(r#"["null","int"]"#), false),
    ("union in another order", field!(r#"["null","int"]"#), field!(r#"["int","null"]"#), true),
    ("union promoted", field!(r#"["null","int"]"#), field!(r#"["null","long"]"#), true),
    ("union promoted onto one branch", field!(r#"["int","long"]"#), field!(r#"["double"]"#), true),
    ("made optional", field!(r#""int""#), field!(r#"["null","int"]"#), true),
    ("made optional and promoted", field!(r#""int""#), field!(r#"["null","long"]"#), true),
    ("made required", field!(r#"["null","int"]"#), field!(r#""int""#), false),
    ("union of one made plain", field!(r#"["int"]"#), field!(r#""int""#), true),
    ("union all of which promote made plain", field!(r#"["int","float"]"#), field!(r#""double""#), true),
    ("enum symbol added", field!(r#"{"type":"enum","name":"E","symbols":["A"]}"#), field!(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#), true),
    ("enum symbol removed", field!(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#), field!(r#"{"type":"enum","name":"E","symbols":["A"]}"#), false),
    ("enum symbol removed, reader's default", field!(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#), field!(r#"{"type":"enum","name":"E","symbols":["A"],"default":"A"}"#), true),
    ("enum symbol removed, writer's default", field!(r#"{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}"#), field!(r#"{"type":"enum","name":"E","symbols":["A"]}"#), false),
    ("enum symbols reordered", field!(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#), field!(r#"{"type":"enum","name":"E","symbols":["B","A"]}"#), true),
    ("enum renamed", field!(r#"{"type":"enum","name":"E","symbols":["A"]}"#), field!(r#"{"type":"enum","name":"F","symbols":["A"]}"#), false),
    ("enum renamed with alias", field!(r#"{"type":"enum","name":"E","symbols":["A"]}"#), field!(r#"{"type":"enum","name":"F","aliases":["E"],"symbols":["A"]}"#), true),
    ("enum to string", field!(r#"{"type":"enum","name":"E","symbols":["A"]}"#), field!(r#""string""#), false),
    ("fixed of another size", field!(r#"{"type":"fixed","name":"F","size":4}"#), field!(r#"{"type":"fixed","name":"F","size":8}"#), false),
    ("fixed renamed", field!(r#"{"type":"fixed","name":"F","size":4}"#), field!(r#"{"type":"fixed","name":"G","size":4}"#), false),
    ("fixed renamed with alias", field!(r#"{"type":"fixed","name":"F","size":4}"#), field!(r#"{"type":"fixed","name":"G","aliases":["x.F"],"size":4}"#), true),
    ("fixed to bytes", field!(r#"{"type":"fixed","name":"F","size":4}"#), field!(r#""bytes""#), false),
    ("record renamed", record!(""), r#"{"type":"record","name":"S","namespace":"x","fields":[]}"#, false),
    ("record renamed with alias", record!(""), r#"{"type":"record","name":"S","namespace":"x","aliases":["R"],"fields":[]}"#, true),
    ("record renamed with full alias", record!(""), r#"{"type":"record","name":"S","namespace":"y","aliases":["x.R"],"fields":[]}"#, true),
    ("record renamed with the alias of another namespace", record!(""), r#"{"type":"record","name":"S","namespace":"y","aliases":["R"],"fields":[]}"#, false),
    ("the writer's alias", r#"{"type":"record","name":"S","namespace":"x","aliases":["R"],"fields":[]}"#, record!(""), false),
    ("record in another namespace", record!(""), r#"{"type":"record","name":"R","namespace":"y","fields":[]}"#, true),
    ("field renamed", record!(r#"{"name":"a","type":"int"}"#), record!(r#"{"name":"b","type":"int"}"#), false),
    ("field renamed with alias", record!(r#"{"name":"a","type":"int"}"#), record!(r#"{"name":"b","aliases":["a"],"type":"int"}"#), true),
    ("field renamed with alias and narrowed", record!(r#"{"name":"a","type":"long"}"#), record!(r#"{"name":"b","aliases":["a"],"type":"int"}"#), false),
    ("field with two sources", record!(r#"{"name":"a","type":"int"},{"name":"b","type":"int"}"#), record!(r#"{"name":"b","aliases":["a"],"type":"int"}"#), false),
    ("nested: field with default added", field!(r#"{"type":"record","name":"N","fields":[]}"#), field!(r#"{"type":"record","name":"N","fields":[{"name":"a","type":"int","default":1}]}"#), true),
    ("nested: field without default added", field!(r#"{"type":"record","name":"N","fields":[]}"#), field!(r#"{"type":"record","name":"N","fields":[{"name":"a","type":"int"}]}"#), false),
    ("nested in a union: field without default added", field!(r#"["null",{"type":"record","name":"N","fields":[]}]"#), field!(r#"["null",{"type":"record","name":"N","fields":[{"name":"a","type":"int"}]}]"#), false),
    ("nested in an array in a map", field!(r#"{"type":"map","values":{"type":"array","items":{"type":"record","name":"N","fields":[]}}}"#),
        field!(r#"{"type":"map","values":{"type":"array","items":{"type":"record","name":"N","fields":[{"name":"a","type":"int"}]}}}"#), false),
    ("defined at another place",
        record!(r#"{"name":"a","type":{"type":"record","name":"N","fields":[]}},{"name":"b","type":"N"}"#),
        record!(r#"{"name":"b","type":{"type":"record","name":"N","fields":[]}},{"name":"a","type":"N"}"#), true),
    ("one of two records in a union renamed", field!(r#"["null",{"type":"record","name":"M","fields":[]}]"#), field!(r#"["null",{"type":"record","name":"N","fields":[]}]"#), false),
    ("a list that refers to itself, promoted", record!(r#"{"name":"v","type":"int"},{"name":"next","type":["null","R"]}"#), record!(r#"{"name":"v","type":"long"},{"name":"next","type":["null","R"]}"#), true),
    ("a list that refers to itself, narrowed", record!(r#"{"name":"next","type":["null","R"]},{"name":"v","type":"long"}"#), record!(r#"{"name":"next","type":["null","R"]},{"name":"v","type":"int"}"#), false),
    ("records that refer to each other",
        record!(r#"{"name":"n","type":["null",{"type":"record","name":"N","fields":[{"name":"r","type":["null","R"]},{"name":"v","type":"long"}]}]}"#),
        record!(r#"{"name":"n","type":["null",{"type":"record","name":"N","fields":[{"name":"r","type":["null","R"]},{"name":"v","type":"int"}]}]}"#), false),
    ("a union of records, narrowed in another order",
        r#"[{"type":"record","name":"A","fields":[{"name":"v","type":"long"}]},{"type":"record","name":"B","fields":[]}]"#,
        r#"[{"type":"record","name":"B","fields":[]},{"type":"record","name":"A","fields":[{"name":"v","type":"int"}]}]"#, false),
    ("a union of records, promoted in another order",
        r#"[{"type":"record","name":"A","fields":[{"name":"v","type":"int"}]},{"type":"record","name":"B","fields":[]}]"#,
        r#"[{"type":"record","name":"B","fields":[]},{"type":"record","name":"A","fields":[{"name":"v","type":"long"}]}]"#, true),
    ("a record that moved within a union of its likes",
        r#"[{"type":"record","name":"a.R","fields":[{"name":"v","type":"int"}]},"null"]"#,
        r#"[{"type":"record","name":"a.R","fields":[{"name":"w","type":"int"}]},{"type":"record","name":"b.R","fields":[{"name":"v","type":"int"}]},"null"]"#, true),
    ("plain types", r#""int""#, r#""long""#, true),
    ("a record to a plain type", record!(""), r#""int""#, false),
    ("a plain type to a union", r#""int""#, r#"["string","long"]"#, true),
];

/// Whether a row is about this.
pub(crate) fn has(name: &str) -> bool {
    ROWS.iter().any(|(row, ..)| *row == name)
}

/// The rows that a registry judges otherwise than they, or than the deviation from them, say.
pub(crate) fn misjudged(registry: &Registry, deviations: &[Deviation]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, (name, writer, reader, readable)) in ROWS.iter().enumerate() {
        let subject = registry.subject(&format!("rows-{index}"));
        let versions = format!("/subjects/{subject}/versions");
        let mut asked = vec![registry.ask("POST", &versions, &schema_body(writer))];
        asked.push(registry.ask("PUT", &format!("/config/{subject}"), &json!({ "compatibility": "BACKWARD" })));
        asked.push(registry.ask("POST", &format!("/compatibility{versions}/latest"), &schema_body(reader)));
        // What a check says and what a registration does must be the same.
        let register = registry.ask("POST", &versions, &schema_body(reader));
        let deviation = deviations.iter().find(|(step, ..)| step == name);
        let (checked, registered) = match deviation {
            Some((_, status, ..)) => (*status, *status),
            None => (200, if *readable { 200 } else { 409 }),
        };
        let expected = [200, 200, checked, registered];
        asked.push(register);
        let statuses: Vec<u16> = asked.iter().map(|answer| answer.status).collect();
        let says = asked.get(2).map_or(Value::Null, |answer| answer.body["is_compatible"].clone());
        if statuses != expected || (checked == 200 && says != json!(readable)) {
            wrong.push(format!("{name}: {statuses:?}, is_compatible {says}, should be {readable}"));
        }
    }
    wrong
}
