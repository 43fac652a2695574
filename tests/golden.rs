//! Conversions to the byte: `tests/golden/*.jsonl`, one case a line (`tests/golden/README.md` says how to read one).

use json2avro::transcoder::{
    Act, Acts, BytesText, Encoder, Ledger, Names, Options, Path, Place, Plan, Setting, Unions, decode,
};
use serde_json::{Value, json};
use std::sync::Arc;

#[test]
fn conversions() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
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
    let options = options(&case["options"])?;
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

#[test]
fn settings_that_do_not_fit_the_schema() {
    let record = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b_c","type":"bytes"},
        {"name":"BC","type":"int"},{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}}]}"#;
    for (given, part) in [
        (json!({"path": {"$.x": {"bytes": "hex"}}}), "$.x: record R has no field \"x\""),
        (json!({"path": {"$.a.b": {"bytes": "hex"}}}), "$.a.b: the schema has no field \"b\" there"),
        (json!({"path": {"$.a[*]": {"bytes": "hex"}}}), "$.a[*]: the schema has no array or map there"),
        (json!({"path": {"$.a": {"bytes": "hex"}}}), "$.a: the schema has no bytes or fixed there"),
        (json!({"path": {"$.a": {"format": "epoch_s"}}}), "$.a: the schema has no date, time or timestamp there"),
        (json!({"path": {"$.a": {"discriminator": "t"}}}), "$.a: the schema has no union there"),
        (json!({"path": {"$": {"key": "k"}}}), "$: only a field has a key"),
        (json!({"path": {"$.a": {"key": "t"}}}), "$.a: \"t\" is the key of another field of record R"),
        (json!({"path": {"$.t": {"format": "%Y-%m-%d %H:%M"}}}), "$.t: the format tells no offset from UTC"),
        (json!({"names": "any_style"}), "two fields of record R are both called \"BC\""),
    ] {
        let error = Plan::compile(record, &[], &options(&given).unwrap()).unwrap_err();
        assert!(error.of_setting && error.to_string().contains(part), "{given}: {error}");
        assert_eq!(error.next("correct the schema"), "mend the setting or take it out");
    }
    assert!(Plan::compile(record, &[], &Options::default()).is_ok());
}

/// What becomes of a document: what is read back and what was counted, or the reason of the refusal.
pub(crate) fn outcome(schema: &str, options: &Options, json: &str) -> String {
    let plan = match Plan::compile(schema, &[], options) {
        Ok(plan) => Arc::new(plan),
        Err(error) => return error.to_string(),
    };
    let (mut out, mut ledger, mut read) = (Vec::new(), Ledger::default(), Vec::new());
    match Encoder::new(Arc::clone(&plan)).encode(json.as_bytes(), &mut out, &mut ledger) {
        Ok(()) => {
            // As the schema alone would have it spelt.
            let plan = Plan::compile(schema, &[], &Options::default()).unwrap();
            assert_eq!(decode(&plan, &out, &mut read), Ok(out.len()));
            let acts: Vec<&str> = ledger.iter().filter(|(_, times)| *times > 0).map(|(act, _)| act).collect();
            let acts = if acts.is_empty() { String::new() } else { format!(" {}", acts.join(", ")) };
            format!("`{}`{acts}", String::from_utf8(read).unwrap())
        }
        Err(refusal) => format!("*{}*", refusal.reason),
    }
}

/// Options as a config spells them; `accept` and `reject` are the acts that are not as by default.
pub(crate) fn options(given: &Value) -> Result<Options, String> {
    let acts = |key: &str| {
        let acts = given[key].as_array().into_iter().flatten().map(|act| Act::named(act.as_str().unwrap()).unwrap());
        acts.fold(Acts::NONE, Acts::with)
    };
    let mut options = Options { lossy: Options::default().lossy.or(acts("accept")), ..Options::default() };
    options.lossy = options.lossy.and(acts("reject").not());
    for (key, value) in given.as_object().into_iter().flatten() {
        let word = value.as_str().unwrap_or_default();
        match (key.as_str(), word) {
            ("accept" | "reject", _) => {}
            ("unions", "plain") => options.unions = Unions::Plain,
            ("unions", "tagged") => options.unions = Unions::Tagged,
            ("unions", "auto") => options.unions = Unions::Auto,
            ("bytes", _) => options.bytes = bytes(word)?,
            ("names", "any_case") => options.names = Names::AnyCase,
            ("names", "any_style") => options.names = Names::AnyStyle,
            ("aliases", _) => options.aliases = value == true,
            ("root", _) => options.root = word.parse().map_err(|_| format!("root {word}"))?,
            ("path", _) => {
                for (path, settings) in value.as_object().into_iter().flatten() {
                    let path: Path = path.parse().map_err(|_| format!("path {path}"))?;
                    let settings = place(settings)?.into_iter();
                    options.places.extend(settings.map(|setting| Place { path: path.clone(), setting }));
                }
            }
            _ => return Err(format!("option {key} = {value}")),
        }
    }
    Ok(options)
}

fn bytes(word: &str) -> Result<BytesText, String> {
    Ok(match word {
        "latin1" => BytesText::Latin1,
        "base64" => BytesText::Base64,
        "hex" => BytesText::Hex,
        "utf8" => BytesText::Utf8,
        _ => return Err(format!("bytes {word}")),
    })
}

/// One place's settings as a config spells them, but for `offset`, which is in seconds.
fn place(given: &Value) -> Result<Vec<Setting>, String> {
    let text = |key: &str| given[key].as_str().map(str::to_owned);
    let acts = |key: &str| given[key].as_str().and_then(Act::named).map_or(Acts::NONE, |act| Acts::NONE.with(act));
    let offset = given["offset"].as_i64().map(|offset| offset as i32);
    let branches = given["branches"].as_object().into_iter().flatten();
    let branches = branches.map(|(value, name)| (value.clone(), name.as_str().unwrap().to_owned())).collect();
    let mut settings: Vec<Setting> = text("key").map(Setting::Key).into_iter().collect();
    if let Some(word) = text("bytes") {
        settings.push(Setting::Bytes(bytes(&word)?));
    }
    settings.extend(text("format").map(|format| Setting::Time { format, offset }));
    settings.extend(text("discriminator").map(|key| Setting::Discriminator { key, branches }));
    if given.get("accept").or(given.get("reject")).is_some() {
        settings.push(Setting::Lossy { accepted: acts("accept"), refused: acts("reject") });
    }
    Ok(settings)
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(format!("{what}: {found:?}, wanted {wanted:?}")) }
}
