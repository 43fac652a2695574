//! What the probes say of the lanes.
//!
//! Comes in: pulses. Goes out: yes or no, and the words for it. Must never: look at anything beyond the process (an
//! outage elsewhere must not restart it).

use crate::lifecycle::{Pulse, Readiness};
use serde_json::{Value, json};
use std::time::Duration;

/// Whether every lane polled its control queue within `timeout`, and a line for each lane.
pub(super) fn live(pulses: &[(String, Pulse)], timeout: Duration) -> (bool, String) {
    let mut alive = true;
    let mut lines = String::new();
    for (lane, pulse) in pulses {
        let age = pulse.age();
        let stalled = age >= timeout;
        alive &= !stalled;
        let word = if stalled { "stalled" } else { "alive" };
        lines.push_str(&format!("{lane}: {word}, last poll {} ms ago\n", age.as_millis()));
    }
    (alive, lines)
}

/// Whether every lane joined its group once and none failed, and why, lane by lane. A process that drains is not ready.
pub(super) fn ready(
    pulses: &[(String, Pulse)],
    draining: bool,
    failure: impl Fn(&str) -> Option<&'static str>,
) -> (bool, Value) {
    let ready = !draining && pulses.iter().all(|(_, pulse)| pulse.ready());
    let pipelines = pulses.iter().map(|(lane, pulse)| {
        let reason = match pulse.readiness() {
            Readiness::Ready => Value::Null,
            Readiness::Joining => "has not joined its consumer group yet".into(),
            Readiness::Failed => failure(lane).unwrap_or("failed").into(),
        };
        json!({ "name": lane, "ready": pulse.ready(), "reason": reason })
    });
    (ready, json!({ "ready": ready, "draining": draining, "pipelines": pipelines.collect::<Vec<_>>() }))
}
