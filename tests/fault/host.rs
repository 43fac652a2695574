//! What the machine does to a sidecar: its wall clock, its look-ups of names, its CPU, its open files.
//!
//! Comes in: a process id, or a command line to be. Goes out: the fault, and how far it bit. Must never: touch the machine
//! itself, or leave a process stopped.

use crate::spawn::Spawn;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The C library's answers, changed for one process: see `shim.c`.
pub(crate) struct Shim {
    folder: TempDir,
    page: File,
}

/// Of `struct page` in `shim.c`.
const OFFSET: u64 = 0;
const DEAF: u64 = 8;
const READINGS: u64 = 16;
const REFUSED: u64 = 24;

impl Shim {
    /// Builds it; changes nothing yet.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fault/shim.c");
        let library = folder.path().join("shim.so");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let built = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .arg(source)
            .args(["-ldl", "-pthread"])
            .output_apart()
            .unwrap();
        assert!(built.status.success(), "{source}: {}", String::from_utf8_lossy(&built.stderr));
        let page = folder.path().join("page");
        fs::write(&page, [0; 4096]).unwrap();
        let page = File::options().read(true).write(true).open(page).unwrap();
        Self { folder, page }
    }

    /// The words in front of a command that runs under it.
    pub(crate) fn words(&self) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let variables = [("LD_PRELOAD", "shim.so"), ("JSON2AVRO_FAULT_SHIM", "page")];
        let variables = variables.map(|(name, file)| format!("{name}={}", path(file)));
        ["env".to_owned()].into_iter().chain(variables).collect()
    }

    /// Sets the wall clock so many hours ahead of the machine's.
    pub(crate) fn set_clock(&self, hours: i64) {
        self.write(OFFSET, hours * 3600);
    }

    /// How often a clock was read that was not the machine's.
    pub(crate) fn readings(&self) -> i64 {
        self.read(READINGS)
    }

    /// Whether no name resolves.
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.write(DEAF, deaf.into());
    }

    /// How many look-ups failed.
    pub(crate) fn refused(&self) -> i64 {
        self.read(REFUSED)
    }

    fn write(&self, at: u64, value: i64) {
        self.page.write_all_at(&value.to_ne_bytes(), at).unwrap();
    }

    fn read(&self, at: u64) -> i64 {
        let mut value = [0; 8];
        self.page.read_exact_at(&mut value, at).unwrap();
        i64::from_ne_bytes(value)
    }
}

/// A process that gets a tenth of each 100 ms, as a cgroup's `cpu.max` would have it.
pub(crate) struct Throttle {
    child: Child,
}

/// Until its standard input ends: also when whoever began it is killed.
const STOP_AND_GO: &str = "
import os, select, signal, sys, time
process, stood, began = int(sys.argv[1]), 0, time.monotonic()
try:
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        stopped = time.monotonic()
        os.kill(process, signal.SIGSTOP)
        time.sleep(0.09)
        os.kill(process, signal.SIGCONT)
        stood += time.monotonic() - stopped
finally:
    os.kill(process, signal.SIGCONT)
print(round(100 * stood / (time.monotonic() - began)))
";

impl Throttle {
    /// Begins with a process.
    pub(crate) fn begin(process: u32) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", STOP_AND_GO, &process.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self { child: command.spawn_apart().unwrap() }
    }

    /// Lets it go; of a hundred parts of the time, in how many it was stopped.
    pub(crate) fn end(mut self) -> u32 {
        drop(self.child.stdin.take());
        let mut share = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut share).unwrap();
        assert!(self.child.wait().unwrap().success());
        share.trim().parse().unwrap()
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        // The end of its input lets the process go; it was waited for already where all went well.
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// The words in front of a command that may have so many files open.
pub(crate) fn with_open_files(most: u32) -> Vec<String> {
    ["prlimit".into(), format!("--nofile={most}")].into()
}

/// The same for a process that runs: what it has open stays so. The limit may be raised again, up to `most`.
pub(crate) fn set_open_files(process: u32, now: u32, most: u32) {
    let limit = format!("--nofile={now}:{most}");
    let done = Command::new("prlimit").args(["--pid", &process.to_string(), &limit]).status_apart().unwrap();
    assert!(done.success(), "prlimit {limit}");
}

/// How many files a process has open.
pub(crate) fn open_files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}
