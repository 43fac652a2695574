//! Unions without tags: the branch is told by the JSON kind; where several take that kind, by trying them in order.
//!
//! Comes in: the walk at a value for a union. Goes out: the branch's number and the value: the first branch in schema
//! order that takes the value without loss, otherwise the first that takes it at all. Must never: weigh branches
//! against each other beyond that, or spend more than a bounded multiple of the input on it.

use super::encode::{Strict, Walk};
use super::plan::{Kind, Node, Union};
use super::refusal::{Expected, Halt, Reason};

impl Union {
    /// A union of these branches.
    pub(super) fn new(branches: Vec<Node>) -> Self {
        let takers = Kind::ALL.map(|kind| {
            let takers = |exactly: bool| {
                (0u32..).zip(&branches).filter(move |(_, branch)| takes(branch, kind, exactly)).map(|(index, _)| index)
            };
            // A decimal takes a string, its raw bytes, and a time its text, only where nothing else takes strings.
            let exact: Vec<u32> = takers(true).collect();
            if exact.is_empty() { takers(false).collect() } else { exact }
        });
        Self { branches, takers }
    }
}

/// Whether values of this JSON kind can be of this type.
fn takes(node: &Node, kind: Kind, exactly: bool) -> bool {
    match node {
        Node::Null => kind == Kind::Null,
        Node::Boolean => kind == Kind::Boolean,
        Node::Int(None) | Node::Long(None) | Node::Float | Node::Double => kind == Kind::Number,
        Node::String | Node::Uuid | Node::Bytes | Node::Fixed(_) | Node::Enum(_) => kind == Kind::String,
        Node::Decimal(_) | Node::Int(Some(_)) | Node::Long(Some(_)) => {
            kind == Kind::Number || kind == Kind::String && !exactly
        }
        Node::Array(_) => kind == Kind::Array,
        Node::Map(_) | Node::Record(_) => kind == Kind::Object,
        // No union stands directly in a union.
        Node::Nullable(_) | Node::Union(_) | Node::Tagged(_) => false,
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

    fn branch(&mut self, union: &'a Union, index: u32) -> Result<(), Halt> {
        let Some(branch) = union.branches.get(index as usize) else { return Ok(()) };
        self.writer.size(index as usize);
        self.value(branch)
    }

    fn attempts(&mut self, union: &'a Union, takers: &[u32], node: &'a Node) -> Result<(), Halt> {
        let (start, depth, ledger, mark) = (self.scan.at, self.scan.depth, self.ledger, self.writer.mark());
        let (path, asked) = (self.path.len(), (self.strict, self.scan.integers_as_written));
        // A number with a point is a double before it is an integer; but before anything is lost it is an integer.
        let passes = [(Strict::ALL, true), (Strict::ALL, asked.1), asked];
        for (number, pass) in passes.iter().enumerate() {
            if passes.iter().take(number).any(|earlier| earlier == pass) {
                continue;
            }
            for taker in takers {
                (self.strict, self.scan.integers_as_written) = *pass;
                let taken = self.branch(union, *taker);
                (self.strict, self.scan.integers_as_written) = asked;
                if taken.is_ok() {
                    return taken;
                }
                if self.scan.failure.is_some_and(|failure| failure.reason.is_final()) {
                    return taken;
                }
                // Records in records in records, each of several branches, would double the work at every level.
                let vain = self.scan.at - start;
                if vain > self.effort {
                    let limit = Expected::Text("a value whose branch is found sooner");
                    return self.scan.fail(Reason::UnionEffort, start, limit);
                }
                self.effort -= vain;
                (self.scan.at, self.scan.depth, self.ledger) = (start, depth, ledger);
                self.writer.rewind(mark);
                self.path.truncate(path);
            }
        }
        self.scan.fail(Reason::NoBranch, start, Expected::Type(node))
    }
}
