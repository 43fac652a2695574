//! What Apicurio's ccompat v7 API (3.3.3) answers otherwise than Confluent's registry, and why that stands.
//!
//! Apicurio is a registry of its own, with a translation in front; none of this can be mended here, and our client depends
//! on none of it. Comes in: nothing. Goes out: the list. Must never: hold a step that Apicurio answers as expected, which
//! fails the suite, since an answer must be the one in this list.

use super::script::Deviation;
use serde_json::{Value, json};

/// The steps that it answers otherwise, by reason.
pub(crate) fn deviations() -> Vec<Deviation> {
    let mut all = Vec::new();
    for (reason, steps) in [levels(), versions(), refusals(), deletion(), references()].into_iter().flatten() {
        all.extend(steps.into_iter().map(|(step, status, answer)| (step, status, answer, reason)));
    }
    all
}

type Reasoned = (&'static str, Vec<(&'static str, u16, Value)>);

fn code(code: u32) -> Value {
    json!({ "error_code": code })
}

/// The level and a setting of Confluent's that Apicurio always names.
fn set(level: &str) -> Value {
    json!({ "compatibility": level, "normalize": false })
}

fn is(level: &str) -> Value {
    json!({ "compatibilityLevel": level })
}

fn levels() -> Vec<Reasoned> {
    vec![
        (
            "it names `normalize` where a level is set, Confluent only once someone has set it",
            vec![
                ("no level", 200, set("NONE")),
                ("backward", 200, set("BACKWARD")),
                ("forward", 200, set("FORWARD")),
                ("full", 200, set("FULL")),
                ("backward again", 200, set("BACKWARD")),
                ("transitive", 200, set("BACKWARD_TRANSITIVE")),
                ("forward transitive", 200, set("FORWARD_TRANSITIVE")),
                ("full transitive", 200, set("FULL_TRANSITIVE")),
                ("none", 200, set("NONE")),
                ("another global level", 200, set("FULL")),
                ("d level", 200, set("NONE")),
                ("tree level", 200, set("BACKWARD")),
            ],
        ),
        ("a level's name is taken in capitals alone", vec![("a level in lower case", 422, code(42203))]),
        (
            "its rules are off until someone turns them on",
            vec![("the global level", 200, is("NONE")), ("the global level is what it was", 200, is("NONE"))],
        ),
        (
            "a level is a rule of a subject that is there; without one it says NONE, and the global rule does not show",
            vec![
                ("no level of its own", 404, code(40401)),
                ("the global level instead", 404, code(40401)),
                ("its level is gone with it", 404, code(40401)),
                ("the level is gone for good", 200, is("NONE")),
                ("gone twice", 200, is("NONE")),
                ("it holds for all", 200, json!({ "is_compatible": true })),
            ],
        ),
        (
            "it checks against versions of a subject that is there",
            vec![("a check of nothing: versions", 404, code(40401))],
        ),
        (
            "what Avro Java throws at is an invalid schema to it, and a difference to Confluent's",
            vec![("field with two sources", 422, code(42201))],
        ),
        (
            "a check against all versions is that, whatever the level",
            vec![("not transitive", 200, json!({ "is_compatible": false }))],
        ),
        (
            "the code is the status, as in Confluent's before 8.0",
            vec![
                ("backward registration", 409, code(409)),
                ("transitive registration", 409, code(409)),
                ("forward transitive registration", 409, code(409)),
                ("full transitive registration", 409, code(409)),
            ],
        ),
    ]
}

fn versions() -> Vec<Reasoned> {
    vec![
        (
            "a version is a text to it, and one that cannot be is one that is not there",
            vec![
                ("version 0", 404, code(40402)),
                ("version in words", 404, code(40402)),
                ("version beyond 32 bits", 404, code(40402)),
                ("check of version 0", 404, code(40402)),
                ("delete version 0", 404, code(40402)),
            ],
        ),
        ("it keeps other types too", vec![("types", 200, json!(["JSON", "PROTOBUF", "AVRO"]))]),
    ]
}

fn refusals() -> Vec<Reasoned> {
    vec![
        (
            "no text is an error of its own, and an empty one a schema",
            vec![
                ("an empty text", 200, json!({ "id": "$empty" })),
                ("no text", 500, code(0)),
                ("null", 500, code(0)),
                ("nothing came of it", 200, json!([1])),
            ],
        ),
        (
            "it does not know import mode here, and minds the body another way",
            vec![("an id of one's own", 422, code(42201))],
        ),
        ("a subject may have any name", vec![("a control character in the subject", 200, json!({ "id": "$a" }))]),
    ]
}

fn deletion() -> Vec<Reasoned> {
    vec![
        (
            "the codes are Confluent's, the status is that of a conflict",
            vec![
                ("for good too early", 409, code(40407)),
                ("softly twice", 409, code(40406)),
                ("the subject for good too early", 409, code(40405)),
            ],
        ),
        (
            "it leaves a deleted version beside the one that brings its schema back, and gives the highest number again",
            vec![
                ("its old number is not there any more", 200, json!([1, 2, 3, 4])),
                ("numbers", 200, json!([1, 2, 4])),
                ("with a new number", 200, json!([5])),
                ("its text is the same", 404, code(40402)),
                ("the subject for good", 200, json!([1, 2, 3, 4, 5])),
            ],
        ),
        (
            "it tells all versions that are deleted now, not those that it deleted",
            vec![("the subject softly", 200, json!([1, 2, 3, 4])), ("softly once more", 200, json!([1, 2, 3, 4, 5]))],
        ),
        (
            "subjectPrefix is ignored: it has no contexts",
            vec![
                ("subjects", 200, json!("*")),
                ("it is not listed", 200, json!("*")),
                ("it is listed for those who ask", 200, json!("*")),
                ("it is listed among the deleted", 200, json!("*")),
            ],
        ),
    ]
}

fn references() -> Vec<Reasoned> {
    vec![
        (
            "a check reads the schema without its references",
            vec![("left with the later leaf may follow", 422, code(42201))],
        ),
        ("of two versions of a type it takes one", vec![("a tree of two leaves", 200, json!({ "id": "$tree3" }))]),
        ("-1 is a version of no subject in a reference", vec![("the latest leaf by -1", 404, code(40403))]),
        (
            "a deleted version is as good as another in references, to refer and to be referred to",
            vec![
                ("left's referrers are gone", 200, json!(["$tree"])),
                ("what is deleted cannot be referred to", 200, json!({ "id": "$tree2" })),
                ("left goes softly", 422, code(42206)),
                ("the tree goes for good", 422, code(42206)),
                ("left goes for good", 422, code(42206)),
            ],
        ),
    ]
}
