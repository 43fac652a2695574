//! A registry over raw HTTP, and scripts of what is asked of it and what it must answer.
//!
//! Comes in: a base URL and steps. Goes out: the steps that were answered otherwise. Must never: go through our client.

use crate::services::{http, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

/// What the registry's own API calls its bodies.
const JSON: &str = "application/vnd.schemaregistry.v1+json";

/// A registry, asked by one run of the tests.
pub(crate) struct Registry {
    url: String,
    /// Sets this run's subjects apart from those of earlier ones.
    run: String,
    /// For an answer to come where there was none.
    patience: Duration,
}

/// A status and a body; `Null` where it is no JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// One question and its answer. `{run}` in a path or text is the run's own prefix; `$name` in an expected body takes
/// whatever number is there, which must be the same wherever the name comes back, in paths too.
pub(crate) struct Step {
    /// What it shows: the key into the lists of what a registry answers otherwise.
    pub(crate) name: &'static str,
    pub(crate) ask: &'static str,
    pub(crate) body: Value,
    pub(crate) status: u16,
    /// The whole body; of a refusal its code alone, since the words are the registry's own.
    pub(crate) answer: Value,
}

/// A step in one line.
pub(crate) fn step(name: &'static str, ask: &'static str, body: Value, status: u16, answer: Value) -> Step {
    Step { name, ask, body, status, answer }
}

/// A way in which a registry answers otherwise than Confluent's: which step, what it answers, why that stands.
pub(crate) type Deviation = (&'static str, u16, Value, &'static str);

/// The body that registers an Avro schema.
pub(crate) fn schema_body(schema: &str) -> Value {
    json!({ "schema": schema })
}

impl Registry {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), run: super::run(), patience: Duration::ZERO }
    }

    /// A registry that may close a connection without an answer: Apicurio on a busy machine. It is asked again.
    pub(crate) fn on_a_busy_machine(url: &str) -> Self {
        Self { patience: Duration::from_secs(120), ..Self::new(url) }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A subject of this run.
    pub(crate) fn subject(&self, name: &str) -> String {
        format!("{}-{name}", self.run)
    }

    /// One question.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, JSON, &text(body))
    }

    /// One question with any body.
    pub(crate) fn send(&self, method: &str, path: &str, content_type: &str, body: &str) -> Answer {
        self.answer(method, path, content_type, body).unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    /// `None` where nobody knows what was done: a deletion that may have been read was not answered. Asked twice, it alone
    /// answers otherwise.
    fn answer(&self, method: &str, path: &str, content_type: &str, body: &str) -> Option<Answer> {
        let url = format!("{}{path}", self.url);
        let answer = wait_for(&format!("an answer to {method} {url}"), self.patience, || {
            match http::exchange(method, &url, content_type, body) {
                Ok(answer) => Some(Some(answer)),
                Err(error) if method == "DELETE" && error.kind() != ErrorKind::ConnectionRefused => Some(None),
                Err(_) => None,
            }
        })?;
        Some(Answer { status: answer.status, body: serde_json::from_str(&answer.body).unwrap_or(Value::Null) })
    }

    /// Asks all steps in their order; what was answered otherwise than the step, or than the deviation from it, says.
    /// Where a deletion was not answered, all over again, with subjects that nothing was done to.
    pub(crate) fn play(&self, steps: &[Step], deviations: &[Deviation]) -> Vec<String> {
        let mut rounds = 0;
        wait_for("a round in which every deletion is answered", self.patience, || {
            rounds += 1;
            self.play_as(&format!("{}-{rounds}", self.run), steps, deviations)
        })
    }

    fn play_as(&self, run: &str, steps: &[Step], deviations: &[Deviation]) -> Option<Vec<String>> {
        let mut wrong = Vec::new();
        let mut bound = BTreeMap::new();
        for step in steps {
            let deviation = deviations.iter().find(|(name, ..)| *name == step.name);
            let (status, expected) =
                deviation.map_or((step.status, &step.answer), |(_, status, answer, _)| (*status, answer));
            let (method, path) = step.ask.split_once(' ').expect("METHOD /path");
            let path = bound.iter().fold(path.replace("{run}", run), |path, (name, number): (&String, &Value)| {
                path.replace(name, &number.to_string())
            });
            let answer = self.answer(method, &path, JSON, &text(&named(run, &step.body)))?;
            let fits = answer.status == status && fits(&named(run, expected), &answer.body, &mut bound);
            if !fits {
                wrong.push(format!(
                    "{}: {method} {path}: {} {}, should be {status} {expected}",
                    step.name, answer.status, answer.body
                ));
            }
        }
        Some(wrong)
    }
}

/// A body as it is sent: none for `Null`.
fn text(body: &Value) -> String {
    if body.is_null() { String::new() } else { body.to_string() }
}

/// With the run's prefix in all texts.
fn named(run: &str, value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(text.replace("{run}", run)),
        Value::Array(values) => values.iter().map(|value| named(run, value)).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), named(run, value))).collect())
        }
        other => other.clone(),
    }
}

fn fits(expected: &Value, found: &Value, bound: &mut BTreeMap<String, Value>) -> bool {
    match (expected, found) {
        (Value::String(name), Value::Number(_)) if name.starts_with('$') => {
            bound.entry(name.clone()).or_insert_with(|| found.clone()) == found
        }
        (Value::Object(expected), Value::Object(found)) if expected.contains_key("error_code") => {
            let told = found.get("message").and_then(Value::as_str).is_some_and(|message| !message.is_empty());
            told && found.get("error_code") == expected.get("error_code")
        }
        (Value::Object(expected), Value::Object(found)) => {
            expected.len() == found.len()
                && expected.iter().all(|(key, value)| found.get(key).is_some_and(|found| fits(value, found, bound)))
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(value, found)| fits(value, found, bound))
        }
        // In a deviation alone: an answer that depends on what else is registered there.
        (Value::String(any), _) if any == "*" => true,
        _ => expected == found,
    }
}
