//! `json2avro convert`: JSON to Avro offline, standard input to standard output.
//!
//! Comes in: a schema file and JSON. Goes out: hexadecimal Avro, or what was written as JSON again; errors, one line
//! each, on standard error. Must never: hold more than one record, stop at a record that is refused.

use super::{EXIT_DATA, EXIT_USAGE};
use crate::transcoder::{self, Act, Encoder, Ledger, Options, Plan, Pointer, decode};
use clap::ValueEnum;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

const LINES: &str = "\
Standard input is read line by line (NDJSON): each line is one record, and line n of the output \
answers line n of the input. A refused record, a blank line included, leaves an empty line there \
and one line on standard error:

    line 3: $.items[2].price: expected double, found a string of 4 bytes (convert: wrong_type) at byte 61

Exit code: 0 all records were converted, 65 any was refused, 64 wrong call or schema.";

/// Arguments of `convert`.
#[derive(Debug, clap::Args)]
#[command(after_help = LINES)]
pub struct Args {
    /// Avro schema (.avsc)
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// A schema that it refers to by name; repeat, dependencies first
    #[arg(long = "reference", value_name = "FILE")]
    references: Vec<PathBuf>,
    /// How unions are written in the JSON: plain = without tags, tagged = {"string":"x"}, as Avro's JSON encoding has it,
    /// auto = either
    #[arg(long, value_enum, default_value_t = Unions::Plain)]
    unions: Unions,
    /// Take all of standard input, any bytes, as one JSON document
    #[arg(long)]
    document: bool,
    /// What to print: hex = the bare Avro datum, json = the datum decoded, in the form that `convert` takes
    #[arg(long, value_enum, default_value_t = To::Hex)]
    to: To,
    /// A lossy act that is taken and counted, as lossy.ACT = "accept" in a config; repeat, `all` is all of them
    #[arg(long = "accept", value_name = "ACT", value_parser = acts)]
    accepted: Vec<Named>,
    /// A lossy act that refuses the record, as lossy.ACT = "reject" in a config; stronger than --accept
    #[arg(long = "reject", value_name = "ACT", value_parser = acts)]
    rejected: Vec<Named>,
    /// What strings for bytes and fixed hold
    #[arg(long, value_enum, default_value_t = BytesText::Latin1)]
    bytes: BytesText,
    /// Which keys are a field beside its name: none, its name in other case, or in other case and style (orderId, order_id)
    #[arg(long, value_enum, default_value_t = Names::Exact)]
    names: Names,
    /// Take the schema's aliases for names of fields, too
    #[arg(long)]
    aliases: bool,
    /// JSON pointer to the value that is encoded, as /payload; the whole document without it
    #[arg(long, value_name = "POINTER", value_parser = pointer, default_value = "")]
    root: Pointer,
}

/// Acts by one name.
type Named = transcoder::Acts;

fn acts(text: &str) -> Result<Named, String> {
    if text == "all" {
        return Ok(Named::ALL);
    }
    let known = || Act::ALL.map(Act::label).join(", ");
    Act::named(text).map(|act| Named::NONE.with(act)).ok_or_else(|| format!("no such act; use all, {}", known()))
}

fn pointer(text: &str) -> Result<Pointer, String> {
    text.parse().map_err(|_| String::from("no JSON pointer; use /payload or /a/b"))
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum BytesText {
    Latin1,
    Base64,
    Hex,
    Utf8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Names {
    Exact,
    AnyCase,
    AnyStyle,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unions {
    Plain,
    Tagged,
    Auto,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    Hex,
    Json,
}

/// Runs the command.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let plan = match plan(args) {
        Ok(plan) => plan,
        Err(error) => return fail(&error),
    };
    let mut conversion = Conversion {
        encoder: Encoder::new(Arc::new(plan)),
        to: args.to,
        out: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
        datum: Vec::new(),
        text: Vec::new(),
        ledger: Ledger::default(),
        refused: 0,
    };
    let input = io::stdin().lock();
    let result = if args.document { conversion.document(input) } else { conversion.lines(input) };
    match result.and_then(|()| conversion.out.flush()) {
        Ok(()) => conversion.report(),
        // Whoever read the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return fail(&format!("cannot read standard input or write standard output: {error}")),
    }
    ExitCode::from(if conversion.refused > 0 { EXIT_DATA } else { 0 })
}

fn plan(args: &Args) -> Result<Plan, String> {
    let schema = read(&args.schema)?;
    let references = args.references.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let accepted = args.accepted.iter().fold(Options::default().lossy, |acts, more| acts.or(*more));
    let options = Options {
        lossy: args.rejected.iter().fold(accepted, |acts, less| acts.and(less.not())),
        unions: match args.unions {
            Unions::Plain => transcoder::Unions::Plain,
            Unions::Tagged => transcoder::Unions::Tagged,
            Unions::Auto => transcoder::Unions::Auto,
        },
        bytes: match args.bytes {
            BytesText::Latin1 => transcoder::BytesText::Latin1,
            BytesText::Base64 => transcoder::BytesText::Base64,
            BytesText::Hex => transcoder::BytesText::Hex,
            BytesText::Utf8 => transcoder::BytesText::Utf8,
        },
        names: match args.names {
            Names::Exact => transcoder::Names::Exact,
            Names::AnyCase => transcoder::Names::AnyCase,
            Names::AnyStyle => transcoder::Names::AnyStyle,
        },
        aliases: args.aliases,
        root: args.root.clone(),
        places: Vec::new(),
    };
    Plan::compile(&schema, &references, &options).map_err(|error| format!("{}: {error}", args.schema.display()))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read the schema {}: {error}", path.display()))
}

/// The conversion of one stream.
struct Conversion<W: Write> {
    encoder: Encoder,
    to: To,
    out: W,
    datum: Vec<u8>,
    text: Vec<u8>,
    ledger: Ledger,
    refused: u64,
}

impl<W: Write> Conversion<W> {
    fn document(&mut self, mut input: impl Read) -> io::Result<()> {
        let mut json = Vec::new();
        input.read_to_end(&mut json)?;
        self.record(1, &json)
    }

    fn lines(&mut self, mut input: impl BufRead) -> io::Result<()> {
        let mut json = Vec::new();
        for number in 1u64.. {
            json.clear();
            if input.read_until(b'\n', &mut json)? == 0 {
                break;
            }
            // A `\r` before it is white space to JSON.
            self.record(number, json.strip_suffix(b"\n").unwrap_or(&json))?;
        }
        Ok(())
    }

    /// Converts one record and prints its line.
    fn record(&mut self, number: u64, json: &[u8]) -> io::Result<()> {
        self.datum.clear();
        self.text.clear();
        match self.encoder.encode(json, &mut self.datum, &mut self.ledger) {
            Ok(()) => self.spell(),
            Err(refusal) => {
                self.refused += 1;
                // Behind the lines before it, where both streams are one terminal.
                self.out.flush()?;
                complain(&format!("line {number}: {refusal}"));
            }
        }
        self.text.push(b'\n');
        self.out.write_all(&self.text)
    }

    /// The datum as the user wants to see it.
    fn spell(&mut self) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        match self.to {
            To::Hex => {
                let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
                self.text.extend(self.datum.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
            }
            To::Json => {
                if let Err(error) = decode(self.encoder.plan(), &self.datum, &mut self.text) {
                    self.refused += 1;
                    complain(&format!("what was just written cannot be read, this is a bug: {error}"));
                }
            }
        }
    }

    /// Says what was lossy, if anything was.
    fn report(&self) {
        let acts: Vec<String> =
            self.ledger.iter().filter(|(_, count)| *count > 0).map(|(act, count)| format!("{act} {count}")).collect();
        if !acts.is_empty() {
            complain(&format!("converted with losses or defaults: {}", acts.join(", ")));
        }
    }
}

fn fail(problem: &str) -> ExitCode {
    complain(problem);
    ExitCode::from(EXIT_USAGE)
}

/// One line on standard error; nothing is left to do where that is gone.
fn complain(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}
