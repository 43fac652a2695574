//! The log's reader goes away: standard error is a pipe like any other. (One that stays and does not read: `fault`.)

use crate::services::sidecar::Sidecar;
use crate::services::wait_for;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_reader_of_the_log_that_goes_ends_nothing() {
    // Nobody is there: what it does is to wait, to say so, and to end when told.
    let mut sidecar = Sidecar::start_unheard(
        r#"
        kafka.main."bootstrap.servers" = "127.0.0.1:1"
        registry.main.url = "http://127.0.0.1:1"
        pipeline.main.group_id = "g"
        pipeline.main.source.topic = "in"
        pipeline.main.sink.topic = "out"
        "#,
    );
    wait_for("the admin server", PATIENCE, || sidecar.probe("live"));
    assert!(sidecar.hear() > 0, "it says something while somebody reads");
    sidecar.signal("TERM");
    assert_eq!(sidecar.exit(PATIENCE).0, Some(0), "exit code after SIGTERM");
}
