//! JSON bytes -> Avro bytes by a plan compiled once per schema. PURE.
//!
//! Comes in: a schema's text and those it refers to, then JSON bytes. Goes out: Avro bytes appended to the caller's
//! buffer, and a ledger of what was lost or filled in. Must never: do I/O, read a clock, log, panic, allocate per record.
//!
//! Reading order: `plan` (what a schema is compiled to) <- `schema` (over `source`), `logical` and `default` (the
//! compiler), `settings` (what the options make of it: `place`, `pointer`, `names`, `timed`, `discriminator`); `scan`,
//! `number`, `integral` and `nearest` (JSON, byte by byte, over `simd`), `writer` and `order` (Avro, field by field); `encode` walks a
//! plan over JSON with `record` (and the `keys` that it expects), `collection`, `text`, `bytes`, `duration`, `decimal`,
//! `big_decimal`, `time`, `union` and `tagged` for the types of those names, and `coerce` for values of another kind;
//! `refusal` (in the words of `describe`) and `ledger` say how it went; `decode` and `spell` are the way back.
//!
//! What JSON is taken for which type: `config/conversion.md`.

mod big_decimal;
mod bytes;
mod coerce;
mod collection;
mod decimal;
mod decode;
mod default;
mod describe;
mod discriminator;
mod duration;
mod encode;
mod integral;
mod keys;
mod ledger;
mod logical;
mod names;
mod nearest;
mod number;
mod order;
mod place;
mod plan;
mod pointer;
mod record;
mod refusal;
mod scan;
mod schema;
mod settings;
mod simd;
mod source;
mod spell;
mod table;
mod tagged;
mod text;
mod time;
mod timed;
mod union;
mod writer;

pub use decode::{DecodeError, decode};
pub use encode::Encoder;
pub use ledger::{Act, Acts, Ledger};
pub use place::{Path, Place, Setting};
pub use plan::Plan;
pub use pointer::Pointer;
pub use refusal::Refusal;
pub use schema::SchemaError;

/// How JSON is read against a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The lossy and doubtful acts that are accepted, and counted; any other is a refusal.
    pub lossy: Acts,
    /// How JSON says which branch of a union a value is of.
    pub unions: Unions,
    /// What a string for `bytes` or `fixed` holds.
    pub bytes: BytesText,
    /// Which keys are a field, beside its name.
    pub names: Names,
    /// Whether a field's aliases in the schema are its names, too.
    pub aliases: bool,
    /// Where in the document the value is that is encoded; all else in it is passed over.
    pub root: Pointer,
    /// What single places of the schema have for themselves.
    pub places: Vec<Place>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lossy: Acts::default(),
            unions: Unions::Plain,
            bytes: BytesText::Latin1,
            names: Names::Exact,
            aliases: false,
            root: Pointer::default(),
            places: Vec::new(),
        }
    }
}

/// What a string for `bytes` or `fixed` holds. Defaults in schemas are always Latin-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesText {
    /// Each character up to U+00FF is one byte: Avro's own JSON encoding.
    Latin1,
    /// Base64 (RFC 4648), the standard or the URL alphabet, padded or not.
    Base64,
    /// Two hexadecimal digits a byte, in either case.
    Hex,
    /// The text's UTF-8.
    Utf8,
}

/// Which keys are a field, beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// None.
    Exact,
    /// Its name in other case (ASCII letters).
    AnyCase,
    /// Its name in other case, with or without `_` and `-`: `orderId`, `order_id`, `ORDER-ID`.
    AnyStyle,
}

/// How JSON says which branch of a union a value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unions {
    /// Not at all: the value alone tells, as ordinary producers write.
    Plain,
    /// By the branch's name around the value, `{"string":"x"}`: Avro's own JSON encoding.
    Tagged,
    /// Either, from value to value.
    Auto,
}

/// Containers inside one another, in JSON and in Avro: deeper is a refusal, whatever the schema says.
const MAX_DEPTH: u32 = 128;
