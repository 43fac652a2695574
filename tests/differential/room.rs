//! The transcoder as the checks see it. The only file here that knows its options, its ledger and its refusals.

use crate::reference::{self, Names, Options, Setting, Spelling, Unions};
use json2avro::fault::Stage;
use json2avro::transcoder::{self, Act, Acts, BytesText, Encoder, Ledger, Place, Plan, decode};
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
        Ok(Self { encoder: Encoder::new(plan(&of(options)?)?), named: plan(&named)? })
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

fn of(options: &Options) -> Result<transcoder::Options, String> {
    let mut of = transcoder::Options {
        lossy: acts(options.accepted),
        unions: match options.unions {
            Unions::Plain => transcoder::Unions::Plain,
            Unions::Tagged => transcoder::Unions::Tagged,
            Unions::Auto => transcoder::Unions::Auto,
        },
        bytes: bytes(options.bytes),
        names: match options.names {
            Names::Exact => transcoder::Names::Exact,
            Names::AnyCase => transcoder::Names::AnyCase,
            Names::AnyStyle => transcoder::Names::AnyStyle,
        },
        aliases: options.aliases,
        root: options.root.parse().expect(&options.root),
        places: Vec::new(),
    };
    for (path, setting) in &options.places {
        let setting = match setting {
            Setting::Key(key) => transcoder::Setting::Key(key.clone()),
            Setting::Bytes(spelling) => transcoder::Setting::Bytes(bytes(*spelling)),
            Setting::Epoch(places) => {
                let format = ["epoch_s", "epoch_ms", "epoch_us", "epoch_ns"][*places as usize / 3].to_owned();
                transcoder::Setting::Time { format, offset: None }
            }
            Setting::Discriminator { key, branches } => {
                transcoder::Setting::Discriminator { key: key.clone(), branches: branches.clone() }
            }
            Setting::Lossy { accepted, refused } => {
                transcoder::Setting::Lossy { accepted: acts(*accepted), refused: acts(*refused) }
            }
        };
        of.places.push(Place { path: path.parse().map_err(|_| format!("no path: {path}"))?, setting });
    }
    Ok(of)
}

fn acts(acts: reference::Acts) -> Acts {
    acts.labels().filter_map(Act::named).fold(Acts::NONE, Acts::with)
}

fn bytes(spelling: Spelling) -> BytesText {
    match spelling {
        Spelling::Latin1 => BytesText::Latin1,
        Spelling::Base64 => BytesText::Base64,
        Spelling::Hex => BytesText::Hex,
        Spelling::Utf8 => BytesText::Utf8,
    }
}

/// The acts that are accepted where nothing is said.
pub(crate) fn accepted_by_default() -> reference::Acts {
    let labels: Vec<&str> = Act::ALL.into_iter().filter(|act| Acts::default().contains(*act)).map(Act::label).collect();
    reference::Acts::of(&labels)
}

/// The options of a golden case; none where the reference has no such thing: strptime patterns.
#[cfg(test)]
pub(crate) fn golden_options(case: &serde_json::Value) -> Option<Options> {
    use serde_json::Value;
    let given = &case["options"];
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let acts = |value: &Value| {
        let labels: Vec<String> = value.as_array().into_iter().flatten().chain([value]).map(word).collect();
        reference::Acts::of(&labels.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let spelling = |value: &Value| match word(value).as_str() {
        "base64" => Spelling::Base64,
        "hex" => Spelling::Hex,
        "utf8" => Spelling::Utf8,
        _ => Spelling::Latin1,
    };
    let mut places = Vec::new();
    for (path, settings) in given["path"].as_object().into_iter().flatten() {
        let mut has = |setting| places.push((path.clone(), setting));
        if let Some(format) = settings["format"].as_str() {
            let unit = ["epoch_s", "epoch_ms", "epoch_us", "epoch_ns"].iter().position(|unit| *unit == format)?;
            has(Setting::Epoch(unit as i128 * 3));
        }
        if let Some(key) = settings["key"].as_str() {
            has(Setting::Key(key.to_owned()));
        }
        if settings.get("bytes").is_some() {
            has(Setting::Bytes(spelling(&settings["bytes"])));
        }
        if let Some(key) = settings["discriminator"].as_str() {
            let branches = settings["branches"].as_object().into_iter().flatten();
            let branches = branches.map(|(value, name)| (value.clone(), word(name))).collect();
            has(Setting::Discriminator { key: key.to_owned(), branches });
        }
        has(Setting::Lossy { accepted: acts(&settings["accept"]), refused: acts(&settings["reject"]) });
    }
    Some(Options {
        accepted: accepted_by_default().or(acts(&given["accept"])).without(acts(&given["reject"])),
        unions: match word(&given["unions"]).as_str() {
            "tagged" => Unions::Tagged,
            "auto" => Unions::Auto,
            _ => Unions::Plain,
        },
        bytes: spelling(&given["bytes"]),
        names: match word(&given["names"]).as_str() {
            "any_case" => Names::AnyCase,
            "any_style" => Names::AnyStyle,
            _ => Names::Exact,
        },
        aliases: given["aliases"] == true,
        root: word(&given["root"]),
        places,
    })
}

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
