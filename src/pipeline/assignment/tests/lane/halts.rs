//! The lane's partitions that come to rest, as `stop` carries it out.

use super::Lane;
use crate::config::OutOfRange;
use crate::fault::Fault;
use crate::pipeline::assignment::Rest;
use crate::pipeline::offsets::SlotIndex;

impl Lane {
    pub(super) fn step_halts(&mut self) {
        if !self.batch.is_empty() {
            return;
        }
        for (slot, rest) in self.assignment.rests(&mut self.offsets) {
            let p = self.number(&self.assignment.by_slot(slot).unwrap().partition.clone());
            if self.fails(8) {
                continue;
            }
            match rest {
                Rest::ReadOn(at) => {
                    self.seen.rewound += 1;
                    self.read_on(slot, p, Some(at), at);
                }
                Rest::Reset(from, to) => {
                    self.seen.reset += 1;
                    let partition = &self.cluster.partitions[p];
                    let at = if to == OutOfRange::Latest { partition.end() } else { partition.low_offset() };
                    self.read_on(slot, p, from, at);
                }
                Rest::Stand(at, fault) => self.stand(slot, p, at, fault),
            }
        }
    }

    /// Takes a partition back to where it was halted, `from`, or to another offset in place of that.
    fn read_on(&mut self, slot: SlotIndex, p: usize, from: Option<i64>, to: i64) {
        let positions = self.assignment.positions(slot, to);
        let partition = &mut self.cluster.partitions[p];
        assert!(self.once || !partition.in_flight(), "{} is taken back with records in flight", partition.name);
        let first = if self.once { partition.next } else { partition.first_not_ended() };
        let back = from.map_or(first, |from| partition.index(from));
        assert_eq!(back, first, "{} is taken back to {from:?}", partition.name);
        let over = partition.fetch.unwrap().over;
        if over && !self.cluster.asked.is_empty() {
            return;
        }
        if !self.once {
            partition.passed.clear();
        }
        partition.next = first;
        partition.skip_to(partition.index(to));
        if over {
            self.cluster.restart(p, &positions);
        } else {
            partition.fetch_from(partition.index(to));
        }
        self.assignment.reads_on(slot, to);
    }

    fn stand(&mut self, slot: SlotIndex, p: usize, at: Option<i64>, fault: Fault) {
        self.seen.stopped += 1;
        let partition = &mut self.cluster.partitions[p];
        let fetch = partition.fetch.as_mut().unwrap();
        fetch.paused = true;
        if let Some(offset) = at {
            let (at, first) = (partition.index(offset), partition.first_not_ended());
            // What it stood in front of before may be out of the log by now.
            let gone = partition.log.get(at..partition.next).is_some_and(|log| log.iter().all(|entry| entry.gone));
            let ended = at == partition.next || at == first && !partition.in_flight();
            assert!(ended || gone, "{} stands at {at}", partition.name);
            if !self.once && !partition.in_flight() {
                partition.passed.clear();
            }
            partition.next = if gone { partition.next } else { at };
            partition.tell_again();
            if let Some(fetch) = partition.fetch.as_mut().filter(|fetch| !fetch.over) {
                fetch.at = at;
            }
        }
        self.assignment.stands(slot, at, fault);
    }
}
