//! Random bytes, UUIDs and durations as JSON spells them.
//!
//! Comes in: choices. Goes out: JSON text.

use super::documents::Documents;
use crate::reference::Spelling;
use std::fmt::Write as _;

impl Documents<'_, '_, '_> {
    pub(super) fn uuid(&mut self) -> String {
        let digits = format!("{:016x}{:016X}", self.choices.bits(), self.choices.bits());
        let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        let text = groups.join(if self.wild() { "" } else { "-" });
        self.quote(&text)
    }

    pub(super) fn bytes(&mut self, length: usize, spelling: Spelling) -> String {
        let plain = self.choices.one_in(2);
        let bytes: Vec<u8> = (0..length).map(|_| if plain { b'a' } else { self.choices.byte() }).collect();
        let mut text = match spelling {
            Spelling::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Spelling::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Spelling::Utf8 => String::from_utf8_lossy(&bytes).into_owned(),
            Spelling::Base64 => self.base64(&bytes),
        };
        if self.wild() {
            text.push_str(self.choices.pick(&["Ā", "=", "A", " ", "0"]));
        }
        self.quote(&text)
    }

    fn base64(&mut self, bytes: &[u8]) -> String {
        const STANDARD: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let (url, padded) = (self.choices.one_in(2), self.choices.one_in(2));
        let mut text = String::new();
        for part in bytes.chunks(3) {
            let bits = part.iter().chain([0, 0].iter()).take(3).fold(0, |bits, byte| bits << 8 | usize::from(*byte));
            for digit in 0..=part.len() {
                text.push(char::from(STANDARD[bits >> (18 - 6 * digit) & 63]));
            }
            if padded {
                text.push_str(&"=".repeat(3 - part.len()));
            }
        }
        if url { text.replace('+', "-").replace('/', "_") } else { text }
    }

    pub(super) fn duration(&mut self) -> String {
        let mut text = String::from("P");
        for unit in ["Y", "M", "W", "D", "T", "H", "M", "S"] {
            if unit == "T" {
                text.push('T');
            } else if self.choices.one_in(2) {
                let number = if self.choices.one_in(16) { self.choices.bits() } else { self.choices.below(400) as u64 };
                let fraction = if unit == "S" && self.choices.one_in(2) { self.fraction() } else { String::new() };
                write!(text, "{number}{fraction}{unit}").unwrap();
            }
        }
        let text = if self.wild() { text } else { text.trim_end_matches('T').to_owned() };
        let text = if text == "P" && !self.wild() { "P1D".to_owned() } else { text };
        self.quote(&text)
    }
}
