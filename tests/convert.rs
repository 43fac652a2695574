//! `json2avro convert`, the binary from outside.

use crate::spawn::Spawn;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const POINT: &str = r#"{"type":"record","name":"P","fields":[
    {"name":"x","type":"int"},{"name":"y","type":["null","double"],"default":null}]}"#;

/// Runs `convert` with these files, named `0.avsc`, `1.avsc`..., and this standard input.
fn convert(schemas: &[&str], arguments: &[&str], input: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for (index, schema) in schemas.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{index}.avsc")), schema).unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_json2avro"))
        .arg("convert")
        .args(arguments)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn_apart()
        .unwrap();
    // A wrong call is answered before anything is read.
    child.stdin.take().unwrap().write_all(input).ok();
    child.wait_with_output().unwrap()
}

fn check(schemas: &[&str], arguments: &[&str], input: &[u8], code: i32, out: &str, errors: &[&str]) {
    let output = convert(schemas, arguments, input);
    let (found, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let what = format!("{arguments:?} {:?}\n{found}\n{complaints}", String::from_utf8_lossy(input));
    assert_eq!((output.status.code(), found.as_ref()), (Some(code), out), "{what}");
    assert_eq!(complaints.lines().count(), errors.len(), "{what}");
    for (complaint, part) in complaints.lines().zip(errors) {
        assert!(complaint.contains(part), "{what}\nlacks {part}");
    }
}

#[test]
fn one_line_answers_one_line() {
    let lines = b"{\"x\":1,\"y\":2.5}\r\n{\"x\":\"secret\"}\n\n{\"x\":3,\"y\":null}";
    check(
        &[POINT],
        &["--schema", "0.avsc"],
        lines,
        65,
        "02020000000000000440\n\n\n0600\n",
        &[
            "line 2: $.x: expected int, found a string of 6 bytes (convert: wrong_type) at byte 5",
            "line 3: $: expected record P, found nothing (parse: empty) at byte 0",
        ],
    );
}

#[test]
fn what_was_written_is_taken_again() {
    let arguments = ["--schema", "0.avsc", "--unions", "plain", "--to", "json", "--accept", "unknown_field"];
    let back = "{\"x\":1,\"y\":null}\n{\"x\":-2,\"y\":1.0}\n";
    check(
        &[POINT],
        &arguments,
        b"{\"x\":1,\"z\":0}\n{\"y\":1,\"x\":-2}\n",
        0,
        back,
        &["unknown_field 1, default_filled 1"],
    );
    check(&[POINT], &arguments, back.as_bytes(), 0, back, &[]);
}

#[test]
fn a_document_is_all_of_the_input() {
    let arguments = ["--schema", "0.avsc", "--document"];
    check(&[POINT], &arguments, b"\n{\n \"x\": 1,\n \"y\": null\n}\n", 0, "0200\n", &[]);
    check(
        &[POINT],
        &arguments,
        b"{\"x\":1}\n{\"x\":2}\n",
        65,
        "\n",
        &["line 1: $: expected the end, found more bytes"],
    );
    check(&[POINT], &arguments, b"", 65, "\n", &["(parse: empty)"]);
    check(&[POINT], &arguments, b"\xff\x00", 65, "\n", &["(parse: invalid_utf8) at byte 0"]);
}

#[test]
fn options_refuse_losses() {
    let input = b"{\"x\":1,\"z\":0}\n{\"x\":1,\"y\":0.12345678901234567890}\n";
    let refuse = ["--schema", "0.avsc", "--accept", "all", "--reject", "unknown_field", "--reject", "rounded"];
    check(&[POINT], &refuse, input, 65, "\n\n", &["line 1: $.z: ", "line 2: $.y: "]);
    let told = ["lossy.unknown_field = \"accept\" would take it", "rounded 1"];
    check(&[POINT], &refuse[..2], input, 65, "\n02025ff64637dd9abf3f\n", &told);
}

#[test]
fn schemas_refer_to_each_other() {
    let outer = r#"{"type":"array","items":"P"}"#;
    let arguments = ["--schema", "0.avsc", "--reference", "1.avsc"];
    check(&[outer, POINT], &arguments, b"[{\"x\":1,\"y\":null}]", 0, "02020000\n", &[]);
}

#[test]
fn wrong_calls() {
    for (schema, arguments, part) in [
        (POINT, vec![], "--schema"),
        (POINT, vec!["--schema", "nowhere.avsc"], "nowhere.avsc"),
        ("{", vec!["--schema", "0.avsc"], "no JSON"),
        (r#"{"type":"array","items":"P"}"#, vec!["--schema", "0.avsc"], "0.avsc: no valid Avro schema: $.items: `P`"),
        (POINT, vec!["--schema", "0.avsc", "--unions", "odd"], "odd"),
        (POINT, vec!["--schema", "0.avsc", "--to", "base64"], "base64"),
        (POINT, vec!["--schema", "0.avsc", "--accept", "anything"], "number_from_string"),
        (POINT, vec!["--schema", "0.avsc", "--root", "payload"], "JSON pointer"),
    ] {
        let output = convert(&[schema], &arguments, b"1\n");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(64), b"".as_slice()), "{complaint}");
        assert!(complaint.contains(part), "{arguments:?}: {complaint}");
    }
}

#[test]
fn huge_lines_and_no_lines() {
    let text = "x".repeat(3 << 20);
    let line = format!("\"{text}\"\n");
    let output = convert(&[r#""string""#], &["--schema", "0.avsc", "--to", "json"], line.as_bytes());
    assert!(output.stdout == line.as_bytes() && output.status.success());
    check(&[POINT], &["--schema", "0.avsc"], b"", 0, "", &[]);
    let deep = "[".repeat(100_000);
    check(&[POINT], &["--schema", "0.avsc"], deep.as_bytes(), 65, "\n", &["(parse: depth)"]);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0.avsc"), r#""string""#).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_json2avro"))
        .args(["convert", "--schema", "0.avsc"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn_apart()
        .unwrap();
    drop(child.stdout.take());
    let line = format!("\"{}\"\n", "x".repeat(1 << 17));
    child.stdin.take().unwrap().write_all(line.repeat(4).as_bytes()).ok();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}
