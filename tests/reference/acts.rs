//! Lossy acts by their labels, and sets of them.
//!
//! Comes in: labels as config/default.toml has them. Goes out: which of them are accepted.

/// Every act.
pub(crate) const ACTS: [&str; 19] = [
    "unknown_field",
    "duplicate_key",
    "default_filled",
    "null_filled",
    "null_replaced",
    "enum_default",
    "rounded",
    "infinity",
    "decimal_rounded",
    "time_truncated",
    "timestamp_unit",
    "number_from_string",
    "decimal_from_string",
    "boolean_from_string",
    "boolean_from_number",
    "string_from_number",
    "string_from_boolean",
    "string_from_json",
    "ambiguous_union",
];

/// A set of acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acts([bool; ACTS.len()]);

impl Acts {
    pub(crate) const ALL: Self = Self([true; ACTS.len()]);

    pub(crate) fn of(labels: &[&str]) -> Self {
        Self(ACTS.map(|act| labels.contains(&act)))
    }

    pub(crate) fn contains(self, label: &str) -> bool {
        self.labels().any(|act| act == label)
    }

    pub(crate) fn labels(self) -> impl Iterator<Item = &'static str> {
        ACTS.into_iter().zip(self.0).filter_map(|(act, there)| there.then_some(act))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        self.pairs(other, |one, other| one && other)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        self.pairs(other, |one, other| one || other)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        self.pairs(other, |one, other| one && !other)
    }

    fn pairs(self, other: Self, join: impl Fn(bool, bool) -> bool) -> Self {
        Self(std::array::from_fn(|index| join(self.0[index], other.0[index])))
    }
}
