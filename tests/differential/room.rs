//! The transcoder as the checks see it. The only file here that knows its options, its ledger and its refusals.

use crate::reference::{Options, Unions};
use json2avro::fault::Stage;
use json2avro::transcoder::{self, Act, Acts, Encoder, Ledger, Plan, decode};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An encoder that lives as long as a lane's does, and what reads its output.
pub(crate) struct Room {
    encoder: Encoder,
    /// The same schema where values name their branches and nothing is refused for being lossy.
    named: Arc<Plan>,
}

/// A datum, and the acts that were counted.
pub(crate) type Taken = (Vec<u8>, BTreeMap<&'static str, u64>);

/// A datum as JSON, and how many bytes it was.
pub(crate) type Read = (Vec<u8>, usize);

/// Why a record was refused.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    /// The bytes are no JSON.
    pub(crate) malformed: bool,
    pub(crate) reason: &'static str,
}

impl Room {
    pub(crate) fn new(schema: &str, options: &Options) -> Result<Self, String> {
        let plan = |options: &transcoder::Options| {
            Plan::compile(schema, &[], options).map(Arc::new).map_err(|error| error.to_string())
        };
        let named = transcoder::Options {
            unions: transcoder::Unions::Tagged,
            lossy: Acts::ALL,
            ..transcoder::Options::default()
        };
        Ok(Self { encoder: Encoder::new(plan(&of(options))?), named: plan(&named)? })
    }

    pub(crate) fn encode(&mut self, json: &[u8]) -> Result<Taken, Refused> {
        encode(&mut self.encoder, json)
    }

    /// A datum as JSON, the very form that `encode` takes.
    pub(crate) fn decode(&self, datum: &[u8]) -> Result<Read, String> {
        read(self.encoder.plan(), datum)
    }

    /// A datum as JSON whose values name their branches.
    pub(crate) fn decode_named(&self, datum: &[u8]) -> Result<Read, String> {
        read(&self.named, datum)
    }

    pub(crate) fn encode_named(&self, json: &[u8]) -> Result<Taken, Refused> {
        encode(&mut Encoder::new(Arc::clone(&self.named)), json)
    }
}

fn of(options: &Options) -> transcoder::Options {
    let refused = |act: &Act| options.refused.contains(&act.label());
    transcoder::Options {
        lossy: KNOWN.into_iter().filter(|act| !refused(act)).fold(Acts::NONE, Acts::with),
        unions: match options.unions {
            Unions::Plain => transcoder::Unions::Plain,
            Unions::Tagged => transcoder::Unions::Tagged,
            Unions::Auto => transcoder::Unions::Auto,
        },
        ..transcoder::Options::default()
    }
}

/// The options of a golden case.
#[cfg(test)]
pub(crate) fn golden_options(case: &serde_json::Value) -> Options {
    let options = &case["options"];
    let named = |key: &str, act: &Act| options[key].as_array().into_iter().flatten().any(|name| name == act.label());
    let accepted = |act: &Act| (Acts::default().contains(*act) || named("accept", act)) && !named("reject", act);
    let refused = KNOWN.into_iter().filter(|act| !accepted(act)).map(Act::label).collect();
    let unions = match options["unions"].as_str() {
        Some("tagged") => Unions::Tagged,
        Some("auto") => Unions::Auto,
        _ => Unions::Plain,
    };
    Options { unions, refused }
}

/// The acts that the reference knows.
const KNOWN: [Act; 7] = [
    Act::UnknownField,
    Act::DefaultFilled,
    Act::Rounded,
    Act::Infinity,
    Act::TimestampUnit,
    Act::DecimalFromString,
    Act::AmbiguousUnion,
];

fn encode(encoder: &mut Encoder, json: &[u8]) -> Result<Taken, Refused> {
    let (mut out, mut ledger) = (b"before".to_vec(), Ledger::default());
    match encoder.encode(json, &mut out, &mut ledger) {
        Ok(()) => Ok((out.split_off(6), ledger.iter().filter(|(_, count)| *count > 0).collect())),
        Err(refusal) => {
            assert_eq!((out.as_slice(), ledger), (b"before".as_slice(), Ledger::default()), "a refusal left something");
            assert!(refusal.offset <= json.len() && refusal.path.starts_with('$'), "{refusal:?}");
            Err(Refused { malformed: refusal.stage == Stage::Parse, reason: refusal.reason })
        }
    }
}

fn read(plan: &Plan, datum: &[u8]) -> Result<Read, String> {
    let mut json = Vec::new();
    let length = decode(plan, datum, &mut json).map_err(|error| error.to_string())?;
    Ok((json, length))
}
