//! Acts of conversion that lose something, make something up or are in doubt: the closed set that config (`lossy.ACT`),
//! metrics (`json2avro_conversion_lossy_total{reason}`), refusals and docs share.
//!
//! Comes in: one act after another. Goes out: totals by act. Must never: hold names or values.

/// A lossy or doubtful act of conversion. Each is either accepted, and counted, or a reason to refuse the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// A JSON field that the schema does not have is left out.
    UnknownField,
    /// A key that is there twice: the last one counts.
    DuplicateKey,
    /// A field that the JSON does not have gets the schema's default.
    DefaultFilled,
    /// A field that the JSON does not have, nullable and without a default, becomes null.
    NullFilled,
    /// Null for a field that cannot be null becomes the field's default.
    NullReplaced,
    /// A symbol that an enum does not have becomes the enum's default.
    EnumDefault,
    /// A number that `float` or `double` cannot hold as written becomes the nearest one.
    Rounded,
    /// `1e999`, as other Avro libraries spell it, becomes infinity.
    Infinity,
    /// A decimal with more digits after the point than its scale is rounded, halves to even.
    DecimalRounded,
    /// A fraction of a second finer than the schema's unit is cut off.
    TimeTruncated,
    /// A timestamp that is one of our days only in another unit than the schema's is written as it is.
    TimestampUnit,
    /// A string that spells a number becomes that number.
    NumberFromString,
    /// A string that spells a number becomes a decimal, exactly.
    DecimalFromString,
    /// `"true"` or `"false"` becomes a boolean.
    BooleanFromString,
    /// 1 or 0 becomes a boolean.
    BooleanFromNumber,
    /// A number becomes its text.
    StringFromNumber,
    /// `true` or `false` becomes its text.
    StringFromBoolean,
    /// An object or array becomes its JSON text.
    StringFromJson,
    /// An object that could be a value of several branches of a union is taken for one of them.
    AmbiguousUnion,
}

impl Act {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 19] = [
        Self::UnknownField,
        Self::DuplicateKey,
        Self::DefaultFilled,
        Self::NullFilled,
        Self::NullReplaced,
        Self::EnumDefault,
        Self::Rounded,
        Self::Infinity,
        Self::DecimalRounded,
        Self::TimeTruncated,
        Self::TimestampUnit,
        Self::NumberFromString,
        Self::DecimalFromString,
        Self::BooleanFromString,
        Self::BooleanFromNumber,
        Self::StringFromNumber,
        Self::StringFromBoolean,
        Self::StringFromJson,
        Self::AmbiguousUnion,
    ];

    /// The word in config, metrics, headers and docs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::UnknownField => "unknown_field",
            Self::DuplicateKey => "duplicate_key",
            Self::DefaultFilled => "default_filled",
            Self::NullFilled => "null_filled",
            Self::NullReplaced => "null_replaced",
            Self::EnumDefault => "enum_default",
            Self::Rounded => "rounded",
            Self::Infinity => "infinity",
            Self::DecimalRounded => "decimal_rounded",
            Self::TimeTruncated => "time_truncated",
            Self::TimestampUnit => "timestamp_unit",
            Self::NumberFromString => "number_from_string",
            Self::DecimalFromString => "decimal_from_string",
            Self::BooleanFromString => "boolean_from_string",
            Self::BooleanFromNumber => "boolean_from_number",
            Self::StringFromNumber => "string_from_number",
            Self::StringFromBoolean => "string_from_boolean",
            Self::StringFromJson => "string_from_json",
            Self::AmbiguousUnion => "ambiguous_union",
        }
    }

    /// The act with this label.
    #[must_use]
    pub fn named(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.label() == label)
    }
}

/// A set of acts: those that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acts(u32);

impl Acts {
    /// None: whatever is lossy is refused.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self((1 << Act::ALL.len()) - 1);

    /// These, and this one.
    #[must_use]
    pub const fn with(self, act: Act) -> Self {
        Self(self.0 | 1 << act as u32)
    }

    /// These but this one.
    #[must_use]
    pub const fn without(self, act: Act) -> Self {
        Self(self.0 & !(1 << act as u32))
    }

    /// Those that are in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in this one.
    #[must_use]
    pub const fn not(self) -> Self {
        Self(!self.0 & Self::ALL.0)
    }

    /// Those that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether this one is among them.
    #[inline]
    #[must_use]
    pub const fn contains(self, act: Act) -> bool {
        self.0 & 1 << act as u32 != 0
    }
}

/// What the config accepts where nothing else is said (config/default.toml; a test holds the two together): acts after
/// which the Avro still says what the JSON said, as well as the schema's types can.
impl Default for Acts {
    fn default() -> Self {
        Self::NONE
            .with(Act::DefaultFilled)
            .with(Act::Rounded)
            .with(Act::Infinity)
            .with(Act::TimestampUnit)
            .with(Act::DecimalFromString)
            .with(Act::AmbiguousUnion)
    }
}

/// How often each act was done, over as many records as the caller likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger([u64; Act::ALL.len()]);

impl Ledger {
    /// Counts an act.
    #[inline]
    pub fn add(&mut self, act: Act, times: u64) {
        if let Some(count) = self.0.get_mut(act as usize) {
            *count += times;
        }
    }

    /// Counts all that another ledger counted.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().zip(&mut self.0).for_each(|(more, count)| *count += more);
    }

    /// How often this act was done.
    #[must_use]
    pub fn times(&self, act: Act) -> u64 {
        self.0.get(act as usize).copied().unwrap_or_default()
    }

    /// Every act's label with its count, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        Act::ALL.into_iter().map(Act::label).zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, Acts};

    #[test]
    fn every_act_has_its_number_and_its_name() {
        let mut all = Acts::NONE;
        for (index, act) in Act::ALL.into_iter().enumerate() {
            assert_eq!(act as usize, index);
            assert_eq!(Act::named(act.label()), Some(act));
            assert!(!all.contains(act), "{act:?}");
            all = all.with(act);
            assert!(all.contains(act) && !Acts::ALL.without(act).contains(act), "{act:?}");
        }
        assert_eq!(all, Acts::ALL);
    }
}
