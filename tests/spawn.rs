//! Child processes are made, and mock brokers go down, one after the other.
//!
//! Until a child has become its program it holds this process's sockets, a mock broker's listening one among them. A broker
//! that goes down at that moment cannot bind its port anew, and librdkafka ends the whole run (`rd_kafka_mock_broker_cmd`); a
//! connection that a server of ours has closed seems open to its client.
//! Comes in: commands, brokers. Goes out: the same, later. Must never: be gone round by a test.

use rdkafka::client::ClientContext;
use rdkafka::mocking::MockCluster;
use std::ffi::OsString;
use std::io::Result;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

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

/// While this lives no child is being made, and none has this port's listening socket still: its maker goes on as soon as
/// it has its program's memory, a moment before it closes what it inherited. The port can be bound anew. Of connections
/// nothing is asked: those that a mock broker takes stay with children for good (it does not mark them to be closed).
pub(crate) fn alone(port: u16) -> RwLockWriteGuard<'static, ()> {
    let alone = MAKING.write().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    while held_by_another(port) {
        assert!(began.elapsed() < Duration::from_secs(20), "another process holds the listening socket of port {port}");
        std::thread::sleep(Duration::from_millis(1));
    }
    alone
}

/// As Linux tells it (proc(5): /proc/net/tcp, /proc/PID/fd); elsewhere nobody is asked.
fn held_by_another(port: u16) -> bool {
    const LISTENING: &str = "0A";
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let inodes: Vec<String> = sockets
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 9 && fields[1].ends_with(&format!(":{port:04X}")) && fields[3] == LISTENING)
        .map(|fields| format!("socket:[{}]", fields[9]))
        .collect();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let number = |name: OsString| name.to_str().and_then(|name| name.parse::<u32>().ok());
    let mut files = processes
        .filter(|process| number(process.file_name()).is_some_and(|process| process != std::process::id()))
        .flat_map(|process| std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten())
        .filter_map(|file| std::fs::read_link(file.path()).ok());
    !inodes.is_empty() && files.any(|file| inodes.iter().any(|inode| file.as_os_str() == inode.as_str()))
}

/// A mock broker, or all for -1, takes no connections and ends those that it has.
pub(crate) fn broker_down<C: ClientContext>(mock: &MockCluster<'_, C>, broker: i32) {
    let servers = mock.bootstrap_servers();
    // One broker is all that a test has.
    let (_, port) = servers.rsplit_once(':').unwrap();
    let _alone = alone(port.parse().unwrap());
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
