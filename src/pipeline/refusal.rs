//! A record that cannot be re-encoded, and why.
//!
//! Comes in: the transcoder's, the frame's or the producer's refusal. Goes out: a fault with the JSON path beside it.
//! Must never: hold the record's content.

use crate::config::Part;
use crate::fault::{Blame, Fault, Stage};
use crate::framing::BadFrame;
use crate::transcoder;

/// Why a record is refused.
#[derive(Debug)]
pub struct Refusal {
    /// What failed and whose fault it is.
    pub fault: Fault,
    /// JSON path; empty where there is none.
    pub path: String,
}

impl Refusal {
    /// Says that it is the key or the value, where a record has both to be re-encoded.
    #[must_use]
    pub(super) fn of(mut self, part: Part) -> Self {
        if part == Part::Key {
            self.fault.message.insert_str(0, "the key: ");
        }
        self
    }
}

impl From<transcoder::Refusal> for Refusal {
    fn from(refusal: transcoder::Refusal) -> Self {
        let fault = Fault::lasting(refusal.stage, Blame::Record, refusal.reason, refusal.to_string());
        Self { fault, path: refusal.path }
    }
}

impl From<BadFrame> for Refusal {
    fn from(error: BadFrame) -> Self {
        let fault = Fault::lasting(Stage::Consume, Blame::Record, error.reason(), error.to_string());
        Self { fault, path: String::new() }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, path: String::new() }
    }
}
