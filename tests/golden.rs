//! Conversions to the byte: `tests/golden/*.jsonl`, one case a line (`tests/golden/README.md` says how to read one).

use json2avro::transcoder::{Encoder, Ledger, Lossy, Options, Plan, Unions, decode};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

#[test]
fn conversions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut failures = Vec::new();
    let mut cases = 0;
    for file in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for (number, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            cases += 1;
            if let Err(problem) = check(&serde_json::from_str(line).unwrap()) {
                failures.push(format!("{}:{}: {problem}\n    {line}", file.display(), number + 1));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {cases}:\n{}", failures.len(), failures.join("\n"));
    assert!(cases > 150, "only {cases} cases were found");
}

fn check(case: &Value) -> Result<(), String> {
    let references: Vec<String> = case["references"].as_array().into_iter().flatten().map(Value::to_string).collect();
    let lossy = |key: &str| if case["options"][key] == "refuse" { Lossy::Refuse } else { Lossy::Count };
    let options = Options {
        unknown_fields: lossy("unknown_fields"),
        rounding: lossy("rounding"),
        unions: match case["options"]["unions"].as_str() {
            None | Some("plain") => Unions::Plain,
            Some("tagged") => Unions::Tagged,
            Some("auto") => Unions::Auto,
            Some(other) => return Err(format!("unions {other}")),
        },
        ambiguous_unions: lossy("ambiguous_unions"),
        timestamp_unit: lossy("timestamp_unit"),
    };
    // As text where a tree of it would not be the same schema.
    let schema = case["schema_text"].as_str().map_or_else(|| case["schema"].to_string(), str::to_owned);
    let plan = Plan::compile(&schema, &references, &options).map_err(|error| error.to_string())?;
    let mut encoder = Encoder::new(Arc::new(plan));
    // Twice: the second time by the key order learnt from the first.
    for _ in 0..2 {
        let (mut out, mut ledger) = (b"before".to_vec(), Ledger::default());
        let result = encoder.encode(case["json"].as_str().unwrap().as_bytes(), &mut out, &mut ledger);
        let Ok(()) = result else {
            let refusal = result.unwrap_err();
            equal("what is left behind", &(out, ledger), &(b"before".to_vec(), Ledger::default()))?;
            equal("reason", &Value::from(refusal.reason), &case["refused"])?;
            equal("path", &Value::from(refusal.path), &case["path"])?;
            continue;
        };
        let datum = out.strip_prefix(b"before").unwrap();
        let hex: String = datum.iter().map(|byte| format!("{byte:02x}")).collect();
        equal("datum", &Value::from(hex), &case["hex"])?;
        for (act, count) in ledger.iter() {
            equal(act, &count, &case["lossy"][act].as_u64().unwrap_or(0))?;
        }
        let mut json = Vec::new();
        equal("length", &decode(encoder.plan(), datum, &mut json), &Ok(datum.len()))?;
        let json = String::from_utf8(json).map_err(|error| error.to_string())?;
        if let Some(back) = case["back"].as_str() {
            equal("decoded", &json.as_str(), &back)?;
        }
        let mut again = Vec::new();
        encoder.encode(json.as_bytes(), &mut again, &mut ledger).map_err(|error| format!("{json}: {error}"))?;
        equal("encoded again", &again.as_slice(), &datum)?;
    }
    Ok(())
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:?}, wanted {wanted:?}")) }
}
