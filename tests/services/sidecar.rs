//! The binary under test as a process: started with a config file, watched through its admin port and its exit code.
//!
//! Comes in: a config text. Goes out: its metrics, probes, log and exit code. Must never: look inside.

use super::{PAUSE, Services, http};
use crate::spawn::Spawn;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{PipeReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running json2avro.
pub(crate) struct Sidecar {
    child: Child,
    admin: String,
    folder: TempDir,
    /// Names its pid to whoever ends the services, in case this process is killed.
    guest: Option<PathBuf>,
    /// The log, where nobody reads it.
    pipe: Option<PipeReader>,
}

/// Of the 64 KiB that a pipe holds on Linux, macOS and the BSDs.
const FILLED: usize = 63 * 1024;

impl Services {
    /// Runs `json2avro run` with a config, for no longer than the services live.
    pub(crate) fn sidecar(&self, config: &str) -> Sidecar {
        Sidecar::start(config).guest_of(&self.folder)
    }
}

/// The binary built beside this test, or the one named by hand: what is about to be shipped, say.
fn binary() -> OsString {
    std::env::var_os("JSON2AVRO_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_json2avro").into())
}

impl Sidecar {
    /// Runs `json2avro run` with a config; its admin port is chosen here.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_by(&[], config)
    }

    /// As `start`, by a command in front of it that becomes it, such as `env A=B`.
    pub(crate) fn start_by(words: &[String], config: &str) -> Self {
        Self::start_with(words, config, |folder| File::create(folder.join("log")).unwrap().into())
    }

    /// As `start`, with the log in a pipe that nobody reads and that is all but full: a few lines more, and whoever writes
    /// waits for ever.
    pub(crate) fn start_unheard(config: &str) -> Self {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&[b'\n'; FILLED]).unwrap();
        let mut sidecar = Self::start_with(&[], config, |_| writer.into());
        sidecar.pipe = Some(reader);
        sidecar
    }

    fn start_with(words: &[String], config: &str, log: impl FnOnce(&Path) -> Stdio) -> Self {
        let folder = TempDir::new().unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let file = folder.path().join("json2avro.toml");
        fs::write(&file, format!("admin.listen = \"{admin}\"\n{config}")).unwrap();
        let mut command = words.iter().map(OsString::from).chain([binary()]);
        let child = Command::new(command.next().unwrap())
            .args(command)
            .arg("run")
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("out")).unwrap())
            .stderr(log(folder.path()))
            .spawn_apart()
            .unwrap();
        Self { child, admin, folder, guest: None, pipe: None }
    }

    /// For no longer than the services live whose folder this is.
    pub(crate) fn guest_of(mut self, folder: &Path) -> Self {
        let guest = folder.join(format!("json2avro-{}.pid", self.child.id()));
        fs::write(&guest, self.child.id().to_string()).unwrap();
        self.guest = Some(guest);
        self
    }

    /// Reads the pipe of one that was unheard, once, and lets go of it; how many bytes it had got rid of.
    pub(crate) fn hear(&mut self) -> usize {
        let mut pipe = self.pipe.take().unwrap();
        pipe.read(&mut [0; 1 << 20]).unwrap() - FILLED
    }

    /// The status of a probe (`live`, `ready`), or `None` while nobody answers.
    pub(crate) fn probe(&self, name: &str) -> Option<u16> {
        http::get(&format!("http://{}/{name}", self.admin)).ok().map(|answer| answer.status)
    }

    /// Scrapes `/metrics`, or `None` while nobody answers.
    pub(crate) fn metrics(&self) -> Option<Metrics> {
        let answer = http::get(&format!("http://{}/metrics", self.admin)).ok()?;
        let metrics = Metrics::parse(&answer.body);
        metrics.check_identity();
        Some(metrics)
    }

    /// Scrapes until a condition holds; panics with the log when the process ends or the limit passes.
    pub(crate) fn wait_for(&mut self, what: &str, limit: Duration, holds: impl Fn(&Metrics) -> bool) -> Metrics {
        let deadline = Instant::now() + limit;
        loop {
            let metrics = self.metrics();
            if let Some(metrics) = metrics.as_ref().filter(|metrics| holds(metrics)) {
                return metrics.clone();
            }
            self.still_runs(what);
            if Instant::now() > deadline {
                panic!("waited {limit:?} in vain for {what}; metrics: {metrics:#?}\nlog:\n{}", self.log());
            }
            thread::sleep(PAUSE);
        }
    }

    /// Panics with the log if the process has ended.
    pub(crate) fn still_runs(&mut self, what: &str) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("json2avro ended with {status} ({what}):\n{}", self.log());
        }
    }

    /// Sends a signal by name: `TERM`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let done =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status_apart().unwrap();
        assert!(done.success(), "kill -{name}");
    }

    /// Of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of the process: its exit code (`None` after a kill) and how long it took.
    pub(crate) fn exit(&mut self, limit: Duration) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), begun.elapsed());
            }
            assert!(begun.elapsed() < limit, "json2avro did not end within {limit:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends SIGTERM and waits: a clean and prompt end, or a panic.
    pub(crate) fn terminate(self) {
        self.terminate_within(Duration::from_secs(20));
    }

    /// As `terminate`, with its own limit.
    pub(crate) fn terminate_within(mut self, limit: Duration) {
        self.signal("TERM");
        let (code, _) = self.exit(limit);
        assert_eq!(code, Some(0), "exit code after SIGTERM:\n{}", self.log());
    }

    /// Whether a line of its log has all of these words.
    pub(crate) fn said(&self, words: &[&str]) -> bool {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().any(|line| words.iter().all(|word| line.contains(word)))
    }

    /// The most memory that it ever had resident, in MiB; `None` where there is no /proc to tell.
    pub(crate) fn peak_mib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib / 1024)
    }

    /// The last lines of its log, and what it said on standard error.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(self.guest.as_ref().map(fs::remove_file));
    }
}

/// One scrape of `/metrics`.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    series: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Metrics {
    /// Reads Prometheus text; label values hold no quotes here.
    fn parse(text: &str) -> Self {
        let series = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
            let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| label.split_once("=\""));
            let labels = labels.map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned()));
            (name.to_owned(), labels.collect(), value.parse().unwrap())
        });
        Self { series: series.collect() }
    }

    /// The sum over all series of a metric, its `json2avro_` left out, that have these labels; 0 where there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).sum()
    }

    /// The sum as a count.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.sum(name, &[]) as u64
    }

    /// Whether the metric has a series with these labels at all.
    pub(crate) fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.find(name, labels).next().is_some()
    }

    fn find<'a>(&'a self, name: &'a str, labels: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = f64> + 'a {
        self.series
            .iter()
            .filter(move |(found, with, _)| {
                found.strip_prefix("json2avro_") == Some(name)
                    && labels.iter().all(|(key, value)| with.get(*key).is_some_and(|found| found == value))
            })
            .map(|(_, _, value)| *value)
    }

    /// Every record read has ended in one way or is in flight: on every scrape, exactly.
    fn check_identity(&self) {
        let ended: f64 = ["produced", "dead_lettered", "skipped", "abandoned"]
            .iter()
            .map(|ending| self.sum(&format!("records_{ending}_total"), &[]))
            .sum();
        let in_flight = self.sum("records_in_flight", &[]);
        assert_eq!(self.sum("records_consumed_total", &[]), ended + in_flight, "the accounting identity: {self:#?}");
    }
}
