//! The walk: a plan over JSON, once, front to back.
//!
//! Comes in: JSON bytes. Goes out: one Avro datum appended to the caller's buffer, the ledger's counts, or a refusal.
//! Must never: build a tree, allocate once its memory has grown, leave half a datum behind.

use super::keys::Keys;
use super::ledger::{Act, Acts, Ledger};
use super::plan::{Accepting, Field, Node, Nullable, Plan};
use super::pointer::Pointer;
use super::refusal::{Expected, Failure, Halt, Reason, Refusal, Segment};
use super::scan::Scanner;
use super::writer::{Writer, WriterMemory};
use super::{Options, Unions};
use std::sync::Arc;

/// The longest datum: a record batch's size is an `int32`. Only defaults can make one much longer than its JSON.
const MAX_DATUM: usize = i32::MAX as usize;

/// Encodes records by one plan. One per lane: it remembers key order and reuses its memory.
#[derive(Debug)]
pub struct Encoder {
    plan: Arc<Plan>,
    memory: Memory,
    most_bytes: usize,
}

impl Encoder {
    /// An encoder by this plan.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let memory = Memory::new(&plan);
        Self { plan, memory, most_bytes: usize::MAX }
    }

    /// Gives up a datum that grows beyond so many bytes, soon after it did: defaults can make it a multiple of its JSON.
    #[must_use]
    pub fn at_most(self, most_bytes: usize) -> Self {
        Self { most_bytes, ..self }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Appends one JSON document as one Avro datum and adds what was lossy about it to the ledger.
    ///
    /// # Errors
    /// When the bytes are no JSON or do not fit the schema; then `out` and the ledger are as before.
    pub fn encode(&mut self, json: &[u8], out: &mut Vec<u8>, ledger: &mut Ledger) -> Result<(), Refusal> {
        let most = out.len().saturating_add(self.most_bytes);
        match self.memory.encode(&self.plan, Task::record(&self.plan), json, out, most) {
            Ok(()) => {
                self.memory.noted.iter().for_each(|noted| ledger.add(noted.act, noted.times));
                Ok(())
            }
            Err(stop) => Err(self.memory.refusal(&self.plan, json, &stop)),
        }
    }
}

/// What is reused from record to record.
#[derive(Debug)]
pub(super) struct Memory {
    keys: Keys,
    writer: WriterMemory,
    unescaped: Vec<u8>,
    /// The lossy acts of the last value.
    pub(super) noted: Vec<Noted>,
    given: Vec<bool>,
    /// The path of the last failure, innermost segment first.
    pub(super) path: Vec<Segment>,
}

impl Memory {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            keys: Keys::new(plan),
            writer: WriterMemory::default(),
            unescaped: Vec::new(),
            noted: Vec::new(),
            given: Vec::new(),
            path: Vec::new(),
        }
    }

    /// Appends one value, to no more than about `most` bytes in all; on failure `out` is as before.
    pub(super) fn encode<'a>(
        &mut self,
        plan: &'a Plan,
        task: Task<'a>,
        json: &'a [u8],
        out: &mut Vec<u8>,
        most: usize,
    ) -> Result<(), Failure<'a>> {
        self.path.clear();
        self.noted.clear();
        self.writer.clear();
        let entry = out.len();
        let mut walk = Walk {
            plan,
            scan: Scanner::new(json, &mut self.unescaped),
            writer: Writer { out: std::mem::take(out), memory: &mut self.writer },
            keys: &mut self.keys,
            path: &mut self.path,
            noted: &mut self.noted,
            given: &mut self.given,
            accepted: task.accepted,
            allowed: task.allowed,
            doubts: true,
            unions: task.unions,
            most: most.min(MAX_DATUM),
            effort: json.len().saturating_mul(32).saturating_add(1 << 16),
        };
        let (passed, failure) = (walk.document(task.node, task.root), walk.scan.failure);
        *out = walk.writer.out;
        if passed.is_ok() {
            return Ok(());
        }
        out.truncate(entry);
        // Strings were checked one by one, up to the mistake; what is no UTF-8 is told before any other.
        if let Err(error) = simdutf8::compat::from_utf8(json) {
            self.path.clear();
            let (reason, expected) = (Reason::InvalidUtf8, Expected::Text("UTF-8"));
            return Err(Failure { reason, offset: error.valid_up_to(), expected });
        }
        let nowhere = Failure { reason: Reason::Syntax, offset: 0, expected: Expected::Text("a value") };
        Err(failure.unwrap_or(nowhere))
    }

    /// Writes out a failure. Bytes that are no JSON are refused as such, even if a value before the mistake did not fit.
    fn refusal(&mut self, plan: &Plan, json: &[u8], failure: &Failure<'_>) -> Refusal {
        if failure.reason.stage() == crate::fault::Stage::Convert {
            let mut scan = Scanner::new(json, &mut self.unescaped);
            if let (Err(Halt), Some(malformed)) = (scan.skip_document(), scan.failure) {
                return Refusal::new(plan, json, &malformed, &[]);
            }
        }
        Refusal::new(plan, json, failure, &self.path)
    }
}

/// What one document is encoded as.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) node: &'a Node,
    /// Where the value is in the document.
    pub(super) root: &'a Pointer,
    pub(super) unions: Unions,
    pub(super) accepted: Acts,
    /// Those that are accepted anywhere.
    pub(super) allowed: Acts,
}

impl<'a> Task<'a> {
    fn record(plan: &'a Plan) -> Self {
        let Options { root, unions, lossy, .. } = &plan.options;
        Self { node: &plan.root, root, unions: *unions, accepted: *lossy, allowed: plan.allowed }
    }
}

/// A lossy act that was done, so many times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted {
    act: Act,
    times: u64,
}

/// One document on its way from JSON to Avro.
#[derive(Debug)]
pub(super) struct Walk<'a, 'm> {
    pub(super) plan: &'a Plan,
    pub(super) scan: Scanner<'a, 'm>,
    pub(super) writer: Writer<'m>,
    pub(super) keys: &'m mut Keys,
    pub(super) path: &'m mut Vec<Segment>,
    pub(super) noted: &'m mut Vec<Noted>,
    /// Which fields of a record were given, where that is asked afterwards.
    pub(super) given: &'m mut Vec<bool>,
    /// The lossy acts that are accepted just now.
    pub(super) accepted: Acts,
    /// Those that could be, whatever a place says: while a union's branch is looked for, not all.
    pub(super) allowed: Acts,
    /// Whether it matters that an object could be of several branches: not while that is being asked.
    pub(super) doubts: bool,
    /// How a union's branch is told in this document.
    pub(super) unions: Unions,
    /// The output may hold so many bytes.
    pub(super) most: usize,
    /// Bytes that may still be read in vain by attempts at union branches.
    pub(super) effort: usize,
}

impl<'a> Walk<'a, '_> {
    fn document(&mut self, node: &'a Node, root: &'a Pointer) -> Result<(), Halt> {
        self.scan.white_space();
        if self.scan.at == self.scan.json.len() {
            return self.scan.fail(Reason::Empty, self.scan.at, Expected::Type(node));
        }
        if root.is_whole() {
            self.value(node)?
        } else {
            self.pointed(node, root.tokens())?
        }
        self.scan.end()
    }

    /// Passes one JSON value and appends it as a value of this type.
    pub(super) fn value(&mut self, node: &'a Node) -> Result<(), Halt> {
        match node {
            Node::String => self.string(node),
            Node::Nullable(nullable) => self.nullable(nullable, node),
            Node::Int(Some(logical)) => self.time(*logical, true, node),
            Node::Long(Some(logical)) => self.time(*logical, false, node),
            Node::Long(None) => self.long(node),
            Node::Int(None) => self.int(node),
            Node::Boolean => self.boolean(node),
            Node::Double => self.double(node),
            Node::Float => self.float(node),
            Node::Null if self.scan.peek() == b'n' => self.scan.literal("null"),
            Node::Null => self.scan.mismatch(node),
            Node::Record(index) => self.record(*index, node),
            Node::Array(items) => self.array(items, node),
            Node::Map(values) => self.map(values, node),
            Node::Enum(symbols) => self.symbol(symbols, node),
            Node::Union(union) => self.union(union, node),
            Node::Tagged(tagged) => self.tagged(tagged, node),
            Node::Bytes(text) => self.bytes(*text, node),
            Node::Fixed(fixed) => self.fixed(fixed, node),
            Node::Uuid => self.uuid(node),
            Node::Decimal(decimal) => self.decimal(decimal, node),
            Node::BigDecimal => self.big_decimal(node),
            Node::Timed(timed) => self.timed(timed, node),
            Node::Named(named) => self.named(named, node),
            Node::Accepting(accepting) => self.accepting(accepting),
        }
    }

    #[inline(always)]
    pub(super) fn nullable(&mut self, nullable: &'a Nullable, node: &'a Node) -> Result<(), Halt> {
        if self.scan.peek() == b'n' {
            self.writer.byte(nullable.null_tag());
            return self.scan.literal("null");
        }
        self.writer.byte(nullable.value_tag());
        let start = self.scan.at;
        let passed = match &*nullable.value {
            Node::String => self.string(&nullable.value),
            value => self.value(value),
        };
        passed.inspect_err(|_| {
            // It is the union that has no such type, not its other branch.
            if let Some(failure) = &mut self.scan.failure
                && (failure.reason, failure.offset) == (Reason::WrongType, start)
            {
                failure.expected = Expected::Type(node);
            }
        })
    }

    #[inline(always)]
    pub(super) fn long(&mut self, node: &'a Node) -> Result<(), Halt> {
        let Ok(value) = self.scan.integer(node) else { return self.coerce(node) };
        self.writer.long(value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn double(&mut self, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let Ok((value, act)) = self.scan.double(node) else { return self.coerce(node) };
        self.writer.out.extend_from_slice(&value.to_le_bytes());
        match act {
            Some(act) => self.note(act, start, node),
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn float(&mut self, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let Ok((value, act)) = self.scan.float(node) else { return self.coerce(node) };
        self.writer.out.extend_from_slice(&value.to_le_bytes());
        match act {
            Some(act) => self.note(act, start, node),
            None => Ok(()),
        }
    }

    #[inline(always)]
    pub(super) fn int(&mut self, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let Ok(value) = self.scan.integer(node) else { return self.coerce(node) };
        if i32::try_from(value).is_err() {
            return self.scan.fail(Reason::OutOfRange, start, Expected::Type(node));
        }
        self.writer.long(value);
        Ok(())
    }

    #[inline]
    fn boolean(&mut self, node: &'a Node) -> Result<(), Halt> {
        match self.scan.peek() {
            b't' => {
                self.writer.byte(1);
                self.scan.literal("true")
            }
            b'f' => {
                self.writer.byte(0);
                self.scan.literal("false")
            }
            _ => self.other_kind(node),
        }
    }

    /// Called behind each element, and each record that defaults were filled into: what grows the output without JSON. So it
    /// is bounded by the limit and the defaults of one record, or by the JSON.
    #[inline]
    pub(super) fn bounded(&mut self) -> Result<(), Halt> {
        if self.writer.out.len() <= self.most {
            return Ok(());
        }
        self.scan.fail(Reason::TooLarge, self.scan.at, Expected::Text("no more Avro than the limit allows"))
    }

    /// Notes a lossy act, or refuses the record for it: the value stands at `start`.
    #[inline]
    pub(super) fn note(&mut self, act: Act, start: usize, node: &'a Node) -> Result<(), Halt> {
        self.note_times(act, 1, start, node)
    }

    #[inline]
    pub(super) fn note_times(&mut self, act: Act, times: u64, start: usize, node: &'a Node) -> Result<(), Halt> {
        if !self.accepted.contains(act) {
            return self.scan.fail(Reason::Act(act), start, Expected::Type(node));
        }
        self.noted.push(Noted { act, times });
        Ok(())
    }

    /// What is accepted in one place.
    fn accepting(&mut self, accepting: &'a Accepting) -> Result<(), Halt> {
        let within = self.accepted_within(accepting);
        let around = std::mem::replace(&mut self.accepted, within);
        let passed = self.value(&accepting.node);
        self.accepted = around;
        passed
    }

    fn accepted_within(&self, accepting: &Accepting) -> Acts {
        self.accepted.or(accepting.accepted).and(accepting.refused.not()).and(self.allowed)
    }

    /// Notes an act whose place is a field, or refuses the record for it, as the field's own place has it.
    pub(super) fn note_at(&mut self, field: &'a Field, act: Act, start: usize) -> Result<(), Halt> {
        let around = self.accepted;
        let mut node = &field.node;
        while let Node::Accepting(accepting) = node {
            self.accepted = self.accepted_within(accepting);
            node = &accepting.node;
        }
        let noted = self.note(act, start, node);
        self.accepted = around;
        noted
    }
}
