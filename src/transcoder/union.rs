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
    /// A union of these branches, where these acts are accepted.
    pub(super) fn new(branches: Vec<Node>, accepted: Acts) -> Self {
        let takers = Kind::ALL.map(|kind| {
            let takers =
                |ease| (0u32..).zip(&branches).filter(move |(_, branch)| takes(branch, kind, accepted) == Some(ease));
            // A time takes its text, a number what spells it, only where nothing else takes strings.
            let eases = [Ease::Own, Ease::Spelt, Ease::Coerced].map(|ease| takers(ease).map(|(index, _)| index));
            eases.into_iter().map(Iterator::collect).find(|takers: &Vec<u32>| !takers.is_empty()).unwrap_or_default()
        });
        Self { branches, takers }
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
            None | Some([]) => self.scan.mismatch(node),
            Some([only]) => self.branch(union, *only),
            Some(several) => self.attempts(union, several, node),
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
            let now = (accepted.and(pass), as_written || first);
            if before.replace(now) == Some(now) {
                continue;
            }
            for (number, taker) in takers.iter().enumerate() {
                (self.accepted, self.scan.integers_as_written) = now;
                self.allowed = allowed.and(pass);
                let taken = self.branch(union, *taker);
                let doubtful = taken.is_ok() && self.others_take(union, takers.get(number + 1..), place);
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

    /// Whether one of these branches would take an object as well as the one that just did. Nothing is written or passed.
    fn others_take(&mut self, union: &'a Union, others: Option<&[u32]>, place: Placed) -> bool {
        if self.scan.json.get(place.at) != Some(&b'{') {
            return false;
        }
        let end = self.place();
        let taken = others.unwrap_or_default().iter().any(|other| {
            (self.scan.at, self.scan.depth) = (place.at, place.depth);
            let taken = self.branch(union, *other).is_ok();
            // A limit that is reached here does not refuse the value: it was taken.
            let tried = self.vain(place.at).is_ok();
            self.back(end);
            taken && tried
        });
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
