//! What the probes say of the pipelines and their lanes.
//!
//! Comes in: pulses. Goes out: yes or no, and the words for it. Must never: look at anything beyond the process (an
//! outage elsewhere must not restart it).

use crate::lifecycle::{Pulse, Readiness};
use serde_json::{Value, json};
use std::time::Duration;

/// Whether every lane polled its control queue within `timeout`, and a line for each lane.
pub(super) fn live(pulses: &[(String, Vec<Pulse>)], timeout: Duration) -> (bool, String) {
    let mut alive = true;
    let mut lines = String::new();
    for (pipeline, lanes) in pulses {
        for (number, pulse) in lanes.iter().enumerate() {
            let age = pulse.age();
            let stalled = age >= timeout;
            alive &= !stalled;
            let lane = if lanes.len() > 1 { format!(" lane {number}") } else { String::new() };
            let word = if stalled { "stalled" } else { "alive" };
            lines.push_str(&format!("{pipeline}{lane}: {word}, last poll {} ms ago\n", age.as_millis()));
        }
    }
    (alive, lines)
}

/// Whether every lane joined its group once and none failed, and why, by pipeline. A process that drains is not ready.
pub(super) fn ready(
    pulses: &[(String, Vec<Pulse>)],
    draining: bool,
    failure: impl Fn(&str) -> Option<&'static str>,
) -> (bool, Value) {
    let worst = |lanes: &[Pulse]| lanes.iter().map(Pulse::readiness).max().unwrap_or(Readiness::Joining);
    let ready = !draining && pulses.iter().all(|(_, lanes)| worst(lanes) == Readiness::Ready);
    let pipelines = pulses.iter().map(|(pipeline, lanes)| {
        let readiness = worst(lanes);
        let reason = match readiness {
            Readiness::Ready => Value::Null,
            Readiness::Joining => "has not joined its consumer group yet".into(),
            Readiness::Failed => failure(pipeline).unwrap_or("failed").into(),
        };
        json!({ "name": pipeline, "ready": readiness == Readiness::Ready, "reason": reason })
    });
    (ready, json!({ "ready": ready, "draining": draining, "pipelines": pipelines.collect::<Vec<_>>() }))
}
