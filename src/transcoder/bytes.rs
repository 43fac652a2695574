//! `bytes` and `fixed`, which JSON spells as strings: by Latin-1, base64, hexadecimal digits or UTF-8, as declared; UUIDs and
//! durations on `fixed` by their text as well.
//!
//! Comes in: the walk at a value for one of them. Goes out: its bytes. Must never: guess an encoding.

use super::BytesText;
use super::duration;
use super::encode::Walk;
use super::plan::{Fixed, FixedLogical, Node};
use super::refusal::{Expected, Halt, Reason};
use super::text::is_uuid;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

impl BytesText {
    /// The word for a person, behind the type.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Latin1 => "",
            Self::Base64 => " (base64)",
            Self::Hex => " (hex)",
            Self::Utf8 => " (utf8)",
        }
    }

    /// How many bytes a text spells, if it spells any; `append` has the last word.
    fn size(self, text: &[u8]) -> Result<usize, Reason> {
        match self {
            Self::Latin1 => one_byte_characters(text).ok_or(Reason::ByteRange),
            Self::Base64 => {
                let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
                Ok((text.len() - padding) * 3 / 4)
            }
            Self::Hex => Ok(text.len() / 2),
            Self::Utf8 => Ok(text.len()),
        }
    }

    fn append(self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
        match self {
            Self::Latin1 => push_bytes(out, text),
            Self::Base64 => {
                let url = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
                let engine = if url { &URL } else { &STANDARD };
                engine.decode_vec(text, out).map_err(|_| Reason::BytesText)?;
            }
            Self::Hex => {
                for pair in text.chunks(2) {
                    let byte =
                        pair.iter().try_fold(0, |byte, digit| Some(byte << 4 | char::from(*digit).to_digit(16)?));
                    let byte = byte.filter(|_| pair.len() == 2).ok_or(Reason::BytesText)?;
                    out.push(byte as u8);
                }
            }
            Self::Utf8 => out.extend_from_slice(text),
        }
        Ok(())
    }
}

/// Padded or not; bits that are left over must be zero, or two texts would be the same bytes.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

impl<'a> Walk<'a, '_> {
    #[inline(never)]
    pub(super) fn bytes(&mut self, spelt: BytesText, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let text = self.quoted(node)?;
        let text = self.scan.text(text);
        let written = spelt.size(text).and_then(|size| {
            self.writer.size(size);
            spelt.append(text, &mut self.writer.out)
        });
        written.or_else(|reason| self.scan.fail(reason, start, Expected::Type(node)))
    }

    #[inline(never)]
    pub(super) fn fixed(&mut self, fixed: &'a Fixed, node: &'a Node) -> Result<(), Halt> {
        let start = self.scan.at;
        let text = self.quoted(node)?;
        let text = self.scan.text(text);
        let out = &mut self.writer.out;
        let written = match fixed.logical {
            Some(FixedLogical::Uuid) if is_uuid(text) => {
                push_uuid(text, out);
                Ok(())
            }
            Some(FixedLogical::Duration) if duration::is_text(text) => match duration::parse(text) {
                Ok((bytes, truncated)) => {
                    out.extend_from_slice(&bytes);
                    return if truncated { self.truncated(start, node) } else { Ok(()) };
                }
                // Base64 has all letters and digits: it may begin like a duration's text.
                Err(Reason::DurationText) if fixed.text == BytesText::Base64 => fixed.bytes(text, out),
                Err(reason) => Err(reason),
            },
            _ => fixed.bytes(text, out),
        };
        written.or_else(|reason| self.scan.fail(reason, start, Expected::Type(node)))
    }
}

impl Fixed {
    /// Appends the bytes that a text spells.
    fn bytes(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
        match self.text.size(text)? {
            size if size == self.size => self.text.append(text, out),
            _ if self.logical == Some(FixedLogical::Uuid) => Err(Reason::Uuid),
            _ => Err(Reason::FixedSize),
        }
    }
}

/// Appends the 16 bytes of a UUID's text (RFC 4122).
fn push_uuid(text: &[u8], out: &mut Vec<u8>) {
    let digits = text.iter().filter_map(|byte| char::from(*byte).to_digit(16));
    let bytes = digits.fold(0u128, |bytes, digit| bytes << 4 | u128::from(digit));
    out.extend_from_slice(&bytes.to_be_bytes());
}

/// How many characters a text has, if each of them is one byte of ISO-8859-1.
pub(super) fn one_byte_characters(text: &[u8]) -> Option<usize> {
    // In UTF-8, U+0080 to U+00FF are two bytes that start with C2 or C3.
    if text.iter().any(|byte| *byte > 0xC3) {
        return None;
    }
    Some(text.iter().filter(|byte| !matches!(byte, 0x80..0xC0)).count())
}

/// Appends a text of one-byte characters as those bytes.
pub(super) fn push_bytes(out: &mut Vec<u8>, text: &[u8]) {
    if text.is_ascii() {
        return out.extend_from_slice(text);
    }
    let mut high = 0;
    for byte in text {
        match byte {
            0xC2 | 0xC3 => high = byte << 6,
            // A second byte carries the low six bits of the character.
            0x80..0xC0 => out.push(high | byte & 0x3f),
            _ => out.push(*byte),
        }
    }
}
