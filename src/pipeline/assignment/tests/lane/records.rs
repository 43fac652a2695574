//! The lane's records: taken in batches, passed or left out, in hand while the producer's queue is full.

use super::super::cluster::{End, Item, Owner};
use super::{Lane, Sent, fault};
use crate::pipeline::offsets::InFlight;
use crate::telemetry::RouteIndex;

impl Lane {
    pub(super) fn step_records(&mut self) {
        if self.fails(8) || !self.takes() {
            return;
        }
        if self.batch.is_empty() {
            if self.drain.began().is_some() {
                return;
            }
            let most = self.random.usize(..8);
            self.batch = self.cluster.fetch(&mut self.random, most);
        }
        while self.takes() {
            match self.batch.front().copied() {
                None => return,
                Some(item @ (Item::OutOfRange(p) | Item::Denied(p))) => self.partition_fault(p, item),
                Some(Item::Record(p, entry)) => {
                    if self.full(p, entry) {
                        return;
                    }
                }
            }
            self.batch.pop_front();
        }
    }

    /// True: the producer's queue has no room for this record.
    fn full(&mut self, p: usize, entry: usize) -> bool {
        let at = self.cluster.partitions[p].at(entry);
        let Some(held) = self.assignment.passes(&at) else { return false };
        let slot = held.slot;
        let partition = &mut self.cluster.partitions[p];
        assert_eq!(partition.owner, Owner::Lane, "of {} passes", partition.name);
        assert_eq!(entry, partition.next, "of {} passes what does not follow", partition.name);
        let in_hand = self.waiting.take();
        assert!(in_hand.is_none_or(|waiting| waiting == (slot, p, entry)), "another record is in hand: {in_hand:?}");
        let topic = partition.topic;
        // A transaction may be taken back that was opened before it.
        let flooded = self.flooded[topic].is_some() && entry >= partition.high && !partition.retired;
        assert!(!flooded, "of {} passes after its topic's flood", partition.name);
        if in_hand.is_none() && partition.log[entry].bad {
            self.stop(p, slot, Some(at.offset));
            return false;
        }
        if in_hand.is_none() && self.fails(250) {
            self.flooded[topic] = Some(fault("flood"));
            self.assignment.flood(topic, &fault("flood"));
            return false;
        }
        if self.fails(8) {
            self.waiting = Some((slot, p, entry));
            return true;
        }
        let left_out = in_hand.is_none() && self.random.u8(..8) == 0;
        let partition = &mut self.cluster.partitions[p];
        partition.next = entry + 1;
        partition.high = partition.high.max(partition.next);
        partition.passed.push((entry, if left_out { End::LeftOut } else { End::InFlight }));
        if left_out {
            self.offsets.settle(slot, at.offset);
            partition.log[entry].ended |= !self.once;
        } else {
            if self.once {
                self.held.push((p, partition.known_epoch().unwrap(), entry));
            }
            let ticket = self.offsets.next_ticket(slot);
            let route = RouteIndex::default();
            self.offsets.track(
                slot,
                InFlight { offset: at.offset, timestamp: None, bytes: 1, headers: 0, route, dead_letter: None },
            );
            self.in_flight.push(Sent { ticket, partition: p, entry, purged: false });
        }
        if let Some(held) = self.assignment.passes(&at) {
            held.passed(at.offset);
        }
        false
    }
}
