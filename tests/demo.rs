//! `json2avro demo`, the program, as a newcomer meets it, but not at a terminal. And the orders that it feeds.

use crate::spawn::Spawn;
use json2avro::embedded::orders::{BAD_EVERY, MOST_BYTES, NEXT_SCHEMA, Orders, SCHEMA};
use json2avro::transcoder::{Encoder, Ledger, Options, Plan};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a demo may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// A running demo.
struct Demo {
    child: Child,
    lines: Receiver<String>,
    deadline: Instant,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let (child, out) = spawn(arguments);
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, deadline: Instant::now() + LIMIT }
    }

    /// The next line; none behind the last one.
    fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(self.deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the demo did not end within {LIMIT:?}"),
        }
    }

    fn wait_for(&mut self, word: &str) {
        while !self.line().expect("the demo ended too early").contains(word) {}
    }

    /// The rest of its lines, its exit code, and what it said on standard error.
    fn end(mut self) -> (Vec<String>, Option<i32>, String) {
        let lines = std::iter::from_fn(|| self.line()).collect();
        let mut complaints = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        (lines, self.child.wait().unwrap().code(), complaints)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(arguments: &[&str]) -> (Child, ChildStdout) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_json2avro"))
        .arg("demo")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn_apart()
        .unwrap();
    let out = child.stdout.take().unwrap();
    (child, out)
}

/// The number of a row of the summary.
fn row(lines: &[String], name: &str) -> u64 {
    let summary = lines.iter().skip_while(|line| *line != "Summary");
    let row = summary.filter_map(|line| line.trim_start().strip_prefix(name)).next();
    let number =
        row.and_then(|row| row.split_whitespace().next()).unwrap_or_else(|| panic!("no row {name}: {lines:#?}"));
    number.replace(',', "").parse().unwrap()
}

#[test]
fn it_ends_by_itself_and_adds_up() {
    let (lines, code, complaints) = Demo::start(&["--records", "20000"]).end();
    let text = lines.join("\n");
    assert_eq!((code, complaints.as_str()), (Some(0), ""), "{text}");
    assert!(!text.contains('\x1b'), "escape sequences in a file: {text}");
    for (name, number) in [
        ("read", 20_000),
        ("= written", 19_980),
        ("+ dead-lettered", 20),
        ("in flight", 0),
        ("committed", 20_000),
        ("lag", 0),
        ("schema switches", 1),
    ] {
        assert_eq!(row(&lines, name), number, "{name}: {text}");
    }
    for word in ["embedded", "/metrics", "schema switched to id 2", "bad records become dead letters", "\nOK: "] {
        assert!(text.contains(word), "no {word:?}: {text}");
    }
    let read: Vec<serde_json::Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(read.len() == 3 && read.iter().all(|order| order.get("loyalty_tier").is_some()), "{text}");
    let header = |name: &str| lines.iter().find_map(|line| line.trim_start().strip_prefix(name)).map(str::trim);
    assert!(header("json2avro.reason").is_some_and(|reason| !reason.is_empty()), "{text}");
    assert_eq!(header("json2avro.source.topic"), Some("orders"), "{text}");
}

#[test]
fn the_config_it_shows_is_one() {
    let (lines, _, _) = Demo::start(&["--records", "100"]).end();
    let config: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .skip_while(|line| !line.starts_with("[kafka."))
        .take_while(|line| !line.is_empty())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.toml");
    fs::write(&file, config.join("\n")).unwrap();
    let check =
        Command::new(env!("CARGO_BIN_EXE_json2avro")).arg("check").arg("--config").arg(&file).output_apart().unwrap();
    assert!(check.status.success() && config.len() > 8, "{}\n{config:#?}", String::from_utf8_lossy(&check.stdout));
}

#[test]
fn an_interrupt_drains_and_the_summary_is_still_true() {
    let mut demo = Demo::start(&["--forever"]);
    demo.wait_for("the first records are through");
    assert!(Command::new("kill").arg("-INT").arg(demo.child.id().to_string()).status_apart().unwrap().success());
    let (lines, code, complaints) = demo.end();
    assert_eq!((code, complaints.as_str()), (Some(0), ""), "{lines:#?}");
    let read = row(&lines, "read");
    assert!(read > 0, "{lines:#?}");
    assert_eq!(row(&lines, "= written") + row(&lines, "+ dead-lettered"), read, "{lines:#?}");
    assert_eq!((row(&lines, "committed"), row(&lines, "in flight")), (read, 0), "{lines:#?}");
}

/// Runs the program behind a terminal of its own, whose size nobody set.
const TERMINAL: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

#[test]
fn at_a_terminal_the_status_is_redrawn_in_place() {
    for (no_colour, coloured) in [("1", false), ("", true)] {
        let output = Command::new("python3")
            .args(["-c", TERMINAL, env!("CARGO_BIN_EXE_json2avro"), "demo", "--records", "20000"])
            .env("TERM", "xterm")
            .env("NO_COLOR", no_colour)
            .stdin(Stdio::null())
            .output_apart()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(text.contains("\x1b[1m"), coloured, "NO_COLOR={no_colour:?}: {text}");
        // Up over a blank line and three more, which must not wrap for that to be the right way. A line that stays may.
        let redrawn = text.split("\x1b[4A").skip(1).flat_map(str::lines);
        let status = ["  records ", "  speed ", "  lag "];
        let status: Vec<&str> = redrawn.filter(|line| status.iter().any(|word| line.starts_with(word))).collect();
        let widest = status.iter().map(|line| line.trim_end_matches("\x1b[K").chars().count()).max();
        assert!(coloured || widest.is_some_and(|columns| columns < 80), "{widest:?} columns: {status:#?}");
    }
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let (child, out) = spawn(&["--forever"]);
    // Never sent to: the demo's own line reader is not of interest here.
    let (_, lines) = channel();
    let mut demo = Demo { child, lines, deadline: Instant::now() + LIMIT };
    drop(out);
    let status = loop {
        if let Some(status) = demo.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < demo.deadline, "it still runs");
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(0));
}

#[test]
fn orders_fit_their_schema_and_the_bad_ones_none() {
    let plan = |schema| Arc::new(Plan::compile(schema, &[], &Options::default()).unwrap());
    for (evolved, schema) in [(false, SCHEMA), (true, NEXT_SCHEMA)] {
        let mut encoder = Encoder::new(plan(schema));
        let (mut orders, mut again) = (Orders::new(7), Orders::new(7));
        let (mut json, mut same, mut datum) = (Vec::new(), Vec::new(), Vec::new());
        let mut ledger = Ledger::default();
        let mut bad = 0;
        for number in 0..8 * BAD_EVERY {
            let made = orders.next(1_700_000_000_000, evolved, &mut json);
            again.next(1_700_000_000_000, evolved, &mut same);
            let text = String::from_utf8_lossy(&json);
            assert!(json == same, "order {number} is another one the second time: {text}");
            assert!(json.len() <= MOST_BYTES, "order {number} has {} bytes", json.len());
            datum.clear();
            let refused = encoder.encode(&json, &mut datum, &mut ledger).is_err();
            assert_eq!(refused, made.bad, "order {number}: {text}");
            bad += u64::from(made.bad);
        }
        let lossy: Vec<_> = ledger.iter().filter(|(_, times)| *times > 0).collect();
        assert_eq!((bad, lossy), (8, Vec::new()), "evolved: {evolved}");
    }
}
