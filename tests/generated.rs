//! Generated schemas and records against a second encoder, and against Apache's Avro library as reader; then the same
//! bytes broken at random, which must end in an error and nothing else.

use crate::generator::{Generator, Sample, schema};
use fastrand::Rng;
use json2avro::transcoder::{Act, Encoder, Ledger, Options, Plan, Unions, decode};
use std::sync::Arc;

/// Breaks bytes in one place.
fn broken(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = rng.usize(0..=bytes.len());
    match rng.u8(0..4) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, rng.u8(..)),
        2 => bytes.insert(at, *rng.choice(b"{}[]\",:\\-0e.ntf").unwrap()),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.u8(..);
            }
        }
    }
    bytes
}

#[test]
fn generated_records() {
    let seed = std::env::var("SEED").map_or(7, |seed| seed.parse().unwrap());
    for round in 0..400 {
        let mut generator = Generator { rng: Rng::with_seed(seed + round), names: 0 };
        let kind = generator.kind(5);
        let text = schema(&kind).to_string();
        let plan = Plan::compile(&text, &[], &lenient(Unions::Plain)).unwrap_or_else(|error| panic!("{text}: {error}"));
        let apache = apache_avro::Schema::parse_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for _ in 0..10 {
            let schema = broken(&mut generator.rng, text.as_bytes());
            // Either is right; that it ends is the test.
            Plan::compile(&String::from_utf8_lossy(&schema), &[], &Options::default()).ok();
        }
        let tagged = [Unions::Tagged, Unions::Auto].map(|unions| {
            Arc::new(Plan::compile(&text, &[], &lenient(unions)).unwrap_or_else(|error| panic!("{text}: {error}")))
        });
        let mut encoder = Encoder::new(Arc::new(plan));
        for _ in 0..20 {
            let sample = generator.value(&kind);
            check(&mut encoder, &tagged, &apache, &sample, &format!("seed {}, {text}\n{}", seed + round, sample.json));
            for _ in 0..10 {
                break_it(&mut encoder, &mut generator.rng, &sample);
            }
        }
    }
}

/// What the generator writes has fields that are not in the schema, and takes no notice of which records look alike.
fn lenient(unions: Unions) -> Options {
    let lossy = Options::default().lossy.with(Act::UnknownField).with(Act::Rounded);
    Options { unions, lossy, ..Options::default() }
}

fn check(encoder: &mut Encoder, plans: &[Arc<Plan>; 2], apache: &apache_avro::Schema, sample: &Sample, what: &str) {
    let (mut datum, mut ledger) = (Vec::new(), Ledger::default());
    encoder.encode(sample.json.as_bytes(), &mut datum, &mut ledger).unwrap_or_else(|error| panic!("{what}\n{error}"));
    assert_eq!((&datum, ledger), (&sample.avro, sample.ledger), "{what}");
    let (mut json, mut again) = (Vec::new(), Vec::new());
    assert_eq!(decode(encoder.plan(), &datum, &mut json), Ok(datum.len()), "{what}");
    serde_json::from_slice::<serde::de::IgnoredAny>(&json).unwrap();
    encoder.encode(&json, &mut again, &mut Ledger::default()).unwrap_or_else(|error| panic!("{what}\n{error}"));
    assert_eq!(again, datum, "{what}\n{}", String::from_utf8_lossy(&json));
    tagged(plans, &datum, what);
    let mut rest = datum.as_slice();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(apache).build().unwrap();
    let read = reader.read_value(&mut rest);
    assert!(read.is_ok() && rest.is_empty(), "Apache's reader: {what}\n{read:?}");
}

/// The datum with the names of its branches as JSON gives the same datum again, where names must be and where they may be.
fn tagged(plans: &[Arc<Plan>; 2], datum: &[u8], what: &str) {
    let mut json = Vec::new();
    assert_eq!(decode(&plans[0], datum, &mut json), Ok(datum.len()), "{what}");
    for plan in plans {
        let (mut again, mut ledger) = (Vec::new(), Ledger::default());
        let encoded = Encoder::new(Arc::clone(plan)).encode(&json, &mut again, &mut ledger);
        encoded.unwrap_or_else(|error| panic!("{what}\n{}\n{error}", String::from_utf8_lossy(&json)));
        assert_eq!(again, datum, "{what}\n{}", String::from_utf8_lossy(&json));
    }
}

fn break_it(encoder: &mut Encoder, rng: &mut Rng, sample: &Sample) {
    let json = broken(rng, sample.json.as_bytes());
    let (mut out, mut ledger) = (vec![1], Ledger::default());
    let result = encoder.encode(&json, &mut out, &mut ledger);
    let strict = serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok() && str::from_utf8(&json).is_ok();
    match result {
        Ok(()) => {
            assert!(strict, "{:?} was taken", String::from_utf8_lossy(&json));
            assert_eq!(decode(encoder.plan(), &out[1..], &mut Vec::new()), Ok(out.len() - 1));
        }
        Err(refusal) => {
            assert_eq!((out, ledger), (vec![1], Ledger::default()));
            assert!(refusal.offset <= json.len() && refusal.path.starts_with('$'));
            if refusal.reason == "syntax" {
                assert!(!strict, "{:?} is JSON: {refusal}", String::from_utf8_lossy(&json));
            }
        }
    }
    let mut json = vec![1];
    if decode(encoder.plan(), &broken(rng, &sample.avro), &mut json).is_err() {
        assert_eq!(json, [1]);
    }
}
