//! A source topic's records: orders, tombstones and records that must be refused, with keys, headers and timestamps.
//!
//! Comes in: a partition and a sequence number. Goes out: the record to write and how it must end. The same numbers
//! always give the same event, so nothing but counts is kept.

use super::order::Order;
use crate::services::topics::{HeaderList, Record};
use fastrand::Rng;

/// 2024-01-01T00:00:00Z: in the past of every clock, since a broker refuses timestamps from the future.
const EPOCH: i64 = 1_704_067_200_000;

/// Arrays inside one another of a record that is deep.
const DEPTH: usize = 100_000;

/// One source record and how it must end.
pub(crate) struct Event {
    pub(crate) record: Record,
    pub(crate) ending: Ending,
}

/// How a source record must end.
pub(crate) enum Ending {
    /// Re-encoded.
    Order(Box<Order>),
    /// Passed on as it is.
    Tombstone,
    /// Refused.
    Refused(Flaw),
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Flaw {
    Malformed,
    WrongType,
    MissingField,
    Overflow,
    InvalidUtf8,
    DuplicateKey,
    /// Nested deeper than any reader's stack.
    Deep,
}

impl Flaw {
    /// What a mix has: none makes a record much longer.
    const USUAL: [Self; 6] =
        [Self::Malformed, Self::WrongType, Self::MissingField, Self::Overflow, Self::InvalidUtf8, Self::DuplicateKey];

    /// What a dead letter must give as the reason.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "syntax",
            Self::WrongType => "wrong_type",
            Self::MissingField => "missing_field",
            Self::Overflow => "out_of_range",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::DuplicateKey => "duplicate_key",
            Self::Deep => "depth",
        }
    }

    /// The member that a JSON path must name, where the flaw sits in one.
    pub(crate) fn member(self) -> Option<&'static str> {
        match self {
            Self::WrongType | Self::Overflow => Some("quantity"),
            Self::MissingField => Some("status"),
            Self::Malformed | Self::InvalidUtf8 | Self::DuplicateKey | Self::Deep => None,
        }
    }
}

/// How often what comes.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    /// Of a thousand.
    pub(crate) tombstones: u32,
    /// Of a thousand.
    pub(crate) refused: u32,
}

/// 2 % tombstones, 1 % refused.
pub(crate) const MIXED: Mix = Mix { tombstones: 20, refused: 10 };
/// Orders and tombstones.
pub(crate) const CLEAN: Mix = Mix { tombstones: 20, refused: 0 };

/// All events of a topic by partition; an event's offset is its index.
pub(crate) fn events(partitions: i32, each: i64, mix: Mix) -> Vec<Vec<Event>> {
    (0..partitions).map(|partition| (0..each).map(|sequence| event(partition, sequence, mix)).collect()).collect()
}

/// The event at one place.
pub(crate) fn event(partition: i32, sequence: i64, mix: Mix) -> Event {
    let identity = u64::try_from(partition).unwrap() << 32 | u64::try_from(sequence).unwrap();
    let mut rng = Rng::with_seed(identity.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let timestamp = timestamp(partition, sequence);
    let (value, ending) = match rng.u32(..1000) {
        dice if dice < mix.tombstones => (None, Ending::Tombstone),
        dice => {
            let order = Order::new(&mut rng, partition, sequence, timestamp);
            let flaw = (dice < mix.tombstones + mix.refused).then(|| Flaw::USUAL[rng.usize(..Flaw::USUAL.len())]);
            let value = json(&order, flaw, &mut rng);
            (Some(value), flaw.map_or_else(|| Ending::Order(Box::new(order)), Ending::Refused))
        }
    };
    let key = rng.u8(..10) > 0 || value.is_none();
    let key = key.then(|| format!("{partition}:{sequence}").into_bytes());
    Event { record: Record { partition, offset: sequence, key, value, headers: headers(&mut rng), timestamp }, ending }
}

/// An event whose order has a note of so many characters, which no compression makes shorter.
pub(crate) fn large(partition: i32, sequence: i64, length: usize, flaw: Option<Flaw>) -> Event {
    let timestamp = timestamp(partition, sequence);
    let mut rng = Rng::with_seed(u64::try_from(sequence).unwrap());
    let note = std::iter::repeat_with(|| rng.alphanumeric()).take(length).collect();
    let mut rng = Rng::with_seed(u64::try_from(sequence).unwrap());
    let order = Order::new(&mut rng, partition, sequence, timestamp).noted(note);
    let value = Some(json(&order, flaw, &mut rng));
    let record = Record { partition, offset: sequence, key: None, value, headers: headers(&mut rng), timestamp };
    Event { record, ending: flaw.map_or_else(|| Ending::Order(Box::new(order)), Ending::Refused) }
}

fn timestamp(partition: i32, sequence: i64) -> i64 {
    EPOCH + sequence * 7 + i64::from(partition)
}

/// The sequence number of the event with this timestamp.
pub(crate) fn sequence(partition: i32, timestamp: i64) -> Option<i64> {
    let since = timestamp - EPOCH - i64::from(partition);
    (since >= 0 && since % 7 == 0).then_some(since / 7)
}

/// None to three headers; now and then a stale schema id, a repeated name, a null value, raw bytes.
fn headers(rng: &mut Rng) -> HeaderList {
    let choices: [(&str, Option<&[u8]>); 5] = [
        ("trace", Some(b"00-4bf92f3577b34da6")),
        ("trace", Some(b"")),
        ("empty", None),
        ("raw", Some(&[0, 0xFF, 0xFE])),
        ("__value_schema_id", Some(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
    ];
    (0..rng.usize(..4))
        .map(|_| choices[rng.usize(..5)])
        .map(|(key, value)| (key.into(), value.map(<[u8]>::to_vec)))
        .collect()
}

/// The JSON text, its members in an order of their own half of the time.
fn json(order: &Order, flaw: Option<Flaw>, rng: &mut Rng) -> Vec<u8> {
    let mut members = order.members(rng);
    match flaw {
        Some(Flaw::WrongType) => set(&mut members, "quantity", "\"many\""),
        Some(Flaw::Overflow) => set(&mut members, "quantity", "2147483648"),
        Some(Flaw::MissingField) => members.retain(|(name, _)| *name != "status"),
        Some(Flaw::DuplicateKey) => members.push(("weight", "1".into())),
        Some(Flaw::InvalidUtf8) => set(&mut members, "tags", "[\"@\"]"),
        Some(Flaw::Deep) => members.push(("extra", ["[".repeat(DEPTH), "]".repeat(DEPTH)].concat())),
        Some(Flaw::Malformed) | None => {}
    }
    if rng.bool() {
        rng.shuffle(&mut members);
    }
    let space = if rng.bool() { " " } else { "" };
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{space}{value}")).collect();
    let mut text = format!("{{{}}}", members.join(&format!(",{space}"))).into_bytes();
    match flaw {
        Some(Flaw::Malformed) => drop(text.pop()),
        Some(Flaw::InvalidUtf8) => {
            let at = text.windows(3).position(|window| window == b"\"@\"").unwrap();
            text[at + 1] = 0xFF;
        }
        _ => {}
    }
    text
}

fn set(members: &mut [(&'static str, String)], name: &str, value: &str) {
    members.iter_mut().find(|(found, _)| *found == name).unwrap().1 = value.into();
}
