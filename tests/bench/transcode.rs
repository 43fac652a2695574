//! How fast the transcoder is: one Markdown table, a line a set.
//!
//!     cargo bench --bench transcode [-- SET...]
//!
//! Comes in: the sets that `generate.py` makes (kept in `target/bench/`), and set r, the real GitHub events of
//! `../shared/corpora` with a schema of ours; without that folder it is left out and says so. Goes out: the table.
//!
//! In every round the transcoder and `serde_json`'s `IgnoredAny`, which reads the JSON and keeps nothing, pass the whole
//! set once, taking turns in who is first; in some rounds the naive way, too: `serde_json::Value`, `apache_avro`'s
//! `Value`, `resolve`, `to_avro_datum`. Ratios are taken round by round, all figures are medians. One thread, the
//! system's malloc. What is written is read back first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark fails by panicking, and prints what it measured"
)]

use apache_avro::Schema;
use flate2::read::GzDecoder;
use json2avro::transcoder::{Act, Encoder, Ledger, Options, Plan, decode};
use serde::de::IgnoredAny;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// The sets and how many records of each: about 8 MB.
const SETS: [(&str, usize); 7] =
    [("a", 40_000), ("b", 8000), ("c", 800), ("d", 3000), ("e", 3000), ("w", 2400), ("r", 4000)];
const ROUNDS: usize = 61;
/// The naive way runs in every so many rounds.
const NAIVE_EVERY: usize = 12;

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let (names, lines) = (rivals::NAMES, "| ---: ".repeat(rivals::ALL.len()));
    println!("| set | JSON B | Avro B | MB/s | ns/record | % of IgnoredAny | times naive |{names}");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: {lines}|");
    for (name, count) in SETS.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|set| set == name))
    {
        if let Some(set) = Set::load(name, count) {
            println!("{}", set.measure());
        }
    }
}

struct Set {
    name: &'static str,
    records: Vec<Vec<u8>>,
    plan: Arc<Plan>,
    apache: Schema,
}

impl Set {
    /// None if its records are not there.
    fn load(name: &'static str, count: usize) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench");
        let text = match name {
            "r" => real()?,
            _ => generated(&folder, name, count),
        };
        // An indented record is many lines; an empty one ends it.
        let end = if name == "w" { "\n\n" } else { "\n" };
        let records: Vec<&str> = text.split(end).filter(|record| !record.is_empty()).collect();
        let schema = if name == "e" || name == "w" { "d" } else { name };
        let schema = std::fs::read_to_string(folder.join(format!("sets/{schema}.avsc"))).unwrap();
        Some(Self {
            name,
            records: records.iter().cycle().take(count).map(|record| record.as_bytes().to_vec()).collect(),
            plan: Arc::new(Plan::compile(&schema, &[], &options()).unwrap()),
            apache: Schema::parse_str(&schema).unwrap(),
        })
    }

    /// A line of the table.
    fn measure(&self) -> String {
        let mut encoder = Encoder::new(Arc::clone(&self.plan));
        let json: usize = self.records.iter().map(Vec::len).sum();
        let avro: usize = self.records.iter().map(|record| self.checked(&mut encoder, record)).sum();
        let (mut out, mut ledger) = (Vec::new(), Ledger::default());
        let mut ours = || self.pass(|record| encode(&mut encoder, record, &mut out, &mut ledger));
        let (mut own, mut of_ignored, mut of_naive) = (Vec::new(), Vec::new(), Vec::new());
        let mut of_rivals = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            let (seconds, ignored) = if round % 2 == 0 {
                let seconds = ours();
                (seconds, self.pass(ignore))
            } else {
                let ignored = self.pass(ignore);
                (ours(), ignored)
            };
            own.push(seconds);
            of_ignored.push(ignored / seconds);
            for (rival, of_rival) in rivals::ALL.into_iter().zip(&mut of_rivals) {
                of_rival.push(self.pass(rival) / seconds);
            }
            if round % NAIVE_EVERY == 0 {
                of_naive.push(self.pass(|record| naive(&self.apache, record)) / seconds);
            }
        }
        let (records, seconds) = (self.records.len(), median(own));
        format!(
            "| {} | {} | {} | {:.0} | {:.0} | {:.1} | {:.1} |{}",
            self.name,
            json / records,
            avro / records,
            json as f64 / seconds / 1e6,
            seconds * 1e9 / records as f64,
            median(of_ignored) * 100.0,
            median(of_naive),
            rivals::ALL
                .iter()
                .zip(of_rivals)
                .map(|(_, of)| format!(" {:.1} |", median(of) * 100.0))
                .collect::<String>(),
        )
    }

    /// The length of a record's datum, which both this decoder and Apache's reader have read to its end.
    fn checked(&self, encoder: &mut Encoder, record: &[u8]) -> usize {
        let (mut datum, mut json) = (Vec::new(), Vec::new());
        encode(encoder, record, &mut datum, &mut Ledger::default());
        assert_eq!(decode(&self.plan, &datum, &mut json), Ok(datum.len()), "set {}", self.name);
        let mut rest = datum.as_slice();
        apache_avro::reader::datum::GenericDatumReader::builder(&self.apache)
            .build()
            .and_then(|reader| reader.read_value(&mut rest))
            .unwrap_or_else(|error| panic!("set {}: {error}", self.name));
        assert!(rest.is_empty(), "set {}", self.name);
        datum.len()
    }

    /// Seconds for one pass over all records.
    fn pass(&self, mut each: impl FnMut(&[u8])) -> f64 {
        let start = Instant::now();
        for record in &self.records {
            each(black_box(record));
        }
        start.elapsed().as_secs_f64()
    }
}

fn encode(encoder: &mut Encoder, record: &[u8], out: &mut Vec<u8>, ledger: &mut Ledger) {
    out.clear();
    encoder.encode(record, out, ledger).unwrap_or_else(|refusal| panic!("{refusal}"));
    black_box(&out);
}

fn ignore(record: &[u8]) {
    black_box(serde_json::from_slice::<IgnoredAny>(record).unwrap());
}

#[allow(deprecated, reason = "the call that everybody copies from the documentation")]
fn naive(schema: &Schema, record: &[u8]) {
    let value: serde_json::Value = serde_json::from_slice(record).unwrap();
    let value = apache_avro::types::Value::try_from(value).unwrap().resolve(schema).unwrap();
    black_box(apache_avro::to_avro_datum(schema, value).unwrap());
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A set's text, made if it is not there yet.
fn generated(folder: &Path, name: &str, count: usize) -> String {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from)
        .join("bench");
    std::fs::create_dir_all(&target).unwrap();
    let path = target.join(format!("{name}-{count}.json"));
    if !path.exists() {
        let unfinished = path.with_extension("unfinished");
        let status = Command::new(folder.join("generate.py"))
            .args([name, &count.to_string()])
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&unfinished).unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "generate.py {name} {count}: {status}");
        std::fs::rename(unfinished, &path).unwrap();
    }
    std::fs::read_to_string(path).unwrap()
}

/// The GitHub events that nobody here has written.
fn real() -> Option<String> {
    let root = std::env::var_os("JSON2AVRO_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("corpora/github-events.ndjson.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("SKIPPED: set r, {} is not there (JSON2AVRO_SHARED names another place)", path.display());
        return None;
    };
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    Some(text)
}

/// Some sets have fields that their schemas do not have.
fn options() -> Options {
    Options { lossy: Options::default().lossy.with(Act::UnknownField).with(Act::Rounded), ..Options::default() }
}

/// Others that read JSON and keep nothing, or nearly so.
#[cfg(feature = "rivals")]
mod rivals {
    use std::cell::RefCell;
    use std::hint::black_box;

    pub(crate) const NAMES: &str = " % of simd-json's tape | % of sonic-rs validating |";
    pub(crate) const ALL: [fn(&[u8]); 2] = [tape, validate];

    thread_local! {
        // It parses in place: the copy is what its users pay, too.
        static MEMORY: RefCell<(Vec<u8>, simd_json::Buffers)> = RefCell::default();
    }

    fn tape(record: &[u8]) {
        MEMORY.with_borrow_mut(|(copy, buffers)| {
            copy.clear();
            copy.extend_from_slice(record);
            black_box(simd_json::to_tape_with_buffers(copy, buffers).is_ok());
        });
    }

    fn validate(record: &[u8]) {
        black_box(sonic_rs::from_slice::<sonic_rs::LazyValue<'_>>(record).is_ok());
    }
}

#[cfg(not(feature = "rivals"))]
mod rivals {
    pub(crate) const NAMES: &str = "";
    pub(crate) const ALL: [fn(&[u8]); 0] = [];
}
