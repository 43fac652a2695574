//! Child processes are made, and mock brokers go down, one after the other.
//!
//! Until a child has become its program it holds this process's sockets, a mock broker's listening one among them. A broker
//! that goes down at that moment cannot bind its port anew, and librdkafka ends the whole run (`rd_kafka_mock_broker_cmd`).
//! Comes in: commands, brokers. Goes out: the same, later. Must never: be gone round by a test.

use rdkafka::client::ClientContext;
use rdkafka::mocking::MockCluster;
use std::io::Result;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

static MAKING: RwLock<()> = RwLock::new(());

/// `Command`'s own calls, for this process.
pub(crate) trait Spawn {
    fn spawn_apart(&mut self) -> Result<Child>;
    fn output_apart(&mut self) -> Result<Output>;
    fn status_apart(&mut self) -> Result<ExitStatus>;
}

impl Spawn for Command {
    fn spawn_apart(&mut self) -> Result<Child> {
        let _making = MAKING.read().unwrap_or_else(PoisonError::into_inner);
        self.spawn()
    }

    fn output_apart(&mut self) -> Result<Output> {
        self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn_apart()?.wait_with_output()
    }

    fn status_apart(&mut self) -> Result<ExitStatus> {
        self.spawn_apart()?.wait()
    }
}

/// While this lives no child is being made: a port whose listener is gone can be bound anew.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    MAKING.write().unwrap_or_else(PoisonError::into_inner)
}

/// A mock broker, or all for -1, takes no connections and ends those that it has.
pub(crate) fn broker_down<C: ClientContext>(mock: &MockCluster<'_, C>, broker: i32) {
    let _alone = alone();
    mock.broker_down(broker).unwrap();
}

#[test]
fn a_mock_broker_goes_down_while_children_are_made() {
    let cluster = crate::lane::stage::Cluster::start();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert!(Command::new("true").status_apart().unwrap().success());
                }
            });
        }
        for _ in 0..20 {
            broker_down(&cluster.mock(), -1);
            cluster.mock().broker_up(-1).unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
}
