//! One key or value: what was read -> frame and Avro datum.
//!
//! Comes in: bytes as they were read, a conversion and a compiled schema. Goes out: bytes to write, or why not. Must never:
//! wait, know a client, or allocate for bytes that go well.

use super::refusal::Refusal;
use crate::config::{Conversion, InputFormat};
use crate::fault::{Blame, Fault, Stage};
use crate::framing;
use crate::transcoder::{Encoder, Ledger, Plan};
use std::sync::Arc;

/// Re-encodes keys or values of one topic under one schema.
#[derive(Debug)]
pub struct Reencoder {
    conversion: Arc<Conversion>,
    frame: [u8; framing::HEADER_LENGTH],
    root_is_bytes: bool,
    encoder: Encoder,
    most_bytes: usize,
    /// Text as JSON, where the input is text.
    text: Vec<u8>,
}

impl Reencoder {
    /// Writes with the schema of this id, which the plan was compiled from, and no more than `most_bytes` a time.
    #[must_use]
    pub fn new(conversion: Arc<Conversion>, plan: Arc<Plan>, id: i32, most_bytes: usize) -> Self {
        let (frame, root_is_bytes) = (framing::confluent_header(id), plan.root_is_bytes());
        let encoder = Encoder::new(plan).at_most(most_bytes);
        Self { conversion, frame, root_is_bytes, encoder, most_bytes, text: Vec::new() }
    }

    /// Appends frame and datum. On an error what is appended is of no use.
    ///
    /// # Errors
    /// The bytes are not what the config and the schema say.
    pub fn reencode(&mut self, bytes: &[u8], out: &mut Vec<u8>, ledger: &mut Ledger) -> Result<(), Refusal> {
        let (_, payload) = self.conversion.input_framing.strip(bytes)?;
        let json = match self.conversion.input_format {
            InputFormat::Json => payload,
            InputFormat::Text => quoted(payload, &mut self.text)?,
        };
        out.extend_from_slice(&self.frame);
        let datum = out.len();
        self.encoder.encode(json, out, ledger).map_err(|refusal| match refusal.reason {
            "too_large" => {
                let message = format!("it has more than {} bytes as Avro", self.most_bytes);
                let fault = Fault::lasting(Stage::Produce, Blame::Record, "message_too_large", message);
                Refusal { fault, path: refusal.path }
            }
            _ => refusal.into(),
        })?;
        if self.root_is_bytes {
            let content = framing::unwrap_root_bytes(&out[datum..]).len();
            let length = out.len() - datum - content;
            out.drain(datum..datum + length);
        }
        Ok(())
    }
}

/// Text as a JSON string (RFC 8259, section 7).
fn quoted<'t>(text: &[u8], json: &'t mut Vec<u8>) -> Result<&'t [u8], Refusal> {
    json.clear();
    let written = std::str::from_utf8(text).map(|text| serde_json::to_writer(&mut *json, text));
    match written {
        Ok(Ok(())) => Ok(json),
        _ => {
            let message = "it is no text: not valid UTF-8".to_owned();
            Err(Fault::lasting(Stage::Parse, Blame::Record, "invalid_utf8", message).into())
        }
    }
}
