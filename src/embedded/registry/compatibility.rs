//! Whether data of one schema can be read by another: the specification's "Schema Resolution", decided for all data at
//! once, as Avro Java's `SchemaCompatibility` and hence Confluent's registry decide it.
//!
//! Why not apache-avro's `SchemaCompatibility`: it knows no aliases of named types, compares a name with the definition
//! it stands for as different types, tells decimals of unlike scale apart, and has no list of what is wrong.
//!
//! Two records may refer to each other and themselves, so whether one reads another is the greatest fixed point: every
//! pair is readable until shown otherwise, and whoever relied on it is looked at again. No recursion goes through a
//! named type, since a schema may chain thousands of them.
//!
//! Comes in: two schemas. Goes out: the differences that stand between them. Must never: run without a bound.

use super::difference::{Difference, Kind};
use super::schema::{Definition, Field, Named, Primitive, Schema, Type};
use std::collections::{HashMap, HashSet};

/// The most comparisons of two types; a hostile pair of schemas could ask for billions.
const MOST_WORK: usize = 500_000;
/// The most differences that are told.
const MOST_DIFFERENCES: usize = 100;

/// What keeps `reader` from reading data of `writer`; nothing where it reads all of it.
pub(super) fn differences(reader: &Schema, writer: &Schema) -> Vec<Difference> {
    let mut comparison = Comparison {
        reader,
        writer,
        readable: HashMap::new(),
        relying: HashMap::new(),
        pending: vec![ROOT],
        looking_at: ROOT,
        paths: Vec::new(),
        work: 0,
    };
    comparison.decide();
    let found = comparison.report();
    if comparison.work > MOST_WORK {
        let detail = "the two schemas are too large to be compared".to_owned();
        return vec![Difference { kind: None, path: String::new(), detail }];
    }
    found
}

/// A reader's record and a writer's, by their places.
type Pair = (usize, usize);
/// The two schemas themselves, which rely on pairs as records do.
const ROOT: Pair = (usize::MAX, usize::MAX);
/// A place in `paths`; none is the root.
type Path = Option<usize>;

#[derive(Clone, Copy, Debug)]
enum Step {
    Word(&'static str),
    Index(usize),
}

/// What comparing two types comes to.
enum Outcome {
    Different {
        kind: Option<Kind>,
        at: Path,
        detail: String,
    },
    /// As these two records.
    Records(Pair, Path),
}

struct Comparison<'a> {
    reader: &'a Schema,
    writer: &'a Schema,
    readable: HashMap<Pair, bool>,
    /// The pairs to look at again when a pair turns out not to be readable.
    relying: HashMap<Pair, Vec<Pair>>,
    pending: Vec<Pair>,
    looking_at: Pair,
    /// Steps into the reader's schema, each with the one before it: a chain of records would make copies long.
    paths: Vec<(Path, Step)>,
    work: usize,
}

impl<'a> Comparison<'a> {
    /// Finds which pairs of records are readable.
    fn decide(&mut self) {
        while let Some(pair) = self.pending.pop() {
            if self.work > MOST_WORK {
                return;
            }
            if self.readable.get(&pair) == Some(&false) {
                continue;
            }
            self.looking_at = pair;
            let steps = self.paths.len();
            let mut outcomes = Vec::new();
            self.look(pair, None, &mut outcomes);
            self.paths.truncate(steps);
            if !self.all_readable(&outcomes) {
                self.readable.insert(pair, false);
                self.pending.extend(self.relying.remove(&pair).unwrap_or_default());
            }
        }
    }

    /// Collects the differences, in the order of the reader's schema.
    fn report(&mut self) -> Vec<Difference> {
        let mut found = Vec::new();
        let mut told = HashSet::new();
        let mut stack = vec![Outcome::Records(ROOT, None)];
        while let Some(outcome) = stack.pop() {
            if found.len() >= MOST_DIFFERENCES || self.work > MOST_WORK {
                break;
            }
            match outcome {
                Outcome::Different { kind, at, detail } => {
                    found.push(Difference { kind, path: self.render(at), detail });
                }
                Outcome::Records(pair, at) => {
                    if self.readable.get(&pair) == Some(&false) && told.insert(pair) {
                        let mut outcomes = Vec::new();
                        self.look(pair, at, &mut outcomes);
                        stack.extend(outcomes.into_iter().rev());
                    }
                }
            }
        }
        found
    }

    /// Whether a type reads another, as far as is known.
    fn reads(&mut self, reader: &'a Type, writer: &'a Type) -> bool {
        let steps = self.paths.len();
        let mut outcomes = Vec::new();
        self.compare(reader, writer, None, &mut outcomes);
        self.paths.truncate(steps);
        self.all_readable(&outcomes)
    }

    fn all_readable(&mut self, outcomes: &[Outcome]) -> bool {
        let mut all = true;
        for outcome in outcomes {
            all &= match outcome {
                Outcome::Different { .. } => false,
                Outcome::Records(pair, _) => self.assume(*pair),
            };
        }
        all
    }

    fn assume(&mut self, pair: Pair) -> bool {
        let readable = self.readable.get(&pair).copied().unwrap_or_else(|| {
            // Names apart, there is nothing to look at.
            let possible = self.pair(pair).is_some_and(|(reader, writer)| agree(reader, writer));
            self.readable.insert(pair, possible);
            if possible {
                self.pending.push(pair);
            }
            possible
        });
        if readable {
            self.relying.entry(pair).or_default().push(self.looking_at);
        }
        readable
    }

    fn look(&mut self, pair: Pair, at: Path, outcomes: &mut Vec<Outcome>) {
        if pair == ROOT {
            let (reader, writer) = (self.reader, self.writer);
            self.compare(&reader.root, &writer.root, at, outcomes);
        } else {
            self.records(pair, at, outcomes);
        }
    }

    fn compare(&mut self, reader: &'a Type, writer: &'a Type, at: Path, outcomes: &mut Vec<Outcome>) {
        self.work += 1;
        if self.work > MOST_WORK {
            return;
        }
        match (reader, writer) {
            (Type::Array(reader), Type::Array(writer)) => {
                let at = self.step(at, Step::Word("items"));
                self.compare(reader, writer, at, outcomes);
            }
            (Type::Map(reader), Type::Map(writer)) => {
                let at = self.step(at, Step::Word("values"));
                self.compare(reader, writer, at, outcomes);
            }
            (Type::Union(_), Type::Union(branches)) => {
                for (index, branch) in branches.iter().enumerate() {
                    if !self.reads(reader, branch) {
                        let at = self.step(at, Step::Index(index));
                        outcomes.push(self.lacking(branch, at));
                    }
                }
            }
            (_, Type::Union(branches)) => {
                for (index, branch) in branches.iter().enumerate() {
                    let at = self.step(at, Step::Index(index));
                    self.compare(reader, branch, at, outcomes);
                }
            }
            (Type::Union(branches), _) => {
                if !branches.iter().any(|branch| self.reads(branch, writer)) {
                    outcomes.push(self.lacking(writer, at));
                }
            }
            (Type::Primitive(reader), Type::Primitive(writer)) if promotes(*writer, *reader) => {}
            (Type::Named(reader_place), Type::Named(writer_place)) => {
                self.named((*reader_place, *writer_place), (reader, writer), at, outcomes);
            }
            _ => outcomes.push(self.mismatch(reader, writer, at)),
        }
    }

    fn named(&mut self, pair: Pair, types: (&Type, &Type), at: Path, outcomes: &mut Vec<Outcome>) {
        let Some((reader, writer)) = self.pair(pair) else { return };
        match (&reader.definition, &writer.definition) {
            (Definition::Record { .. }, Definition::Record { .. }) => outcomes.push(Outcome::Records(pair, at)),
            (Definition::Fixed { size: found }, Definition::Fixed { size: expected }) => {
                self.name(reader, writer, at, outcomes);
                if found != expected {
                    let (at, detail) =
                        (self.step(at, Step::Word("size")), format!("expected: {expected}, found: {found}"));
                    outcomes.push(Outcome::Different { kind: Some(Kind::FixedSize), at, detail });
                }
            }
            (Definition::Enum { symbols: known, has_default }, Definition::Enum { symbols: written, .. }) => {
                self.name(reader, writer, at, outcomes);
                let known: HashSet<&String> = known.iter().collect();
                let mut missing: Vec<&str> =
                    written.iter().filter(|symbol| !known.contains(symbol)).map(String::as_str).collect();
                if !missing.is_empty() && !has_default {
                    missing.sort_unstable();
                    let (at, detail) = (self.step(at, Step::Word("symbols")), format!("[{}]", missing.join(", ")));
                    outcomes.push(Outcome::Different { kind: Some(Kind::EnumSymbols), at, detail });
                }
            }
            _ => outcomes.push(self.mismatch(types.0, types.1, at)),
        }
    }

    fn records(&mut self, pair: Pair, at: Path, outcomes: &mut Vec<Outcome>) {
        let Some((reader, writer)) = self.pair(pair) else { return };
        let (Definition::Record { fields, .. }, Definition::Record { fields: written, positions }) =
            (&reader.definition, &writer.definition)
        else {
            return;
        };
        self.name(reader, writer, at, outcomes);
        for (index, field) in fields.iter().enumerate() {
            self.work += 1;
            let names = std::iter::once(&field.name).chain(&field.aliases);
            let sources: HashSet<usize> = names.filter_map(|name| positions.get(name).copied()).collect();
            let source = sources.iter().next().and_then(|source| written.get(*source));
            match source {
                Some(source) if sources.len() == 1 => {
                    let at = self.field(at, index);
                    let at = self.step(at, Step::Word("type"));
                    self.compare(&field.schema, &source.schema, at, outcomes);
                }
                Some(_) => outcomes.push(self.ambiguous(field, writer, at)),
                None if field.has_default => {}
                None => {
                    let (at, detail) = (self.field(at, index), field.name.clone());
                    outcomes.push(Outcome::Different { kind: Some(Kind::MissingDefault), at, detail });
                }
            }
        }
    }

    fn pair(&self, (reader, writer): Pair) -> Option<(&'a Named, &'a Named)> {
        Some((self.reader.named.get(reader)?, self.writer.named.get(writer)?))
    }

    fn name(&mut self, reader: &Named, writer: &Named, at: Path, outcomes: &mut Vec<Outcome>) {
        if !agree(reader, writer) {
            let (at, detail) = (self.step(at, Step::Word("name")), format!("expected: {}", writer.name.full()));
            outcomes.push(Outcome::Different { kind: Some(Kind::Name), at, detail });
        }
    }

    fn ambiguous(&self, field: &Field, writer: &Named, at: Path) -> Outcome {
        let detail = format!(
            "Reader record field {} matches multiple fields in writer record schema {}",
            field.name,
            writer.name.full()
        );
        Outcome::Different { kind: None, at, detail }
    }

    fn mismatch(&self, reader: &Type, writer: &Type, at: Path) -> Outcome {
        let (reader, writer) = (kind_of(self.reader, reader), kind_of(self.writer, writer));
        let detail = format!("reader type: {reader} not compatible with writer type: {writer}");
        Outcome::Different { kind: Some(Kind::Type), at, detail }
    }

    fn lacking(&self, writer: &Type, at: Path) -> Outcome {
        let detail = format!("reader union lacking writer type: {}", kind_of(self.writer, writer));
        Outcome::Different { kind: Some(Kind::UnionBranch), at, detail }
    }

    fn field(&mut self, at: Path, index: usize) -> Path {
        let fields = self.step(at, Step::Word("fields"));
        self.step(fields, Step::Index(index))
    }

    fn step(&mut self, from: Path, to: Step) -> Path {
        self.paths.push((from, to));
        Some(self.paths.len() - 1)
    }

    fn render(&self, at: Path) -> String {
        let mut steps = Vec::new();
        let mut next = at;
        while let Some((from, step)) = next.and_then(|at| self.paths.get(at)) {
            steps.push(match step {
                Step::Word(word) => (*word).to_owned(),
                Step::Index(index) => index.to_string(),
            });
            next = *from;
        }
        steps.reverse();
        format!("/{}", steps.join("/"))
    }
}

/// The unqualified names must agree, or an alias of the reader's type name the writer's in full.
fn agree(reader: &Named, writer: &Named) -> bool {
    reader.name.own == writer.name.own || reader.aliases.contains(&writer.name.full())
}

/// Whether a value of one primitive type can be read as another.
fn promotes(writer: Primitive, reader: Primitive) -> bool {
    use Primitive::{Bytes, Double, Float, Int, Long, String};
    writer == reader
        || matches!(
            (writer, reader),
            (Int, Long | Float | Double) | (Long, Float | Double) | (Float, Double) | (String, Bytes) | (Bytes, String)
        )
}

/// Avro Java's word for a type's kind.
fn kind_of(schema: &Schema, of: &Type) -> &'static str {
    match of {
        Type::Array(_) => "ARRAY",
        Type::Map(_) => "MAP",
        Type::Union(_) => "UNION",
        Type::Named(place) => match schema.named.get(*place).map(|named| &named.definition) {
            Some(Definition::Enum { .. }) => "ENUM",
            Some(Definition::Fixed { .. }) => "FIXED",
            Some(Definition::Record { .. } | Definition::Pending) | None => "RECORD",
        },
        Type::Primitive(primitive) => match primitive {
            Primitive::Null => "NULL",
            Primitive::Boolean => "BOOLEAN",
            Primitive::Int => "INT",
            Primitive::Long => "LONG",
            Primitive::Float => "FLOAT",
            Primitive::Double => "DOUBLE",
            Primitive::Bytes => "BYTES",
            Primitive::String => "STRING",
        },
    }
}
