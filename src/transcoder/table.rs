//! Names -> index: a small open-addressing table, filled once when a schema is compiled.
//!
//! Comes in: field names or enum symbols in schema order. Goes out: the index of a name. Must never: grow or allocate
//! after it is built.

const EMPTY: u32 = u32::MAX;

/// Names with their index in schema order.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    mask: usize,
    slots: Vec<u32>,
    names: Vec<Box<str>>,
}

impl Table {
    /// A table of names, all different.
    pub(super) fn new(names: Vec<Box<str>>) -> Self {
        // A quarter full at most, so that a miss is decided after about one look.
        let slots = (names.len() * 4).next_power_of_two().max(8);
        let mut table = Self { mask: slots - 1, slots: vec![EMPTY; slots], names: Vec::new() };
        for (index, name) in (0u32..).zip(&names) {
            let mut slot = hash(name.as_bytes()) & table.mask;
            while table.slots.get(slot).is_some_and(|taken| *taken != EMPTY) {
                slot = (slot + 1) & table.mask;
            }
            if let Some(free) = table.slots.get_mut(slot) {
                *free = index;
            }
        }
        table.names = names;
        table
    }

    /// The index of a name.
    #[inline]
    pub(super) fn get(&self, name: &[u8]) -> Option<usize> {
        let mut slot = hash(name) & self.mask;
        loop {
            let index = *self.slots.get(slot)? as usize;
            // An empty slot's index is past the end of the names.
            if self.names.get(index)?.as_bytes() == name {
                return Some(index);
            }
            slot = (slot + 1) & self.mask;
        }
    }

    /// The names in schema order.
    pub(super) fn names(&self) -> &[Box<str>] {
        &self.names
    }
}

/// Length, first and last bytes: enough to tell the names of one schema apart, and quick.
#[inline]
fn hash(name: &[u8]) -> usize {
    let (head, tail) = if let (Some(head), Some(tail)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)))
    } else if let ([first, ..], [.., last]) = (name, name) {
        let middle = name.get(name.len() / 2).copied().unwrap_or(0);
        (u64::from(*first) | u64::from(middle) << 8, u64::from(*last))
    } else {
        (0, 0)
    };
    let mixed = (head ^ tail.rotate_left(29) ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn every_name_is_found_and_nothing_else() {
        let names: Vec<Box<str>> =
            (0..3000).map(|n| format!("{}{n}", "x".repeat(n % 13)).into()).chain(["".into(), "é".into()]).collect();
        let table = Table::new(names.clone());
        for (index, name) in names.iter().enumerate() {
            assert_eq!(table.get(name.as_bytes()), Some(index), "{name}");
        }
        for absent in ["y", "x", "xxxxxxxxxxxxx", "ab", "3000"] {
            assert_eq!(table.get(absent.as_bytes()), None, "{absent}");
        }
        assert_eq!(Table::default().get(b"a"), None);
    }
}
