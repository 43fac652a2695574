//! `config/conversion.md`: every row of its tables is what the transcoder does.
//!
//! The rules are examples that are run; the decisions on what other libraries do are compared with their own test cases
//! (`../shared/conformance`, skipped aloud where that is absent). BLESS=1 writes the second table anew.

use crate::conformance::{fault, lines, shared, string};
use crate::golden::{options, outcome};
use json2avro::transcoder::{Act, Acts, Names, Options, Plan, Unions};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/conversion.md");
const BEGIN: &str = "<!-- decisions: written by tests/decisions.rs -->\n";

fn page() -> String {
    std::fs::read_to_string(PAGE).unwrap()
}

/// The cells of a table's row, if a line is one.
fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(row.replace("\\|", "\u{1}").split(" | ").map(|cell| cell.replace('\u{1}', "|")).collect())
}

/// What stands in a cell's backquotes.
fn code(cell: &str) -> Option<&str> {
    cell.trim_matches('`').split('`').next().filter(|code| !code.is_empty())
}

#[test]
fn every_rule_is_what_happens() {
    let page = page();
    let (rules, _) = page.split_once(BEGIN).unwrap();
    let (mut accepted, mut refused, mut wrong, mut rows) = (BTreeSet::new(), BTreeSet::new(), Vec::new(), 0);
    for line in rules.lines().filter(|line| line.contains(" | `")) {
        let cells = cells(line).unwrap_or_else(|| panic!("no row: {line}"));
        let [schema, json, given, result] = cells.get(1..5).unwrap() else { panic!("five cells: {line}") };
        let given: Value = code(given).map_or(Value::Null, |given| serde_json::from_str(given).unwrap());
        let found = outcome(code(schema).unwrap(), &options(&given).unwrap(), code(json).unwrap_or_default());
        rows += 1;
        if found != *result {
            wrong.push(format!("{line}\n    {found}"));
        }
        // `2.5` and the acts behind it; or *the reason*.
        match result.strip_prefix('*') {
            Some(reason) => drop(refused.insert(reason.trim_end_matches('*').to_owned())),
            None => accepted.extend(result.rsplit('`').next().unwrap().split([' ', ',']).map(str::to_owned)),
        }
    }
    assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
    for act in Act::ALL.map(Act::label) {
        assert!(accepted.contains(act), "no row shows {act} accepted");
        assert!(refused.contains(act), "no row shows {act} refused");
    }
}

#[test]
fn every_decision_is_what_happens() {
    let Some(folder) = shared("conformance") else { return };
    let mut table = String::from("| case | as it comes | with everything accepted |\n|---|---|---|\n");
    let mut cases = 0;
    for case in lines(folder.join("conversion.jsonl.gz")) {
        if !matches!(string(&case, "class"), "lenient" | "policy-reject") {
            continue;
        }
        cases += 1;
        let everything = Options { lossy: Acts::ALL, names: Names::AnyStyle, aliases: true, ..Options::default() };
        let [plain, all] = [Options::default(), everything].map(|options| decision(&case, options));
        table += &format!("| {} | {plain} | {} |\n", string(&case, "id"), if all == plain { "the same" } else { &all });
    }
    assert!(cases > 200, "the material is cut short: {cases} cases");
    let page = page();
    let (above, found) = page.split_once(BEGIN).unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(PAGE, format!("{above}{BEGIN}{table}")).unwrap();
    } else {
        assert_eq!(found, table, "BLESS=1 writes it anew");
    }
}

/// What happens to another library's case: as there, with another value, or refused.
fn decision(case: &Value, options: Options) -> String {
    let unions = if string(case, "dialect") == "avro-json" { Unions::Tagged } else { Unions::Plain };
    let options = Options { unions, ..options };
    let Ok(plan) = Plan::compile(string(case, "schema"), &[], &options).map(Arc::new) else {
        return String::from("the schema is refused");
    };
    let found = outcome(string(case, "schema"), &options, string(case, "input"));
    if let Some(reason) = found.strip_prefix('*') {
        let also = string(&case["expect"], "result") == "error";
        return format!("refused{}: {}", if also { ", as there" } else { "" }, reason.trim_end_matches('*'));
    }
    let acts = found.rsplit('`').next().unwrap().trim();
    let acts = if acts.is_empty() { String::new() } else { format!(": {acts}") };
    let how = match string(&case["expect"], "result") {
        "error" => "taken",
        _ if fault(case, &plan).is_none() => "taken as there",
        _ => "taken, otherwise than there",
    };
    format!("{how}{acts}")
}
