//! The tracker against a model that keeps every record for ever and looks through all of them each time.

use super::*;
use fastrand::Rng;

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    InFlight,
    Ended,
    Failed,
}

/// One partition in hand, naively.
struct Naive {
    slot: SlotIndex,
    partition: TopicPartition,
    /// Offset, ticket, end, whether it was handed over.
    records: Vec<(i64, Ticket, End, bool)>,
    next: i64,
}

impl Naive {
    /// One past the last record before the first that did not end.
    fn cut(&self) -> Option<i64> {
        let ended = self.records.iter().take_while(|(_, _, end, _)| *end == End::Ended);
        ended.last().map(|(offset, ..)| offset + 1)
    }

    fn handed_over(&self) -> usize {
        self.records.iter().filter(|(.., handed_over)| *handed_over).count()
    }

    /// Its transaction is over; reports may still come.
    fn forget(&mut self, late: &mut Vec<Ticket>) {
        let in_flight = self.records.drain(..).filter(|(_, _, end, _)| *end == End::InFlight);
        late.extend(in_flight.map(|(_, ticket, ..)| ticket));
    }

    fn in_flight(&self) -> usize {
        self.records.iter().filter(|(_, _, end, _)| *end == End::InFlight).count()
    }
}

fn record(offset: i64) -> InFlight {
    // The timestamp tells it apart where only sums are kept.
    InFlight { offset, timestamp: Some(offset), bytes: 10, headers: 5, route: RouteIndex::default(), dead_letter: None }
}

/// Interleavings of each model; all of them take 10 s on two cores.
pub(in crate::pipeline) const USUAL: u64 = 100_000;

/// How many partitions are in hand.
pub(in crate::pipeline) fn in_hand(offsets: &Offsets) -> usize {
    offsets.slots.iter().flatten().count()
}

/// The seeds of a model: so many, `SEEDS=n` of them, or `SEED=n` alone.
pub(in crate::pipeline) fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("{name}")));
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(usual),
    }
}

#[test]
fn a_cut_never_passes_a_record_that_did_not_end() {
    for seed in seeds(USUAL) {
        let mut random = Rng::with_seed(seed);
        let mut offsets = Offsets::default();
        let mut held: Vec<Naive> = Vec::new();
        let mut late: Vec<Ticket> = Vec::new();
        for step in 0..400 {
            round(&mut random, &mut offsets, &mut held, &mut late, step, false);
            let in_flight: usize = held.iter().map(Naive::in_flight).sum();
            assert_eq!(offsets.in_flight_records(), in_flight as u64, "seed {seed}, step {step}");
            assert_eq!(offsets.in_flight_bytes(), in_flight * 10, "seed {seed}, step {step}");
            assert_eq!(offsets.in_flight_memory(), in_flight * (10 + 5 + 256), "seed {seed}, step {step}");
            for naive in &held {
                assert_eq!(offsets.in_flight_of(naive.slot) as usize, naive.in_flight(), "seed {seed}, step {step}");
            }
            if random.u8(..4) == 0 {
                let cuts = offsets.cut();
                for naive in &held {
                    let found = cuts.iter().find(|(partition, _)| *partition == naive.partition).map(|(_, cut)| *cut);
                    assert!(found.is_none() || found == naive.cut(), "seed {seed}, step {step}: {found:?}");
                }
                assert!(offsets.cut().is_empty() && !offsets.cut_due(), "seed {seed}, step {step}: cut twice");
                offsets.uncut();
                let again = offsets.cut();
                for naive in &held {
                    let found = again.iter().find(|(partition, _)| *partition == naive.partition).map(|(_, cut)| *cut);
                    assert_eq!(found, naive.cut(), "seed {seed}, step {step}: a failed commit is due again");
                }
            }
        }
    }
}

/// One random thing that a lane does.
fn round(
    random: &mut Rng,
    offsets: &mut Offsets,
    held: &mut Vec<Naive>,
    late: &mut Vec<Ticket>,
    step: i32,
    in_transactions: bool,
) {
    match random.u8(..100) {
        0..6 if held.len() < 4 => {
            let partition = TopicPartition { topic: "t".into(), partition: step };
            let slot = offsets.assign(partition.clone()).unwrap();
            held.push(Naive { slot, partition, records: Vec::new(), next: random.i64(0..1000) });
        }
        6..9 if !held.is_empty() => {
            let gone = held.swap_remove(random.usize(..held.len()));
            let let_go = if in_transactions { gone.handed_over() } else { gone.in_flight() };
            assert_eq!(offsets.release(gone.slot), let_go as u64);
            let in_flight = gone.records.iter().filter(|(_, _, end, _)| *end == End::InFlight);
            late.extend(in_flight.map(|(_, ticket, ..)| *ticket));
        }
        9..12 => {
            for ticket in late.drain(..) {
                assert_eq!(offsets.mark(ticket, true), None, "a late report marks nothing");
            }
        }
        12..60 if !held.is_empty() => {
            let place = random.usize(..held.len());
            let naive = &mut held[place];
            // Compaction and transactions leave gaps.
            let offset = naive.next + random.i64(0..3);
            naive.next = offset + 1;
            let ticket = offsets.next_ticket(naive.slot);
            if random.u8(..5) == 0 {
                offsets.settle(naive.slot, offset);
                naive.records.push((offset, ticket, End::Ended, false));
            } else {
                offsets.track(naive.slot, record(offset));
                naive.records.push((offset, ticket, End::InFlight, true));
            }
        }
        60..97 if !held.is_empty() => {
            let place = random.usize(..held.len());
            report(random, offsets, &mut held[place]);
        }
        97.. if !held.is_empty() && !in_transactions => {
            let place = random.usize(..held.len());
            let naive = &mut held[place];
            while naive.in_flight() > 0 {
                report(random, offsets, naive);
            }
            let first = naive.records.iter().find(|(_, _, end, _)| *end != End::Ended).map(|(offset, ..)| *offset);
            let back_to = offsets.rewind(naive.slot, Some(naive.next));
            assert_eq!(back_to, Some(first.unwrap_or(naive.next)));
            naive.records.retain(|(offset, ..)| first.is_none_or(|first| *offset < first));
            naive.next = back_to.unwrap();
        }
        _ => {}
    }
}

/// A delivery report for any record in flight; deliveries fail now and then.
fn report(random: &mut Rng, offsets: &mut Offsets, naive: &mut Naive) {
    let in_flight = naive.records.iter_mut().filter(|(_, _, end, _)| *end == End::InFlight);
    let Some((offset, ticket, end, _)) = random.choice(in_flight.collect::<Vec<_>>()) else { return };
    let delivered = random.u8(..10) > 0;
    assert_eq!(offsets.mark(*ticket, delivered), Some((naive.slot, record(*offset))));
    assert_eq!(offsets.mark(*ticket, true), None, "a report counts once");
    *end = if delivered { End::Ended } else { End::Failed };
}

#[test]
fn a_beginning_that_is_not_committed_is_due_at_once() {
    let mut offsets = Offsets::default();
    let partition = TopicPartition { topic: "t".into(), partition: 0 };
    let slot = offsets.assign(partition.clone()).unwrap();
    assert!(!offsets.cut_due());
    offsets.begin(slot, 42);
    assert!(offsets.cut_due_of(slot));
    assert_eq!(offsets.cut(), [(partition, 42)]);
}

#[test]
fn a_beginning_is_not_due_any_more_once_the_group_stands_behind_it() {
    let mut offsets = Offsets::in_transactions();
    let partition = TopicPartition { topic: "t".into(), partition: 0 };
    let slot = offsets.assign(partition.clone()).unwrap();
    offsets.begin(slot, 42);
    offsets.track(slot, record(42));
    assert_eq!(offsets.behind(), [(partition, 43)]);
    // It was committed, which only the group's offset tells, and other partitions were not.
    offsets.stands(slot, 43);
    offsets.aborted();
    assert!(!offsets.cut_due() && offsets.behind().is_empty());
}

#[test]
fn in_transactions_all_is_settled_at_once_or_not_at_all() {
    for seed in seeds(USUAL) {
        let mut random = Rng::with_seed(seed);
        let mut offsets = Offsets::in_transactions();
        let mut held: Vec<Naive> = Vec::new();
        let mut late = Vec::new();
        for step in 0..200 {
            match random.u8(..100) {
                // Partitions come, are read, reported and go as ever; nothing is rewound by itself.
                0..94 => round(&mut random, &mut offsets, &mut held, &mut late, step, true),
                94..97 => {
                    let all = held.iter().flat_map(|naive| naive.records.iter().filter(|record| record.3));
                    let mut expected: Vec<i64> = all.map(|(offset, ..)| *offset).collect();
                    let mut delivered = Vec::new();
                    offsets.committed(|ended| {
                        for (offset, records) in &ended.timestamps {
                            delivered.extend((0..*records).map(|_| *offset));
                        }
                        assert_eq!((ended.records * 10, ended.dead_lettered.len()), (ended.bytes, 0));
                    });
                    expected.sort_unstable();
                    delivered.sort_unstable();
                    assert_eq!(delivered, expected, "seed {seed}, step {step}");
                    held.iter_mut().for_each(|naive| naive.forget(&mut late));
                    assert!(!offsets.cut_due() && offsets.behind().is_empty(), "seed {seed}, step {step}");
                }
                _ => {
                    for naive in &mut held {
                        let first = naive.records.first().map(|(offset, ..)| *offset);
                        assert_eq!(offsets.first_read(naive.slot), first, "seed {seed}, step {step}");
                        naive.next = first.unwrap_or(naive.next);
                    }
                    let records: usize = held.iter().map(Naive::handed_over).sum();
                    assert_eq!(offsets.aborted(), records as u64, "seed {seed}, step {step}");
                    held.iter_mut().for_each(|naive| naive.forget(&mut late));
                }
            }
            let records: usize = held.iter().map(Naive::handed_over).sum();
            let read: usize = held.iter().map(|naive| naive.records.len()).sum();
            assert_eq!((offsets.held_records(), offsets.read_records()), (records as u64, read as u64), "seed {seed}");
            assert_eq!(offsets.read_bytes(), records * 10, "seed {seed}, step {step}");
            let behind = offsets.behind();
            for naive in &held {
                let found = behind.iter().find(|(partition, _)| *partition == naive.partition).map(|(_, at)| *at);
                assert_eq!(found, naive.records.last().map(|(offset, ..)| offset + 1), "seed {seed}, step {step}");
                assert_eq!(offsets.cut_due_of(naive.slot), found.is_some(), "seed {seed}, step {step}");
            }
        }
    }
}
