//! The house rules that can be checked by reading: who sees whom, who names the Kafka client, how files look.
//!
//! Comes in: the files under `src`. Goes out: one list of all breaches. The layers are those of `src/lib.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may see; every room sees itself and the base. A room not named here does not exist.
const MAY_SEE: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("fault", &[]),
    ("lifecycle", &[]),
    ("backoff", &[]),
    ("transcoder", &[]),
    ("framing", &[]),
    ("config", &["transcoder", "framing"]),
    ("telemetry", &["transcoder", "framing", "config"]),
    ("registry", &["transcoder", "framing", "config", "telemetry"]),
    ("kafka", &["transcoder", "framing", "config", "telemetry"]),
    ("pipeline", &["transcoder", "framing", "config", "telemetry", "registry", "kafka"]),
    ("admin", &["config", "telemetry"]),
    ("embedded", &["transcoder", "framing", "config", "telemetry", "kafka"]),
    ("app", &["transcoder", "framing", "config", "telemetry", "registry", "kafka", "pipeline", "admin"]),
    (
        "cli",
        &["transcoder", "framing", "config", "telemetry", "registry", "kafka", "pipeline", "admin", "app", "embedded"],
    ),
];
const BASE: [&str; 4] = ["record", "fault", "lifecycle", "backoff"];
const MOST_LINES: usize = 500;
const MOST_LINES_OF_MAIN: usize = 60;

#[test]
fn every_file_keeps_the_house_rules() {
    let files = files(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(files.len() > MAY_SEE.len(), "the walk over src found {} files", files.len());
    let breaches: Vec<String> = files.iter().flat_map(|(path, text)| breaches(path, text)).collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn a_breach_is_seen() {
    for (path, text, word) in [
        ("kafka/consumer.rs", "//! x\nuse crate::registry::Client;", "registry"),
        ("kafka/consumer.rs", "//! x\nuse crate::{fault::Fault, pipeline};", "pipeline"),
        ("kafka/consumer.rs", "//! x\nuse crate::{\n    fault::Fault,\n    registry::{cache, client},\n};", "registry"),
        ("transcoder/mod.rs", "//! x\nfn f() { crate::config::load() }", "config"),
        ("attic/mod.rs", "//! x", "no room"),
        ("pipeline/lane.rs", "//! x\nuse rdkafka::Message;", "rdkafka"),
        ("pipeline/lane.rs", "//! x\nfn f() { unsafe { g() } }", "unsafe"),
        ("transcoder/scan.rs", "//! x\nfn f() { unsafe { g() } }", "unsafe"),
        ("framing.rs", "use std::fmt;", "//!"),
        ("main.rs", &"//! x\n".repeat(61), "60"),
        ("framing.rs", &"//! x\n".repeat(501), "500"),
    ] {
        let found = breaches(path, text);
        assert!(found.len() == 1 && found[0].contains(word), "{path}, {text:?}: {found:?}");
    }
    let clean = "//! x\nuse crate::{fault::Fault, telemetry};\n// unsafe, rdkafka, crate::pipeline: only words\n";
    assert_eq!(breaches("kafka/consumer.rs", clean), [""; 0]);
}

/// What a file does against the rules.
fn breaches(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    let most = if path == "main.rs" { MOST_LINES_OF_MAIN } else { MOST_LINES };
    if lines > most {
        found.push(format!("src/{path}: {lines} lines, at most {most}"));
    }
    if !text.starts_with("//!") {
        found.push(format!("src/{path}: opens without a module doc (//!)"));
    }
    let code = without_comments(text);
    if !path.starts_with("kafka/ffi/") && path != "transcoder/simd.rs" && names(&code, "unsafe") {
        found.push(format!("src/{path}: `unsafe` outside src/kafka/ffi/ and src/transcoder/simd.rs"));
    }
    if !path.starts_with("kafka/") && (names(&code, "rdkafka") || names(&code, "rdkafka_sys")) {
        found.push(format!("src/{path}: only src/kafka names rdkafka"));
    }
    let room = path.split(['/', '.']).next().unwrap_or_default();
    // These two stand above the rooms: the map of the crate and its entrance.
    if room == "lib" || room == "main" {
        return found;
    }
    let allowed: BTreeMap<_, _> = MAY_SEE.iter().copied().collect();
    let Some(allowed) = allowed.get(room) else {
        found.push(format!("src/{path}: no room `{room}` in tests/rooms.rs"));
        return found;
    };
    for seen in rooms_seen(&code) {
        if seen != room && !BASE.contains(&seen.as_str()) && !allowed.contains(&seen.as_str()) {
            found.push(format!("src/{path}: `{room}` may not see `{seen}`"));
        }
    }
    found
}

/// The first name behind each `crate::`, those in braces included.
fn rooms_seen(code: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => seen.push(word(rest)),
            Some(list) => {
                let mut depth = 0;
                let mut at_name = true;
                for (at, letter) in list.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => at_name = true,
                        _ if at_name && letter.is_alphabetic() => {
                            seen.push(word(&list[at..]));
                            at_name = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    seen
}

/// Whether a name occurs as a word of its own.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].chars().next();
        [before, after].iter().flatten().all(|letter| !letter.is_alphanumeric() && *letter != '_')
    })
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// Line comments and docs left out; texts stay, which no rule here is about.
fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every `.rs` file below a folder, by its path from there.
fn files(root: PathBuf) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}
