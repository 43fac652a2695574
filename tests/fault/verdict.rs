//! The checker: a history against what was promised.
//!
//! Comes in: a `History`. Goes out: a `Verdict`, every deviation with its position, and nothing where there is none. Must
//! never: know who moved the records, trust a metric, or weigh a deviation (`Promise` does).
//!
//! - lost: an input that must come out and did not.
//! - torn: offsets committed together of whose outputs some are there and some are not; or outputs that are there while
//!   their offsets are not committed when all is over.
//! - duplicated: an output after the first one of its input. It is *replayed* if its run began at the last offset committed
//!   before it was written: someone took over and wrote what was not committed again. It is *resent* if its run began behind
//!   that: a part of the uncommitted window, again. It is *stale* if its run began at an earlier committed offset, *stray*
//!   if it began at none and was committed already.
//! - changed: a duplicate that differs from the first one in a byte.
//! - reordered: an output whose first occurrence lies behind that of a later input of its partition, or of its key.
//! - wrong: another value, key or partition than promised; or an output of something that is no input or must not come out.
//! - vanished, unseen: seen during the run and not afterwards, or the other way round.

use super::history::{Commit, Fate, History, Input, Letter, Output, Position};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What deviates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) lost: Vec<Position>,
    /// By the time of the commit, or the position of an output that outran its commit.
    pub(crate) torn: Vec<String>,
    pub(crate) replayed: Vec<Position>,
    pub(crate) resent: Vec<Position>,
    pub(crate) stale: Vec<Position>,
    pub(crate) stray: Vec<Position>,
    pub(crate) changed: Vec<Position>,
    pub(crate) reordered: Vec<Position>,
    pub(crate) wrong: Vec<String>,
    pub(crate) vanished: Vec<Position>,
    pub(crate) unseen: Vec<Position>,
    pub(crate) letters_lost: Vec<Position>,
    pub(crate) letters_repeated: Vec<Position>,
    pub(crate) letters_wrong: Vec<Position>,
    /// Offsets of the sink that no read_committed reader will see.
    pub(crate) unstable: i64,
    pub(crate) tally: Tally,
}

/// in = out + dead-lettered + filtered + lost, each input counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) dead_lettered: usize,
    pub(crate) filtered: usize,
}

/// What may deviate, and no more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Promise {
    /// Byte-equal duplicates from the uncommitted window, dead letters among them.
    pub(crate) replays: bool,
    /// Parts of that window, not from its beginning: the producer's own tries, after brokers lost what they had.
    pub(crate) resends: bool,
    /// Replays from an earlier committed offset than the last: where the group's own log was not available.
    pub(crate) stale: bool,
    /// An owner that was frozen or cut off may write behind its successor.
    pub(crate) zombies: bool,
}

impl Verdict {
    /// All duplicates.
    pub(crate) fn duplicates(&self) -> usize {
        self.replayed.len() + self.resent.len() + self.stale.len() + self.stray.len()
    }

    /// What breaks a promise, one line each; empty: it was kept.
    pub(crate) fn breaches(&self, promise: Promise) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |name: &str, allowed: bool, items: Vec<String>| {
            if !allowed && !items.is_empty() {
                let first = items.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
                found.push(format!("{} {name}: {first}", items.len()));
            }
        };
        let text = |positions: &[Position]| positions.iter().map(Position::to_string).collect::<Vec<_>>();
        let Promise { replays, resends, stale, zombies } = promise;
        check("lost", false, text(&self.lost));
        check("torn", false, self.torn.clone());
        check("replayed", replays, text(&self.replayed));
        check("resent", resends || zombies, text(&self.resent));
        check("replayed from an older commit", stale || zombies, text(&self.stale));
        check("stray duplicates", zombies, text(&self.stray));
        check("duplicates that differ", false, text(&self.changed));
        check("reordered", zombies, text(&self.reordered));
        check("wrong", false, self.wrong.clone());
        check("vanished", false, text(&self.vanished));
        check("unseen", false, text(&self.unseen));
        check("dead letters lost", false, text(&self.letters_lost));
        check("dead letters repeated", replays, text(&self.letters_repeated));
        check("dead letters wrong", false, text(&self.letters_wrong));
        if self.unstable != 0 {
            found.push(format!("{} offsets of the sink behind an open transaction", self.unstable));
        }
        let Tally { inputs, outputs, dead_lettered, filtered } = self.tally;
        let ended = outputs + dead_lettered + filtered + self.lost.len() + self.letters_lost.len();
        if inputs != ended {
            found.push(format!("the books: {inputs} in, {ended} ended ({:?})", self.tally));
        }
        found
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]@{}", self.partition, self.offset)
    }
}

/// Judges a history.
pub(crate) fn judge<V: PartialEq + fmt::Debug>(history: &History<V>) -> Verdict {
    let inputs: BTreeMap<Position, &Input<V>> = history.inputs.iter().map(|input| (input.at, input)).collect();
    let mut verdict = Verdict { unstable: history.unstable, ..Verdict::default() };
    let first = values(&inputs, &history.outputs, &mut verdict);
    let due: BTreeSet<Position> =
        inputs.values().filter(|input| matches!(input.fate, Fate::Output(_))).map(|input| input.at).collect();
    verdict.lost = due.iter().filter(|at| !first.contains_key(at)).copied().collect();
    order(&history.outputs, &mut verdict);
    replays(&due, history, &mut verdict);
    cuts(&due, &first, &history.commits, &mut verdict);
    readers(history, &mut verdict);
    letters(&inputs, &history.letters, &mut verdict);
    verdict.tally.inputs = inputs.len();
    verdict.tally.outputs = due.iter().filter(|at| first.contains_key(at)).count();
    verdict.tally.filtered = inputs.values().filter(|input| matches!(input.fate, Fate::Filtered)).count();
    verdict
}

/// Each output against its input and its first occurrence. Gives the first occurrences.
fn values<'h, V: PartialEq + fmt::Debug>(
    inputs: &BTreeMap<Position, &Input<V>>,
    outputs: &'h [Output<V>],
    verdict: &mut Verdict,
) -> BTreeMap<Position, &'h Output<V>> {
    let mut first: BTreeMap<Position, &Output<V>> = BTreeMap::new();
    for output in outputs {
        let source = output.source;
        match inputs.get(&source).map(|input| (input, &input.fate)) {
            Some((input, Fate::Output(value))) => {
                if output.value != *value {
                    verdict.wrong.push(format!("{source}: {:?} instead of {value:?}", output.value));
                }
                if output.key != input.key || output.at.partition != source.partition {
                    verdict.wrong.push(format!("{source}: key or partition, at {}", output.at));
                }
            }
            Some((_, fate)) => verdict.wrong.push(format!("{source}: came out, at {}, instead of {fate:?}", output.at)),
            None => verdict.wrong.push(format!("{source}: no such input, at {}", output.at)),
        }
        let before = first.entry(source).or_insert(output);
        if before.bytes != output.bytes || before.key != output.key {
            verdict.changed.push(source);
        }
    }
    first
}

/// First occurrences come in the order of their inputs, by partition and by key.
fn order<V>(outputs: &[Output<V>], verdict: &mut Verdict) {
    let mut seen = BTreeSet::new();
    let mut highest: BTreeMap<(i32, Option<&[u8]>), i64> = BTreeMap::new();
    let mut reordered = BTreeSet::new();
    for output in outputs {
        if !seen.insert(output.source) {
            continue;
        }
        for line in [None, Some(output.key.as_slice())] {
            let highest = highest.entry((output.source.partition, line)).or_insert(-1);
            if output.source.offset < *highest {
                reordered.insert(output.source);
            }
            *highest = output.source.offset.max(*highest);
        }
    }
    verdict.reordered = reordered.into_iter().collect();
}

/// Where each duplicate comes from.
fn replays<V>(due: &BTreeSet<Position>, history: &History<V>, verdict: &mut Verdict) {
    /// What the run that is being read began with.
    #[derive(Clone, Copy)]
    enum Run {
        First,
        Replay,
        Resend,
        Stale,
        Stray,
    }
    let mut runs: BTreeMap<i32, (i64, Run)> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for output in &history.outputs {
        let Position { partition, offset } = output.source;
        let (last, run) = runs.entry(partition).or_insert((-1, Run::First));
        if offset <= *last {
            // The first due output at or behind an offset is what a reader who begins there writes first.
            let begins = |next: i64| {
                let from = Position { partition, offset: next };
                due.range(from..).next().is_some_and(|at| *at == output.source)
            };
            let mine = history.commits.iter().filter(|commit| commit.partition == partition);
            let before: Vec<&Commit> = mine.filter(|commit| commit.appended <= output.appended).collect();
            // Two things in one millisecond have no order: the commit may have come after the output.
            let latest: i64 =
                before.iter().rev().find(|commit| commit.appended < output.appended).map_or(0, |c| c.next);
            *run = match () {
                () if begins(latest) || before.last().is_some_and(|commit| begins(commit.next)) => Run::Replay,
                () if offset >= latest => Run::Resend,
                () if begins(0) || before.iter().any(|commit| begins(commit.next)) => Run::Stale,
                () => Run::Stray,
            };
        }
        *last = offset;
        if !seen.insert(output.source) {
            match run {
                Run::Replay => verdict.replayed.push(output.source),
                Run::Resend => verdict.resent.push(output.source),
                Run::Stale => verdict.stale.push(output.source),
                // A second time without having gone back cannot be.
                Run::First | Run::Stray => verdict.stray.push(output.source),
            }
        }
    }
}

/// What was committed together is there together, and nothing else is.
fn cuts<V>(
    due: &BTreeSet<Position>,
    first: &BTreeMap<Position, &Output<V>>,
    commits: &[Commit],
    verdict: &mut Verdict,
) {
    let mut committed: BTreeMap<i32, i64> = BTreeMap::new();
    for cut in commits.chunk_by(|one, other| one.appended == other.appended) {
        let (mut there, mut missing) = (0, 0);
        for commit in cut {
            let next = committed.entry(commit.partition).or_insert(0);
            let at = |offset| Position { partition: commit.partition, offset };
            for due in due.range(at(*next)..at(commit.next.max(*next))) {
                *(if first.contains_key(due) { &mut there } else { &mut missing }) += 1;
            }
            *next = commit.next.max(*next);
        }
        if there > 0 && missing > 0 {
            verdict.torn.push(format!("cut of {}: {missing} of {} missing", cut[0].appended, there + missing));
        }
    }
    let outran = |at: &&Position| at.offset >= committed.get(&at.partition).copied().unwrap_or(0);
    verdict.torn.extend(first.keys().filter(outran).map(|at| format!("{at} is there, its offset is not committed")));
}

/// The reader during the run and the one after it saw the same.
fn readers<V: PartialEq>(history: &History<V>, verdict: &mut Verdict) {
    let last: BTreeMap<Position, &Output<V>> = history.outputs.iter().map(|output| (output.at, output)).collect();
    let mut watched = BTreeSet::new();
    let mut reached: BTreeMap<i32, i64> = BTreeMap::new();
    for output in &history.watched {
        if last.get(&output.at).is_none_or(|found| found.source != output.source || found.bytes != output.bytes) {
            verdict.vanished.push(output.at);
        }
        watched.insert(output.at);
        let reached = reached.entry(output.at.partition).or_insert(-1);
        *reached = output.at.offset.max(*reached);
    }
    let passed = |at: &&Position| reached.get(&at.partition).is_some_and(|reached| at.offset <= *reached);
    verdict.unseen = last.keys().filter(passed).filter(|at| !watched.contains(at)).copied().collect();
}

fn letters<V>(inputs: &BTreeMap<Position, &Input<V>>, letters: &[Letter], verdict: &mut Verdict) {
    let mut found = BTreeSet::new();
    for letter in letters {
        let due = inputs.get(&letter.source).is_some_and(|input| matches!(input.fate, Fate::DeadLetter));
        if !due || !letter.intact {
            verdict.letters_wrong.push(letter.source);
        }
        if !found.insert(letter.source) {
            verdict.letters_repeated.push(letter.source);
        }
    }
    let due = inputs.values().filter(|input| matches!(input.fate, Fate::DeadLetter)).map(|input| input.at);
    let (there, lost): (Vec<_>, Vec<_>) = due.partition(|at| found.contains(at));
    verdict.tally.dead_lettered = there.len();
    verdict.letters_lost = lost;
}
