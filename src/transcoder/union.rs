//! Unions without tags: the branch is told by the JSON kind; where several take that kind, by trying them in order.
//!
//! Comes in: the walk at a value for a union. Goes out: the branch's number and the value: the first branch in schema
//! order that takes the value as it is written, otherwise the first that takes it with defaults filled in, otherwise the
//! first that takes it at all. An object that a later branch would take as well is in doubt (`ambiguous_union`). Must never:
//! spend more than a bounded multiple of the input on it.

use super::encode::Walk;
use super::ledger::{Act, Acts};
use super::plan::{Kind, Node, Union};
use super::refusal::{Expected, Halt, Reason};
use super::writer::Mark;

impl Union {
    /// A union of these branches.
    pub(super) fn new(branches: Vec<Node>) -> Self {
        let takers = |kind, ease| {
            let takes = (0u32..).zip(&branches).filter(|(_, branch)| takes(branch, kind, Acts::ALL) == Some(ease));
            takes.map(|(index, _)| index).collect::<Vec<u32>>()
        };
        // A time takes its text, a number what spells it, only where nothing else takes strings.
        let own = Kind::ALL.map(|kind| {
            let own = takers(kind, Ease::Own);
            if own.is_empty() { takers(kind, Ease::Spelt) } else { own }
        });
        let coerced = Kind::ALL.map(|kind| takers(kind, Ease::Coerced));
        Self { branches, takers: own, coerced }
    }

    /// Whether a value of this JSON kind can be of any branch, where these acts are accepted.
    pub(super) fn takes(&self, kind: Kind, accepted: Acts) -> bool {
        self.takers.get(kind as usize).is_some_and(|takers| !takers.is_empty())
            || self.coercing(kind, accepted).next().is_some()
    }

    /// The branches that a value of this JSON kind becomes by one of these acts.
    fn coercing(&self, kind: Kind, accepted: Acts) -> impl Iterator<Item = u32> {
        let coerced = self.coerced.get(kind as usize).map(Vec::as_slice).unwrap_or_default();
        coerced.iter().copied().filter(move |index| {
            let branch = self.branches.get(*index as usize);
            branch.is_some_and(|branch| takes(branch, kind, accepted).is_some())
        })
    }
}

/// How near a JSON kind is to a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ease {
    /// It is the type's own.
    Own,
    /// It may spell a value of the type.
    Spelt,
    /// It becomes one by a lossy act that is accepted.
    Coerced,
}

/// Whether values of this JSON kind can be of this type.
fn takes(node: &Node, kind: Kind, accepted: Acts) -> Option<Ease> {
    let coerced = |act| accepted.contains(act).then_some(Ease::Coerced);
    match (node, kind) {
        (Node::Null, Kind::Null)
        | (Node::Boolean, Kind::Boolean)
        | (
            Node::Int(_) | Node::Long(_) | Node::Float | Node::Double | Node::Decimal(_) | Node::BigDecimal,
            Kind::Number,
        )
        | (Node::String | Node::Uuid | Node::Bytes(_) | Node::Fixed(_) | Node::Enum(_), Kind::String)
        | (Node::Array(_), Kind::Array)
        | (Node::Map(_) | Node::Record(_), Kind::Object) => Some(Ease::Own),
        (Node::Decimal(_) | Node::BigDecimal | Node::Int(Some(_)) | Node::Long(Some(_)), Kind::String) => {
            Some(Ease::Spelt)
        }
        (Node::Int(None) | Node::Long(None) | Node::Float | Node::Double, Kind::String) => {
            coerced(Act::NumberFromString)
        }
        (Node::Boolean, Kind::String) => coerced(Act::BooleanFromString),
        (Node::Boolean, Kind::Number) => coerced(Act::BooleanFromNumber),
        (Node::String, Kind::Number) => coerced(Act::StringFromNumber),
        (Node::String, Kind::Boolean) => coerced(Act::StringFromBoolean),
        (Node::String, Kind::Array | Kind::Object) => coerced(Act::StringFromJson),
        // No union stands directly in a union, and settings of a place come later.
        _ => None,
    }
}

impl<'a> Walk<'a, '_> {
    #[inline(never)]
    pub(super) fn union(&mut self, union: &'a Union, node: &'a Node) -> Result<(), Halt> {
        let takers = Kind::of(self.scan.peek()).and_then(|kind| union.takers.get(kind as usize));
        match takers.map(Vec::as_slice) {
            None => self.scan.mismatch(node),
            Some([]) => self.coerced_union(union, node),
            Some([only]) => self.branch(union, *only),
            Some(several) => self.attempts(union, several, node),
        }
    }

    /// A value of a kind that no branch has.
    #[cold]
    #[inline(never)]
    fn coerced_union(&mut self, union: &'a Union, node: &'a Node) -> Result<(), Halt> {
        let Some(kind) = Kind::of(self.scan.peek()) else { return self.scan.mismatch(node) };
        let mut takers = union.coercing(kind, self.accepted);
        match (takers.next(), takers.next(), union.coerced.get(kind as usize)) {
            (Some(only), None, _) => self.branch(union, only),
            (Some(_), Some(_), Some(several)) => self.attempts(union, several, node),
            _ => self.scan.mismatch(node),
        }
    }

    pub(super) fn branch(&mut self, union: &'a Union, index: u32) -> Result<(), Halt> {
        let Some(branch) = union.branches.get(index as usize) else { return Ok(()) };
        self.writer.size(index as usize);
        self.value(branch)
    }

    /// Tries one branch after the other: first as the value is written, then with defaults, then by all that is accepted.
    fn attempts(&mut self, union: &'a Union, takers: &[u32], node: &'a Node) -> Result<(), Halt> {
        let (accepted, allowed, as_written) = (self.accepted, self.allowed, self.scan.integers_as_written);
        let place = self.place();
        let mut before = None;
        // In the first pass a number with a point is a double before it is an integer.
        for (pass, first) in [(WRITTEN, true), (WRITTEN.with(Act::DefaultFilled), false), (Acts::ALL, false)] {
            let now = (accepted.and(pass), allowed.and(pass), as_written || first);
            if before.replace(now) == Some(now) {
                continue;
            }
            for (number, taker) in takers.iter().enumerate() {
                (self.accepted, self.allowed, self.scan.integers_as_written) = now;
                let taken = self.branch(union, *taker);
                let doubtful = taken.is_ok() && self.doubts && self.others_take(union, takers.get(number + 1..), place);
                (self.accepted, self.allowed, self.scan.integers_as_written) = (accepted, allowed, as_written);
                if taken.is_ok() {
                    return if doubtful { self.note(Act::AmbiguousUnion, place.at, node) } else { taken };
                }
                self.vain(place.at)?;
                self.back(place);
            }
        }
        self.scan.fail(Reason::NoBranch, place.at, Expected::Type(node))
    }

    /// Whether one of these branches would take an object as well as the one that just did. Nothing is written or passed,
    /// and unions within are in no doubt themselves: asking there, too, would double the work at every level. Where the
    /// limit is reached first it stays in doubt.
    fn others_take(&mut self, union: &'a Union, others: Option<&[u32]>, place: Placed) -> bool {
        if self.scan.json.get(place.at) != Some(&b'{') {
            return false;
        }
        let end = self.place();
        self.doubts = false;
        let taken = others.unwrap_or_default().iter().any(|other| {
            (self.scan.at, self.scan.depth) = (place.at, place.depth);
            let taken = self.effort > 0 && self.branch(union, *other).is_ok();
            // A limit that is reached here does not refuse the value: it was taken.
            let too_much = self.effort == 0
                || self.vain(place.at).is_err()
                    && self.scan.failure.is_some_and(|failure| failure.reason == Reason::UnionEffort);
            if too_much {
                self.effort = 0;
            }
            self.back(end);
            taken || too_much
        });
        self.doubts = true;
        self.scan.failure = None;
        taken
    }

    /// Where the walk is, to come back to.
    pub(super) fn place(&self) -> Placed {
        let (at, depth, noted, path) = (self.scan.at, self.scan.depth, self.noted.len(), self.path.len());
        Placed { at, depth, noted, path, mark: self.writer.mark() }
    }

    /// Forgets all since then.
    pub(super) fn back(&mut self, place: Placed) {
        (self.scan.at, self.scan.depth) = (place.at, place.depth);
        self.writer.rewind(place.mark);
        self.noted.truncate(place.noted);
        self.path.truncate(place.path);
    }

    /// Accounts for what was read from `start` in vain: records in records in records, each of several branches, would
    /// double the work at every level. Halts if that is the limit, or if what failed would fail in any branch.
    pub(super) fn vain(&mut self, start: usize) -> Result<(), Halt> {
        if self.scan.failure.is_some_and(|failure| failure.reason.is_final()) {
            return Err(Halt);
        }
        let vain = self.scan.at.saturating_sub(start);
        if vain > self.effort {
            let limit = Expected::Text("a value whose branch is found sooner");
            return self.scan.fail(Reason::UnionEffort, start, limit);
        }
        self.effort -= vain;
        Ok(())
    }
}

/// What loses nothing and makes nothing up.
const WRITTEN: Acts = Acts::NONE.with(Act::AmbiguousUnion);

/// A place of the walk: in the JSON, in the Avro, in what was noted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) at: usize,
    depth: u32,
    noted: usize,
    path: usize,
    mark: Mark,
}
