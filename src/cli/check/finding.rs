//! What a check found, as values, and how they are shown.
//!
//! Comes in: findings. Goes out: aligned lines or one JSON document, and the exit code. Must never: hold a payload or a
//! secret.

use crate::fault::Blame;
use serde::Serialize;
use std::collections::BTreeMap;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Error,
    Warning,
    Ok,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// The pipeline, where it is about one.
    pub(super) pipeline: Option<String>,
    /// What it is about: a config key, `topic "orders"`, `subject "orders-value"`...
    pub(super) about: String,
    pub(super) message: String,
    /// Empty where nothing is to be done.
    pub(super) next_step: String,
    /// Whoever has to act on an error: decides the exit code.
    #[serde(skip)]
    pub(super) blame: Option<Blame>,
}

/// What became of the records of one pipeline that were converted for a trial.
#[derive(Debug, Default, Serialize)]
pub(super) struct Sample {
    pub(super) pipeline: String,
    pub(super) topic: String,
    pub(super) records: u64,
    /// Those that would be written, tombstones included.
    pub(super) fit: u64,
    pub(super) tombstones: u64,
    pub(super) refused: u64,
    pub(super) refusals: Vec<Refusals>,
    pub(super) lossy: BTreeMap<&'static str, u64>,
}

/// The refusals for one reason at one JSON path.
#[derive(Debug, Serialize)]
pub(super) struct Refusals {
    pub(super) stage: &'static str,
    pub(super) reason: &'static str,
    pub(super) path: String,
    pub(super) count: u64,
    /// The first one: where it lies, and why it is refused.
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) message: String,
}

/// All findings of one check.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    pub(super) samples: Vec<Sample>,
}

impl Report {
    pub(super) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// A bug first, then what someone must correct, then what could not be asked, then records.
    pub(super) fn exit_code(&self) -> u8 {
        let has = |wanted: &u8| {
            let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
            errors.filter_map(|finding| finding.blame).any(|blame| blame.exit_code() == *wanted)
        };
        [70, 64, 69, 65].into_iter().find(|code| has(code)).unwrap_or(0)
    }

    /// One JSON document.
    pub(super) fn json(&self) -> String {
        let document = serde_json::json!({
            "exit_code": self.exit_code(),
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "findings": self.findings,
            "samples": self.samples,
        });
        format!("{document:#}\n")
    }

    /// One line a finding, in columns, and a last line with the counts.
    pub(super) fn human(&self) -> String {
        let width = |text: fn(&Finding) -> &str| {
            self.findings.iter().map(|finding| text(finding).chars().count()).max().unwrap_or(0)
        };
        let (pipelines, abouts) = (width(pipeline), width(|finding| &finding.about));
        let mut text = String::new();
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Error => "ERROR",
                Severity::Warning => "WARNING",
                Severity::Ok => "ok",
            };
            let next = if finding.next_step.is_empty() { "" } else { "; " };
            text += &format!(
                "{severity:<7}  {:<pipelines$}  {:<abouts$}  {}{next}{}\n",
                pipeline(finding),
                finding.about,
                finding.message,
                finding.next_step
            );
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        text += &format!("{errors} errors, {warnings} warnings, {} ok\n", self.count(Severity::Ok));
        text
    }
}

fn pipeline(finding: &Finding) -> &str {
    finding.pipeline.as_deref().unwrap_or("-")
}

/// Notes findings about one pipeline.
pub(super) struct Notes<'r> {
    pub(super) report: &'r mut Report,
    pub(super) pipeline: &'r str,
}

impl Notes<'_> {
    pub(super) fn ok(&mut self, about: &str, message: impl Into<String>) {
        self.note(Severity::Ok, about, message.into(), "", None);
    }

    pub(super) fn warn(&mut self, about: &str, message: impl Into<String>, next_step: &str) {
        self.note(Severity::Warning, about, message.into(), next_step, None);
    }

    pub(super) fn error(&mut self, blame: Blame, about: &str, message: impl Into<String>, next_step: &str) {
        self.note(Severity::Error, about, message.into(), next_step, Some(blame));
    }

    fn note(&mut self, severity: Severity, about: &str, message: String, next_step: &str, blame: Option<Blame>) {
        let (about, next_step) = (about.to_owned(), next_step.to_owned());
        let pipeline = Some(self.pipeline.to_owned());
        self.report.findings.push(Finding { severity, pipeline, about, message, next_step, blame });
    }
}
