//! The search for the record that a broker refuses, by halves.
//!
//! Comes in: how many records a refused or a committed transaction held. Goes out: how many the next one may hold. Must
//! never: take a record for the guilty one that was not alone.

/// How many records, from the next one on, hold one that is refused.
#[derive(Debug, Default)]
pub(super) struct Bisection {
    suspects: Option<u64>,
}

impl Bisection {
    /// The most records of the next transaction; None: no search is on.
    pub(super) fn most(&self) -> Option<u64> {
        self.suspects.map(|suspects| (suspects / 2).max(1))
    }

    /// A transaction of so many records was refused. True: its only record is to blame.
    pub(super) fn refused(&mut self, records: u64) -> bool {
        // The guilty one is committed next, as a dead letter, before the search ends.
        self.suspects = Some(records.max(1));
        records == 1
    }

    /// The first `records` of the suspects went through.
    pub(super) fn committed(&mut self, records: u64) {
        self.suspects = self.suspects.and_then(|suspects| suspects.checked_sub(records)).filter(|left| *left > 0);
    }
}
