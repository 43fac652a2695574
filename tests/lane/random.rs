//! Records of random shape through the whole way: keys, values and headers absent, empty, long, any bytes. Under
//! AddressSanitizer (`.ci/sanitize`) this is the fuzz target over the raw librdkafka calls.

use super::stage::{LIMIT, Stage, TIME, avro, ended};
use crate::services::topics::{HeaderList, Record};
use fastrand::Rng;

const RECORDS: usize = 3_000;
const STALE: [&str; 2] = ["__value_schema_id", "__key_schema_id"];

#[test]
fn a_record_of_any_shape_ends_where_it_should() {
    // SEED=n for another run.
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let mut random = Rng::with_seed(seed);
    let stage = Stage::new(3).dead_letters().raw("pipeline.p.refused.flood_window", 0);
    let records: Vec<Record> = (0..RECORDS).map(|number| shape(&mut random, number)).collect();
    stage.cluster.produce("in", &records);
    let mut sidecar = stage.run();
    sidecar.wait_for("all records", LIMIT, |metrics| ended(metrics).iter().sum::<u64>() == RECORDS as u64);
    sidecar.terminate();

    let (good, bad): (Vec<&Record>, Vec<&Record>) = records.iter().partition(|record| written(record).is_some());
    assert!(good.len() > RECORDS / 4 && bad.len() > RECORDS / 10, "seed {seed}: {} good", good.len());
    let out = stage.cluster.read_topic("out");
    for (partition, found) in out.iter().enumerate() {
        let mut expected = good.iter().filter(|record| record.partition as usize == partition);
        for found in found {
            let record = expected.next().unwrap_or_else(|| panic!("seed {seed}: one too many in {partition}"));
            assert_eq!(found.key, record.key, "seed {seed}");
            assert_eq!(Some(&found.value), written(record).as_ref(), "seed {seed}");
            let kept: HeaderList =
                record.headers.iter().filter(|(name, _)| !STALE.contains(&name.as_str())).cloned().collect();
            assert_eq!(found.headers, kept, "seed {seed}");
        }
        assert_eq!(expected.next(), None, "seed {seed}: one is missing in {partition}");
    }
    let mut dead = stage.read("dead");
    let position = |record: &Record| {
        let number = |name: &str| record.header(name).unwrap().parse::<i64>().unwrap();
        (number("json2avro.source.partition"), number("json2avro.source.offset"))
    };
    dead.sort_by_key(|record| position(record));
    let mut bad = bad;
    bad.sort_by_key(|record| record.partition);
    assert_eq!(dead.len(), bad.len(), "seed {seed}");
    for (found, record) in dead.iter().zip(bad) {
        assert_eq!(
            (&found.key, &found.value),
            (&record.key, &record.value),
            "seed {seed}: dead letters are as they were"
        );
        assert_eq!(found.headers[..record.headers.len()], record.headers, "seed {seed}");
    }
}

/// What is written for a record; None: it is refused.
fn written(record: &Record) -> Option<Option<Vec<u8>>> {
    let Some(value) = &record.value else { return Some(None) };
    let number = std::str::from_utf8(value).ok()?.strip_prefix(r#"{"n":"#)?.strip_suffix('}')?;
    Some(Some(avro(1, number.parse().ok()?)))
}

fn shape(random: &mut Rng, number: usize) -> Record {
    let value = match random.u8(..10) {
        0 => None,
        1 => Some(Vec::new()),
        2 | 3 => Some(bytes(random, 3000)),
        _ => Some(format!(r#"{{"n":{}}}"#, random.i64(..)).into_bytes()),
    };
    let headers = (0..random.usize(..6))
        .map(|_| {
            let name = match random.u8(..4) {
                0 => STALE[random.usize(..2)].to_owned(),
                1 => String::new(),
                _ => {
                    let length = random.usize(1..40);
                    std::iter::repeat_with(|| random.alphanumeric()).take(length).collect()
                }
            };
            (name, optional(random, 500))
        })
        .collect();
    Record {
        partition: random.i32(0..3),
        offset: number as i64,
        key: optional(random, 200),
        value,
        headers,
        timestamp: TIME + number as i64,
    }
}

fn optional(random: &mut Rng, most: usize) -> Option<Vec<u8>> {
    (random.u8(..4) > 0).then(|| bytes(random, most))
}

fn bytes(random: &mut Rng, most: usize) -> Vec<u8> {
    let length = if random.bool() { 0 } else { random.usize(..most) };
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}
