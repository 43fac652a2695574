//! Random schemas and records: our encoder beside the slow one, our decoder beside Apache's, and what was sent beside what
//! is read back. `cargo test` runs cases by seed, `tests/fuzz` what the fuzzer comes up with.
//!
//! A failure prints its seed; `SEED=17 cargo test --test suite differential` runs that one alone,
//! `SEEDS=100000` so many of them.

mod apache;
mod bytes;
mod case;
mod choices;
mod documents;
mod numbers;
mod places;
mod room;
mod same;
mod schemas;

use crate::reference::encode::TOO_SLOW;
use crate::reference::{Acts, Encoded, Json, Options, Reference, Unions};
use case::Case;
use choices::Choices;
use room::{Refused, Room};
use same::{Found, Same};
use std::collections::BTreeMap;

/// What became of the records of one case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) taken: u64,
    pub(crate) refused: u64,
    pub(crate) malformed: u64,
    /// Taken, and read by Apache's library too.
    pub(crate) read_by_apache: u64,
    /// Taken with nothing in the ledger.
    pub(crate) exact: u64,
}

/// Runs the case that these bytes choose.
///
/// # Errors
/// What is wrong about it, with all that is needed to see it again.
pub(crate) fn check(bytes: &[u8]) -> Result<Tally, String> {
    run(&Case::new(bytes), Checks::new)
}

/// The same for a schema that may be none: whether it is, the compiler alone says.
///
/// # Errors
/// As for [`check`].
pub(crate) fn check_schema(bytes: &[u8]) -> Result<Tally, String> {
    let case = Case::of_odd_schema(bytes);
    match Checks::new(&case) {
        Ok(checks) => run(&case, |_| Ok(checks)),
        Err(_) => Ok(Tally::default()),
    }
}

fn run<'c>(
    case: &'c Case,
    checks: impl FnOnce(&'c Case) -> Result<Option<Checks<'c>>, String>,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let checks =
        checks(case).map_err(|problem| format!("{problem}\n  schema: {}\n  {:?}", case.schema, case.options))?;
    let Some(mut checks) = checks else { return Ok(tally) };
    for document in &case.documents {
        checks.document(document, &mut tally).map_err(|problem| {
            let (schema, options) = (&case.schema, &case.options);
            format!("{problem}\n  schema: {schema}\n  {options:?}\n  record: {:?}", String::from_utf8_lossy(document))
        })?;
    }
    Ok(tally)
}

/// Any bytes as a datum of a random schema: an error (false), or JSON that encodes to a datum of the same value (true).
///
/// # Errors
/// As for [`check`].
pub(crate) fn check_datum(bytes: &[u8]) -> Result<bool, String> {
    let mut choices = Choices::new(bytes);
    let options = Options { unions: Unions::Tagged, accepted: Acts::ALL, ..Options::default() };
    let schema = schemas::random(&mut choices);
    let mut room = Room::new(&schema, &options)?;
    let Ok((json, length)) = room.decode(choices.rest()) else { return Ok(false) };
    let wrong = |problem: String| format!("{problem}\n  schema: {schema}\n  read: {}", String::from_utf8_lossy(&json));
    if json.len() > 1 << 16 {
        return Ok(true);
    }
    match room.encode(&json) {
        Ok((datum, acts)) => match room.decode(&datum) {
            Ok((again, _)) if again == json || acts.contains_key("duplicate_key") => Ok(true),
            found => Err(wrong(format!("{length} bytes, encoded again, are {found:02x?}"))),
        },
        // What others may write, and we do not: a decimal of too many digits or of none, no UUID.
        Err(Refused { reason: "decimal_precision" | "decimal_text" | "uuid" | "depth", .. }) => Ok(true),
        Err(refused) => Err(wrong(format!("{refused:?}"))),
    }
}

struct Checks<'c> {
    case: &'c Case,
    reference: Reference,
    room: Room,
    apache: Option<apache::Apache>,
}

impl<'c> Checks<'c> {
    /// None where neither takes the schema, two of whose fields have one name by the options.
    fn new(case: &'c Case) -> Result<Option<Self>, String> {
        let reference = Reference::new(&case.schema, &[], &case.options);
        let (room, reference) = match (Room::new(&case.schema, &case.options), reference) {
            (Ok(room), Some(reference)) => (room, reference),
            (Err(problem), None) if problem.contains("are both called") => return Ok(None),
            (Err(problem), Some(_)) => return Err(problem),
            (found, None) => return Err(format!("the reference takes no such schema, {:?}", found.err())),
        };
        Ok(Some(Self { case, reference, room, apache: apache::Apache::new(&case.schema) }))
    }

    fn document(&mut self, json: &[u8], tally: &mut Tally) -> Result<(), String> {
        let wanted = self.reference.encode(json);
        let (datum, acts) = match (self.room.encode(json), &wanted) {
            (Ok((datum, acts)), Ok(encoded)) => {
                let found = Encoded { avro: datum, acts };
                if found != *encoded && !self.undecided(&found, encoded) {
                    return Err(format!("{found:02x?} instead of {encoded:02x?}"));
                }
                (found.avro, found.acts)
            }
            // How much may be tried in vain is each encoder's own limit.
            (_, Err(TOO_SLOW)) | (Err(Refused { reason: "union_effort", .. }), _) => return Ok(()),
            (Err(refused), Err(reason)) => {
                tally.refused += 1;
                tally.malformed += u64::from(refused.malformed);
                return alike(&refused, reason);
            }
            (found, wanted) => return Err(format!("{found:02x?} instead of {wanted:02x?}")),
        };
        tally.taken += 1;
        tally.exact += u64::from(acts.is_empty());
        let (named, length) = self.room.decode_named(&datum)?;
        if length != datum.len() {
            return Err(format!("{length} of {} bytes were decoded", datum.len()));
        }
        let (sent, read) = (Json::parse(json)?, Json::parse(&named)?);
        let schema = &self.reference.schema;
        let Found { acts: mut found, dropped } = Same { schema, options: &self.case.options }.compare(&sent, &read)?;
        // Which of two readings was meant leaves no trace in what is read.
        if let Some(count) = acts.get("ambiguous_union") {
            found.insert("ambiguous_union", *count);
        }
        let at_least = |found: &BTreeMap<&str, u64>| found.iter().all(|(act, count)| acts.get(act) >= Some(count));
        if found != acts && !(dropped && at_least(&found)) {
            return Err(format!("the ledger says {acts:?}, the record {found:?}"));
        }
        if let Some(apache) = &self.apache {
            apache.compare(schema, &datum, &read)?;
            tally.read_by_apache += 1;
        }
        let again = match self.room.encode_named(&named) {
            // Raw bytes for a big decimal that are none.
            Err(Refused { reason: "decimal_text", .. }) if self.case.schema.contains("big-decimal") => return Ok(()),
            again => again.map_err(|refused| format!("{refused:?} of what was decoded"))?,
        };
        // Raw bytes for a big decimal may be longer than they need be.
        let same = again.0 == datum
            || self.case.schema.contains("big-decimal") && self.room.decode_named(&again.0)?.0 == named;
        if !same {
            return Err(format!("decoded and encoded again {:02x?} becomes {:02x?}", datum, again.0));
        }
        match self.room.decode(&datum) {
            // Bytes that came otherwise than as UTF-8: a default.
            Err(problem) if problem.contains("no UTF-8") => {}
            decoded => drop(Json::parse(&decoded?.0)?),
        }
        Ok(())
    }

    /// Whether two results differ in nothing but what is in doubt, after so many tries that ours may have stopped asking.
    fn undecided(&self, found: &Encoded, wanted: &Encoded) -> bool {
        let certain = |encoded: &Encoded| {
            let acts = encoded.acts.iter().filter(|(act, _)| **act != "ambiguous_union");
            acts.map(|(act, count)| (*act, *count)).collect::<Vec<_>>()
        };
        self.reference.effort() > 5_000 && found.avro == wanted.avro && certain(found) == certain(wanted)
    }
}

/// Whether two refusals are for the same reason.
fn alike(found: &Refused, wanted: &str) -> Result<(), String> {
    const MALFORMED: [&str; 6] = ["empty", "syntax", "trailing_bytes", "invalid_utf8", "invalid_string", "depth"];
    // One value with two faults: which of them is told is not laid down.
    const FAULTS: [&[&str]; 5] = [
        &["time_text", "time_truncated", "out_of_range", "duration_text", "fixed_size", "bytes_text"],
        &["not_an_integer", "out_of_range", "number_from_string", "infinity", "rounded"],
        &["decimal_precision", "decimal_rounded", "decimal_from_string", "decimal_text", "out_of_range"],
        &["fixed_size", "bytes_text", "byte_range", "uuid", "decimal_text"],
        &["default_filled", "null_filled"],
    ];
    let malformed = MALFORMED.contains(&wanted);
    let alike = found.reason == wanted
        || malformed && wanted != "invalid_utf8"
        || FAULTS.iter().any(|faults| faults.contains(&wanted) && faults.contains(&found.reason));
    if alike && malformed == found.malformed { Ok(()) } else { Err(format!("{found:?} instead of {wanted}")) }
}

/// Bytes for each seed, or for the one that the environment names, through a check. At most ten problems are shown.
#[cfg(test)]
fn by_seed<T>(seeds: u64, mut check: impl FnMut(&[u8]) -> Result<T, String>) -> (bool, Vec<T>) {
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let one = number("SEED");
    let seeds = number("SEEDS").unwrap_or(seeds);
    let (mut results, mut problems) = (Vec::new(), Vec::new());
    for seed in one.map_or(0..seeds, |seed| seed..seed + 1) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let bytes: Vec<u8> = (0..rng.usize(100..3_000)).map(|_| rng.u8(..)).collect();
        match check(&bytes) {
            Ok(result) => results.push(result),
            Err(problem) => problems.push(format!("SEED={seed}: {problem}")),
        }
    }
    let shown = problems.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(problems.is_empty(), "{} problems:\n{shown}", problems.len());
    (one.is_none(), results)
}

#[test]
fn random_records() {
    let (whole, tallies) = by_seed(5_000, check);
    let sum = |count: fn(&Tally) -> u64| tallies.iter().map(count).sum::<u64>();
    let all = [
        sum(|tally| tally.taken),
        sum(|tally| tally.exact),
        sum(|tally| tally.read_by_apache),
        sum(|tally| tally.refused),
        sum(|tally| tally.malformed),
    ];
    println!("taken, exact, read by Apache's library, refused, malformed: {all:?}");
    // A generator that makes only one kind of record tests nothing.
    let enough = all.iter().zip([14_000, 12_000, 10_000, 7_000, 4_000]).all(|(found, wanted)| *found >= wanted);
    assert!(!whole || enough, "{all:?}");
}

#[test]
fn odd_schemas() {
    let (whole, tallies) = by_seed(3_000, check_schema);
    let taken = tallies.iter().filter(|tally| tally.taken + tally.refused > 0).count();
    assert!(!whole || taken > 200, "{taken} schemas were compiled");
}

#[test]
fn odd_data() {
    let (whole, read) = by_seed(3_000, check_datum);
    let read = read.into_iter().filter(|read| *read).count();
    assert!(!whole || read > 300, "{read} were read");
}

/// The slow encoder itself, by the golden cases: their hex was written by a third.
#[test]
fn the_reference_is_right() {
    use serde_json::Value;
    // The fuzz workspace, which runs this too, lies deeper.
    let places = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|place| place.join("tests/golden"));
    let folder = places.into_iter().find(|place| place.is_dir()).unwrap();
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let references: Vec<String> =
                case["references"].as_array().into_iter().flatten().map(Value::to_string).collect();
            let schema = case["schema_text"].as_str().map_or_else(|| case["schema"].to_string(), str::to_owned);
            let Some(options) = room::golden_options(&case) else { continue };
            let reference = Reference::new(&schema, &references, &options).expect(line);
            let found = reference.encode(case["json"].as_str().unwrap().as_bytes());
            let found = found.map(|encoded| {
                let hex: String = encoded.avro.iter().map(|byte| format!("{byte:02x}")).collect();
                (Value::from(hex), serde_json::to_value(encoded.acts).unwrap())
            });
            match case["refused"].as_str() {
                Some(reason) => assert_eq!(found, Err(reason), "{}: {line}", file.display()),
                None => {
                    let lossy = case.get("lossy").cloned().unwrap_or_else(|| serde_json::json!({}));
                    assert_eq!(found, Ok((case["hex"].clone(), lossy)), "{}: {line}", file.display());
                }
            }
        }
    }
}
