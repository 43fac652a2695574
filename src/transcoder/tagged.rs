//! Unions with tags: a value that names its branch, as Avro's own JSON encoding has it (specification 1.12, "JSON
//! Encoding"): `null`, or `{"string":"x"}`, an object of one member whose key is the branch's type or full name.
//!
//! Comes in: the walk at a value for a union, where the options say that tags are read. Goes out: the branch's number and
//! the value. Must never: take a value that names one branch for another one, or choose between two readings in silence.

use super::describe::Describe;
use super::encode::Walk;
use super::ledger::{Act, Acts};
use super::plan::{Kind, Node, Tagged};
use super::refusal::{Expected, Halt, Reason, Segment};
use super::{Plan, Unions};
use std::fmt;

impl Tagged {
    /// The branch with this number.
    pub(super) fn branch(&self, index: usize) -> Option<&Node> {
        self.plain.branch(index)
    }

    /// Whether an object could be a value of this union without a tag, where these acts are accepted.
    fn takes_objects(&self, accepted: Acts) -> bool {
        match &self.plain {
            Node::Nullable(nullable) => match *nullable.value {
                Node::Map(_) | Node::Record(_) => true,
                Node::String => accepted.contains(Act::StringFromJson),
                _ => false,
            },
            Node::Union(union) => union.takes(Kind::Object, accepted),
            _ => false,
        }
    }
}

impl<'a> Walk<'a, '_> {
    pub(super) fn tagged(&mut self, tagged: &'a Tagged, node: &'a Node) -> Result<(), Halt> {
        match self.unions {
            Unions::Plain => self.value(&tagged.plain),
            Unions::Tagged => self.by_tag(tagged, node),
            Unions::Auto if self.scan.peek() != b'{' => self.value(&tagged.plain),
            Unions::Auto if !tagged.takes_objects(self.accepted) => self.by_tag(tagged, node),
            Unions::Auto => self.either(tagged, node),
        }
    }

    /// `null` for null, any other branch by its name.
    fn by_tag(&mut self, tagged: &'a Tagged, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        match (self.scan.peek(), tagged.null) {
            (b'n', Some(null)) => {
                self.writer.size(null as usize);
                return self.scan.literal("null");
            }
            (b'{', _) => {}
            _ => return self.scan.mismatch(node),
        }
        if !self.scan.open(b'}')? {
            return self.scan.fail(Reason::NoBranch, start, Expected::Type(node));
        }
        let key = self.scan.key()?;
        let named =
            tagged.names.get(self.scan.text(key)).filter(|index| Some(*index) != tagged.null.map(|null| null as usize));
        let Some((index, branch)) = named.and_then(|index| Some((index, tagged.branch(index)?))) else {
            return self.scan.fail(Reason::NoBranch, start, Expected::Type(node));
        };
        self.scan.colon()?;
        self.writer.size(index);
        if let Err(halt) = self.value(branch) {
            self.path.push(Segment::Key(key.start, key.end));
            return Err(halt);
        }
        if self.scan.more(b'}')? {
            return self.scan.fail(Reason::NoBranch, start, Expected::Type(node));
        }
        Ok(())
    }

    /// An object that may name its branch, or be the value of one. Where both can be, the name counts, and the doubt is
    /// counted.
    fn either(&mut self, tagged: &'a Tagged, node: &'a Node) -> Result<(), Halt> {
        let place = self.place();
        if !self.names_a_branch(tagged)? {
            return self.value(&tagged.plain);
        }
        let by_name = self.attempt(|walk| walk.by_tag(tagged, node))?;
        if !by_name {
            return self.value(&tagged.plain);
        }
        if self.attempt(|walk| walk.value(&tagged.plain))? {
            self.note(Act::AmbiguousUnion, place.at, node)?;
        }
        self.by_tag(tagged, node)
    }

    /// Whether the first key of the object here is a branch's name. Nothing is passed.
    fn names_a_branch(&mut self, tagged: &Tagged) -> Result<bool, Halt> {
        let (start, depth) = (self.scan.at, self.scan.depth);
        let named = match self.scan.open(b'}')? {
            true => {
                let key = self.scan.key()?;
                tagged.names.get(self.scan.text(key)).is_some()
            }
            false => false,
        };
        (self.scan.at, self.scan.depth) = (start, depth);
        Ok(named)
    }

    /// Whether the value here can be taken so. Nothing is written or passed; what was read is bounded as for any union.
    fn attempt(&mut self, take: impl FnOnce(&mut Self) -> Result<(), Halt>) -> Result<bool, Halt> {
        let place = self.place();
        let taken = take(self).is_ok();
        if taken {
            self.scan.failure = None;
        }
        self.vain(place.at)?;
        self.back(place);
        Ok(taken)
    }
}

/// How the branches are spelt, for a person.
pub(super) fn describe(f: &mut fmt::Formatter<'_>, plan: &Plan, tagged: &Tagged) -> fmt::Result {
    write!(f, "{}", Describe(plan, &tagged.plain))?;
    match plan.options.unions {
        Unions::Plain => Ok(()),
        Unions::Tagged => f.write_str(", in an object that names its type"),
        Unions::Auto => f.write_str(", or an object that names its type"),
    }
}
