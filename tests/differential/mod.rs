//! Random schemas and records: our encoder beside the slow one, our decoder beside Apache's, and what was sent beside what
//! is read back. `cargo test` runs cases by seed, `tests/fuzz` what the fuzzer comes up with.
//!
//! A failure prints its seed; `SEED=17 cargo test --test suite differential` runs that one alone.

mod apache;
mod case;
mod choices;
mod documents;
mod numbers;
mod room;
mod same;
mod schemas;

use crate::reference::encode::TOO_SLOW;
use crate::reference::{Encoded, Json, Options, Reference, Unions};
use case::Case;
use choices::Choices;
use room::{Refused, Room};
use same::Same;

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

fn run<'c>(case: &'c Case, checks: impl FnOnce(&'c Case) -> Result<Checks<'c>, String>) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let mut checks = checks(case).map_err(|problem| format!("{problem}\n  schema: {}", case.schema))?;
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
    let options = Options { unions: Unions::Tagged, refused: Vec::new() };
    let schema = schemas::random(&mut choices);
    let mut room = Room::new(&schema, &options)?;
    let Ok((json, length)) = room.decode(choices.rest()) else { return Ok(false) };
    let wrong = |problem: String| format!("{problem}\n  schema: {schema}\n  read: {}", String::from_utf8_lossy(&json));
    if json.len() > 1 << 16 {
        return Ok(true);
    }
    match room.encode(&json) {
        Ok((datum, _)) => match room.decode(&datum) {
            Ok((again, _)) if again == json => Ok(true),
            found => Err(wrong(format!("{length} bytes, encoded again, are {found:02x?}"))),
        },
        // What others may write, and we do not: NaN, a decimal of too many digits, a key twice, no UUID.
        Err(Refused { reason: "wrong_type" | "decimal_precision" | "duplicate_key" | "uuid" | "depth", .. }) => {
            Ok(true)
        }
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
    fn new(case: &'c Case) -> Result<Self, String> {
        let reference = Reference::new(&case.schema, &[], &case.options).ok_or("the reference takes no such schema")?;
        let room = Room::new(&case.schema, &case.options)?;
        Ok(Self { case, reference, room, apache: apache::Apache::new(&case.schema) })
    }

    fn document(&mut self, json: &[u8], tally: &mut Tally) -> Result<(), String> {
        let wanted = self.reference.encode(json);
        let (datum, acts) = match (self.room.encode(json), &wanted) {
            (Ok((datum, acts)), Ok(encoded)) => {
                let found = Encoded { avro: datum, acts };
                if found != *encoded {
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
        let mut found = Same { schema, unions: self.case.options.unions }.compare(&schema.root, &sent, &read)?;
        // Which of two readings was meant leaves no trace in what is read.
        if let Some(count) = acts.get("ambiguous_union") {
            found.insert("ambiguous_union", *count);
        }
        found.retain(|_, count| *count > 0);
        if found != acts {
            return Err(format!("the ledger says {acts:?}, the record {found:?}"));
        }
        if let Some(apache) = &self.apache {
            apache.compare(schema, &datum, &read)?;
            tally.read_by_apache += 1;
        }
        let again = self.room.encode_named(&named).map_err(|refused| format!("{refused:?} of what was decoded"))?;
        if again.0 != datum {
            return Err(format!("decoded and encoded again {:02x?} becomes {:02x?}", datum, again.0));
        }
        Json::parse(&self.room.decode(&datum)?.0)?;
        Ok(())
    }
}

/// Whether two refusals are for the same reason.
fn alike(found: &Refused, wanted: &str) -> Result<(), String> {
    const MALFORMED: [&str; 6] = ["empty", "syntax", "trailing_bytes", "invalid_utf8", "invalid_string", "depth"];
    // Text with two faults: which of them is told is not laid down.
    const TIMES: [&str; 3] = ["time_text", "time_precision", "out_of_range"];
    let malformed = MALFORMED.contains(&wanted);
    let alike = found.reason == wanted
        || malformed && wanted != "invalid_utf8"
        || TIMES.contains(&wanted) && TIMES.contains(&found.reason);
    if alike && malformed == found.malformed { Ok(()) } else { Err(format!("{found:?} instead of {wanted}")) }
}

/// Bytes for each seed, or for the one that the environment names, through a check. At most ten problems are shown.
#[cfg(test)]
fn by_seed<T>(seeds: u64, mut check: impl FnMut(&[u8]) -> Result<T, String>) -> (bool, Vec<T>) {
    let one: Option<u64> = std::env::var("SEED").ok().map(|seed| seed.parse().unwrap());
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
            let reference = Reference::new(&schema, &references, &room::golden_options(&case)).expect(line);
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
