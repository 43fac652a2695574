//! Other keys for a record's fields than their names: aliases, other case, other style.
//!
//! Comes in: a record's fields and the options. Goes out: the field of a key that is none of the names. Must never: let one
//! key be two fields.

use super::Names;
use super::plan::Field;
use super::table::Table;

/// The longest key that is compared in another style.
const LONGEST: usize = 128;

/// What else is a field of one record.
#[derive(Clone, Debug, Default)]
pub(super) struct OtherNames {
    style: Option<Names>,
    spelt: Table,
    fields: Vec<usize>,
}

impl OtherNames {
    /// The other names of these fields.
    ///
    /// # Errors
    /// When two fields would have one name: that name.
    pub(super) fn new(fields: &[Field], style: Names, aliases: bool) -> Result<Self, String> {
        let mut own: Vec<(Box<str>, usize)> = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let aliases = field.aliases.iter().filter(|_| aliases).map(|alias| &**alias);
            for name in aliases.chain((style != Names::Exact).then_some(&*field.key)) {
                let mut folded = [0; LONGEST];
                let Some(folded) = fold(name.as_bytes(), style, &mut folded) else { continue };
                let folded = String::from_utf8_lossy(folded).into_owned().into_boxed_str();
                match own.iter().find(|(other, _)| *other == folded) {
                    Some((_, other)) if *other != index => return Err(name.to_owned()),
                    Some(_) => {}
                    None => own.push((folded, index)),
                }
            }
        }
        // An alias may be the name of another field; that field's key it stays.
        let (spelt, fields) = own.into_iter().unzip();
        Ok(Self { style: Some(style), spelt: Table::new(spelt), fields })
    }

    /// The field that this key is by another name.
    pub(super) fn get(&self, key: &[u8]) -> Option<usize> {
        let mut folded = [0; LONGEST];
        let folded = fold(key, self.style?, &mut folded)?;
        self.fields.get(self.spelt.get(folded)?).copied()
    }
}

/// A key as it is compared; none if it is too long.
fn fold<'f>(key: &[u8], style: Names, folded: &'f mut [u8; LONGEST]) -> Option<&'f [u8]> {
    let mut length = 0;
    for byte in key {
        if style == Names::AnyStyle && matches!(byte, b'_' | b'-') {
            continue;
        }
        *folded.get_mut(length)? = if style == Names::Exact { *byte } else { byte.to_ascii_lowercase() };
        length += 1;
    }
    folded.get(..length)
}
