//! Random numbers and times as JSON spells them: at the edges of each type, with points, exponents and digits to spare.
//!
//! Comes in: choices. Goes out: JSON text.

use super::documents::Documents;
use crate::reference::time::Time;

impl Documents<'_, '_, '_> {
    /// Digits with a sign, sometimes with a point or an exponent that change nothing.
    pub(super) fn integer(&mut self, width: u32) -> String {
        let (least, most) = if width == 32 { (i32::MIN.into(), i32::MAX.into()) } else { (i64::MIN, i64::MAX) };
        let value = match self.choices.below(8) {
            0..=3 => i64::from(self.choices.byte()) - 20,
            4..=6 => self.choices.bits().cast_signed() >> (64 - width as usize + self.choices.below(width as usize)),
            _ => [0, least, most, least + 1, most - 1, 1 << 53, (1 << 53) + 1, 1_000_000][self.choices.below(8)],
        };
        let value = if self.wild() { i128::from(value) * 3 } else { value.into() };
        self.spelt(&value.to_string())
    }

    /// The same number, perhaps with a point or an exponent.
    fn spelt(&mut self, digits: &str) -> String {
        if !self.choices.one_in(4) {
            return digits.to_owned();
        }
        let zeros = self.choices.below(4);
        match self.choices.below(6) {
            0 => format!("{digits}.{}", "0".repeat(zeros + 1)),
            1 => format!("{digits}{}0", self.choices.pick(&["e", "E", "e+", "E-", "e00"])),
            2 if !digits.contains('.') => format!("{digits}{}e-{zeros}", "0".repeat(zeros)),
            3 if !digits.contains('.') && digits.len() > 3 => {
                let (front, back) = digits.split_at(digits.len() - 1);
                format!("{front}.{back}E+1")
            }
            4 if self.wild() => format!("{digits}.5"),
            5 if digits == "0" => "-0".to_owned(),
            _ => format!("{digits}e{}", if self.wild() { "2" } else { "0" }),
        }
        .replace(".0.0", ".0")
    }

    pub(super) fn floating(&mut self, single: bool) -> String {
        const EDGES: [&str; 16] = [
            "0.0",
            "-0",
            "0.1",
            "5e-324",
            "3e-324",
            "2e-324",
            "2.2250738585072014e-308",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "1e999",
            "9007199254740993",
            "16777217",
            "3.4028235e38",
            "3.4028236e38",
            "1.4e-45",
            "5.684341886080802e-14",
        ];
        match self.choices.below(8) {
            0 | 1 => format!("{}", f64::from(self.choices.byte()) / 8.0),
            2 if single => format!("{:?}", finite(f32::from_bits(self.choices.bits() as u32).into()) as f32),
            2 => format!("{:?}", finite(f64::from_bits(self.choices.bits()))),
            3 => format!("{:e}", finite(f64::from_bits(self.choices.bits()))),
            4 => EDGES[self.choices.below(EDGES.len())].to_owned(),
            5 => self.integer(64),
            6 => {
                // About as many digits as a double holds, and a point among them.
                let digits = (self.choices.bits() >> self.choices.below(20)).to_string();
                let (front, back) = digits.split_at(self.choices.below(digits.len() - 1) + 1);
                format!("{front}{}{back}", if back.is_empty() { "" } else { "." })
            }
            _ => {
                let exponent = self.choices.below(700) as i64 - 350;
                let digits = self.digits(25);
                format!("{}.{digits}e{exponent}", self.choices.below(10))
            }
        }
    }

    /// One to `most` digits.
    fn digits(&mut self, most: usize) -> String {
        (0..=self.choices.below(most)).map(|_| char::from(b'0' + self.choices.below(10) as u8)).collect()
    }

    pub(super) fn decimal(&mut self, precision: usize, scale: usize) -> String {
        let more = usize::from(self.wild());
        let digits = self.digits(precision + more);
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let whole = whole.trim_start_matches('0');
        let sign = if self.choices.one_in(3) { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { whole };
        if self.choices.one_in(4) {
            return format!("{sign}{}e-{scale}", format!("{whole}{fraction}").trim_start_matches('0'))
                .replace("-e", "0e")
                .replace("--", "-");
        }
        let point = if fraction.is_empty() { "" } else { "." };
        let text = format!("{sign}{whole}{point}{fraction}");
        if point.is_empty() { self.spelt(&text) } else { text }
    }

    /// A point and a few digits.
    pub(super) fn fraction(&mut self) -> String {
        let most = if self.wild() || self.lossy { 6 } else { 3 };
        format!("{}{}", self.choices.pick(&[".", ","]), self.digits(most))
    }

    /// A number of seconds or their parts, as a number or a string.
    pub(super) fn since_epoch(&mut self) -> String {
        let number = match self.choices.below(4) {
            0 => self.integer(64),
            1 => format!("{}{}", self.integer(32).replace(['e', 'E', '.', '+'], ""), self.fraction().replace(',', ".")),
            _ => (1_700_000_000 * 10u64.pow(3 * self.choices.below(4) as u32)).to_string(),
        };
        if self.choices.one_in(4) { self.quote(&number) } else { number }
    }

    pub(super) fn time(&mut self, time: Option<Time>, width: u32) -> String {
        let Some(time) = time.filter(|_| self.choices.one_in(2)) else { return self.integer(width) };
        // The years that nanoseconds hold end in 1677 and 2262.
        let year = match self.choices.below(4) {
            0 => 1970 + self.choices.below(100),
            1 => self.choices.below(10_000),
            2 => [1677, 2262, 1969, 1900, 2000, 2100][self.choices.below(6)],
            _ => 2026,
        };
        let wrong = usize::from(self.wild());
        let (month, day) = (self.choices.below(12 + wrong) + 1, self.choices.below(28 + 3 * wrong) + 1);
        let mut date = format!("{year:04}-{month:02}-{day:02}");
        let mut clock = format!("{:02}:{:02}", self.choices.below(24 + wrong), self.choices.below(60));
        if !self.choices.one_in(6) {
            clock += &format!(":{:02}", self.choices.below(60 + wrong));
            if self.choices.one_in(2) {
                let most = if self.wild() || self.lossy { 12 } else { 3 };
                clock += &format!("{}{}", self.choices.pick(&[".", ".", ","]), self.digits(most));
            }
        }
        if self.choices.one_in(8) {
            // The last moments that nanoseconds hold.
            let edge =
                ["1677-09-21 00:12:43.145224192", "1677-09-21 00:12:43.145224193", "2262-04-11 23:47:16.854775807"];
            let edge = edge[self.choices.below(3)];
            (date, clock) = (edge[..10].to_owned(), edge[11..].to_owned());
        }
        let between = self.choices.pick(&["T", "t", " "]);
        let offset = self.choices.pick(&["Z", "z", "+01:00", "-0530", "+14", "-00:00", "+23:59"]);
        let text = match time {
            Time::Date => date,
            Time::OfDay(_) => clock,
            Time::Timestamp(_) => format!("{date}{between}{clock}{offset}"),
            Time::LocalTimestamp(_) => format!("{date}{between}{clock}"),
        };
        let text =
            if self.wild() { format!("{text}{}", self.choices.pick(&["Z", " ", "+1", "0", ":00"])) } else { text };
        self.quote(&text)
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.5 }
}
