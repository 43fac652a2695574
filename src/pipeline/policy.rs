//! What to do about a failure: a table.
//!
//! Comes in: a fault and the pipeline's policy for refused records. Goes out: what happens to the record and its
//! partition. Must never: do it.

use crate::config::RefusedPolicy;
use crate::fault::{Blame, Fault};

/// What happens to a record that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It goes to the dead letter topic.
    DeadLetter,
    /// It is left out.
    Skip,
    /// Its partition stops in front of it.
    Stop,
}

/// A refused record: only what its producer is to blame for may be left behind; anything else would lose good records.
pub(super) fn refused(fault: &Fault, policy: &RefusedPolicy) -> Refused {
    match (fault.blame, policy) {
        (Blame::Record, RefusedPolicy::DeadLetter { .. }) => Refused::DeadLetter,
        (Blame::Record, RefusedPolicy::Skip) => Refused::Skip,
        (Blame::Record, RefusedPolicy::Stop) | (Blame::Config | Blame::Registry | Blame::Broker | Blame::Us, _) => {
            Refused::Stop
        }
    }
}

/// What happens to a partition of which a record was handed over and not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// Read again from the first record that was not delivered.
    Rewind,
    /// Stop in front of it.
    Stop,
    /// The producer itself is done for: the lane starts anew.
    Restart,
}

/// A record that the broker did not take. The record itself cannot be told from its batch mates, which fail with it:
/// never dead-letter here.
pub(super) fn undelivered(fault: &Fault) -> Undelivered {
    match fault.reason {
        "producer_fatal" => Undelivered::Restart,
        // Given up by ourselves.
        "purged" => Undelivered::Rewind,
        // librdkafka has tried whatever a further try may mend: to rewind here would go round for ever.
        _ => Undelivered::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Stage;

    #[test]
    fn only_the_records_own_faults_leave_it_behind() {
        let dead_letter = RefusedPolicy::DeadLetter { topic: "dead".into() };
        for blame in [Blame::Record, Blame::Config, Blame::Registry, Blame::Broker, Blame::Us] {
            let fault = Fault::lasting(Stage::Convert, blame, "any", "any");
            let own = blame == Blame::Record;
            assert_eq!(refused(&fault, &dead_letter) == Refused::DeadLetter, own, "{blame:?}");
            assert_eq!(refused(&fault, &RefusedPolicy::Skip) == Refused::Skip, own, "{blame:?}");
            assert_eq!(refused(&fault, &RefusedPolicy::Stop), Refused::Stop, "{blame:?}");
        }
    }

    #[test]
    fn an_undelivered_record_rewinds_stops_or_restarts() {
        let cases = [
            (Fault::passing(Stage::Produce, Blame::Broker, "purged", ""), Undelivered::Rewind),
            (Fault::passing(Stage::Produce, Blame::Broker, "broker_error", ""), Undelivered::Stop),
            (Fault::lasting(Stage::Produce, Blame::Config, "not_authorized", ""), Undelivered::Stop),
            (Fault::lasting(Stage::Produce, Blame::Record, "message_too_large", ""), Undelivered::Stop),
            (Fault::lasting(Stage::Produce, Blame::Broker, "producer_fatal", ""), Undelivered::Restart),
        ];
        for (fault, expected) in cases {
            assert_eq!(undelivered(&fault), expected, "{fault:?}");
        }
    }
}
