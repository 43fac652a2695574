//! Unions of records that are told apart by what one of their fields says, as an option has it for a place.
//!
//! Comes in: the walk at a value for such a union. Goes out: the branch that the field names. Must never: take an object whose
//! field says nothing known for any branch.

use super::encode::Walk;
use super::plan::{Named, Node};
use super::refusal::{Expected, Halt, Reason, Segment};

impl<'a> Walk<'a, '_> {
    #[inline(never)]
    pub(super) fn named(&mut self, named: &'a Named, node: &'a Node) -> Result<(), Halt> {
        if self.scan.peek() != b'{' {
            return self.value(&named.union);
        }
        let place = self.place();
        let branch = self.branch_named(named)?;
        self.vain(place.at)?;
        self.back(place);
        match branch.and_then(|branch| Some((branch, named.union.branch(branch)?))) {
            Some((number, branch)) => {
                self.writer.size(number);
                self.value(branch)
            }
            None => self.scan.fail(Reason::NoBranch, place.at, Expected::Type(node)),
        }
    }

    /// The number of the branch that the object here names. None: it names none.
    fn branch_named(&mut self, named: &Named) -> Result<Option<usize>, Halt> {
        let mut open = self.scan.open(b'}')?;
        while open {
            let key = self.scan.key()?;
            let tells = self.scan.text(key) == named.key.as_bytes();
            self.scan.colon()?;
            if tells && self.scan.peek() == b'"' {
                let value = self.scan.string().inspect_err(|_| self.path.push(Segment::Key(key.start, key.end)))?;
                let number = named.values.get(self.scan.text(value));
                return Ok(number.and_then(|number| named.branches.get(number)).map(|branch| *branch as usize));
            }
            self.scan.skip()?;
            open = self.scan.more(b'}')?;
        }
        Ok(None)
    }
}
