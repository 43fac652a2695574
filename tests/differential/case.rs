//! One case: a schema, options, and a few records for one encoder, which remembers the keys of those before.
//!
//! Comes in: bytes, each a choice. Goes out: the case.

use super::choices::Choices;
use super::documents::Documents;
use super::room::accepted_by_default;
use super::{places, schemas};
use crate::reference::{ACTS, Acts, Names, Options, Schema, Spelling, Unions};

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) schema: String,
    pub(crate) options: Options,
    pub(crate) documents: Vec<Vec<u8>>,
}

impl Case {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let choices = &mut Choices::new(bytes);
        let (options, wild) = options(choices);
        let schema = schemas::random(choices);
        Self::of(schema, options, wild, choices)
    }

    /// A case whose schema may be none.
    pub(crate) fn of_odd_schema(bytes: &[u8]) -> Self {
        let choices = &mut Choices::new(bytes);
        let (options, wild) = options(choices);
        if choices.one_in(4) {
            let schema = String::from_utf8_lossy(choices.rest()).into_owned();
            return Self::of(schema, options, wild, choices);
        }
        let mut schema = schemas::random(choices).into_bytes();
        for _ in 0..=choices.below(2) {
            match choices.below(3) {
                0 => broken(choices, &mut schema),
                // Parts of a schema at another place of it.
                _ => moved(choices, &mut schema),
            }
        }
        Self::of(String::from_utf8_lossy(&schema).into_owned(), options, wild, choices)
    }

    fn of(schema: String, options: Options, wild: usize, choices: &mut Choices<'_>) -> Self {
        let mut case = Self { schema, options, documents: Vec::new() };
        let Some(parsed) = Schema::parse(&case.schema, &[]) else { return case };
        if choices.one_in(3) {
            case.options.places = places::random(&parsed, &case.options, choices);
        }
        let lossy = choices.one_in(2);
        for _ in 0..4 {
            let spaces = choices.one_in(2);
            // Those that name their branches where they must not, and the other way round.
            let unions = if wild > 0 && choices.one_in(8) { Unions::Auto } else { case.options.unions };
            let options = &Options { unions, ..case.options.clone() };
            let mut documents =
                Documents { schema: &parsed, choices: &mut *choices, options, wild, lossy, spaces, left: 500 };
            let text = documents.document(8);
            let mut document = format!("{}{text}{}", space(choices, spaces), space(choices, spaces)).into_bytes();
            while wild > 0 && choices.one_in(6) {
                broken(choices, &mut document);
            }
            case.documents.push(document);
        }
        let raw = choices.rest();
        if !raw.is_empty() {
            case.documents.push(raw.to_vec());
        }
        case
    }
}

/// Options, and once in how many times something is wrong with a record.
fn options(choices: &mut Choices<'_>) -> (Options, usize) {
    let unions = [Unions::Plain, Unions::Tagged, Unions::Auto][choices.below(3)];
    let wild = [0, 0, 30, 8][choices.below(4)];
    let some: Vec<&str> = ACTS.into_iter().filter(|_| choices.one_in(2)).collect();
    let most: Vec<&str> = ACTS.into_iter().filter(|_| !choices.one_in(8)).collect();
    let accepted = match choices.below(8) {
        0..=2 => accepted_by_default(),
        3 | 4 => Acts::of(&some),
        5 => Acts::default(),
        6 => Acts::of(&most),
        _ => Acts::ALL,
    };
    let spellings =
        [Spelling::Latin1, Spelling::Latin1, Spelling::Latin1, Spelling::Base64, Spelling::Hex, Spelling::Utf8];
    let names = [Names::Exact, Names::Exact, Names::AnyCase, Names::AnyStyle][choices.below(4)];
    let roots = ["", "", "", "", "", "/payload", "/a~1b/1", "//~0"];
    let options = Options {
        accepted,
        unions,
        bytes: spellings[choices.below(6)],
        names,
        aliases: choices.one_in(3),
        root: choices.pick(&roots).to_owned(),
        places: Vec::new(),
    };
    (options, wild)
}

fn space(choices: &mut Choices<'_>, spaces: bool) -> &'static str {
    if spaces && choices.one_in(4) { choices.pick(&[" ", "\r\n", "\t"]) } else { "" }
}

/// A copy of a few bytes, from one quote or bracket on, in the place of others.
fn moved(choices: &mut Choices<'_>, bytes: &mut Vec<u8>) {
    let places: Vec<usize> = (0..bytes.len()).filter(|at| b"{}[]\",:".contains(&bytes[*at])).collect();
    let mut place = || places.get(choices.below(places.len())).copied().unwrap_or(0);
    let (mut from, mut to) = ([place(), place()], [place(), place()]);
    from.sort_unstable();
    to.sort_unstable();
    let part = bytes[from[0]..from[1]].to_vec();
    bytes.splice(to[0]..to[1], part);
}

/// Breaks bytes in one place.
pub(crate) fn broken(choices: &mut Choices<'_>, bytes: &mut Vec<u8>) {
    let at = choices.below(bytes.len() + 1);
    match choices.below(5) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, choices.byte()),
        2 => bytes.insert(at, b"{}[]\",:\\-0e.ntf"[choices.below(15)]),
        3 => drop((at < bytes.len()).then(|| bytes.remove(at))),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << choices.below(8);
            }
        }
    }
}
