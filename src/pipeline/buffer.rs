//! The bytes of the record in hand that were re-encoded.
//!
//! Comes in: a record's halves and their route. Goes out: for each half, which bytes it is written with. Must never:
//! allocate for a record that goes well, once it has grown.

use super::refusal::Refusal;
use super::route::Route;
use crate::config::Part;
use crate::kafka::record::Record;
use crate::transcoder::Ledger;

/// The re-encoded key, behind it the re-encoded value.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    key_length: usize,
}

/// Which bytes a half of a record is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it was read; what is absent stays absent.
    Original,
    /// In the buffer.
    Encoded,
}

/// Which bytes a record is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forms {
    pub(super) key: Form,
    pub(super) value: Form,
}

impl Buffer {
    /// Re-encodes what the route re-encodes, in place of what was here.
    pub(super) fn fill(
        &mut self,
        route: &mut Route,
        record: &Record<'_>,
        ledger: &mut Ledger,
    ) -> Result<Forms, Refusal> {
        self.bytes.clear();
        let key = self.append(route, Part::Key, record.key(), ledger)?;
        self.key_length = self.bytes.len();
        let value = self.append(route, Part::Value, record.value(), ledger)?;
        Ok(Forms { key, value })
    }

    pub(super) fn key<'r>(&'r self, record: &Record<'r>, form: Form) -> Option<&'r [u8]> {
        match form {
            Form::Original => record.key(),
            Form::Encoded => self.bytes.get(..self.key_length),
        }
    }

    pub(super) fn value<'r>(&'r self, record: &Record<'r>, form: Form) -> Option<&'r [u8]> {
        match form {
            Form::Original => record.value(),
            Form::Encoded => self.bytes.get(self.key_length..),
        }
    }

    /// Key and value as they are written, bytes.
    pub(super) fn length(&self, record: &Record<'_>, forms: Forms) -> usize {
        self.key(record, forms.key).map_or(0, <[u8]>::len) + self.value(record, forms.value).map_or(0, <[u8]>::len)
    }

    /// What it holds, bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// A key or value that is absent, or a tombstone, stays so.
    #[inline]
    fn append(
        &mut self,
        route: &mut Route,
        part: Part,
        bytes: Option<&[u8]>,
        ledger: &mut Ledger,
    ) -> Result<Form, Refusal> {
        match (route.in_force(part), bytes) {
            (Some(in_force), Some(bytes)) => {
                let encoded = in_force.reencoder.reencode(bytes, &mut self.bytes, ledger);
                encoded.map(|()| Form::Encoded).map_err(|refusal| refusal.of(part))
            }
            _ => Ok(Form::Original),
        }
    }
}
