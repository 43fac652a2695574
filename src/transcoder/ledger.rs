//! What a conversion lost or filled in.
//!
//! Comes in: one count per lossy act. Goes out: totals by label, the `reason` of `json2avro_conversion_lossy_total`.
//! Must never: hold names or values.

/// Counts of lossy acts, over as many records as the caller likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// JSON fields left out because the schema does not have them.
    pub unknown_field: u64,
    /// Avro fields filled with the schema's default because the JSON did not have them.
    pub default_filled: u64,
    /// Numbers that `float` or `double` could not hold as written.
    pub rounded: u64,
    /// Objects that named a union's branch and could also have been a value without a name.
    pub ambiguous_union: u64,
    /// Timestamps that are one of our days only in another unit than the schema's.
    pub timestamp_unit: u64,
}

impl Ledger {
    /// Adds another ledger's counts.
    pub fn add(&mut self, other: &Self) {
        self.unknown_field += other.unknown_field;
        self.default_filled += other.default_filled;
        self.rounded += other.rounded;
        self.ambiguous_union += other.ambiguous_union;
        self.timestamp_unit += other.timestamp_unit;
    }

    /// Every label with its count, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        [
            ("unknown_field", self.unknown_field),
            ("default_filled", self.default_filled),
            ("rounded", self.rounded),
            ("ambiguous_union", self.ambiguous_union),
            ("timestamp_unit", self.timestamp_unit),
        ]
        .into_iter()
    }
}
