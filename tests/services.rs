//! Real Kafka and a real Schema Registry for the tests: started once per test process, used by one test at a time.
//!
//! Comes in: nothing; `services/services` fetches and starts them. Goes out: a `Turn`, through which a test makes
//! topics, writes and reads them, registers schemas, stops and starts either service, and runs the sidecar. Must never:
//! pass a test because a service is missing, or leave a process behind.

pub(crate) mod http;
mod registry;
pub(crate) mod sidecar;
pub(crate) mod topics;

use crate::spawn::Spawn;
use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use topics::Broker;

/// The script that starts and stops the services.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services/services");
/// Set by hand on a machine without the tools; ignored in CI.
const SKIP: &str = "JSON2AVRO_SKIP_SERVICES";

/// Between two questions: what is waited for needs the processor, too.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

static SERVICES: OnceLock<Result<Services, String>> = OnceLock::new();
static TURN: Mutex<()> = Mutex::new(());

/// Both services, running.
pub(crate) struct Services {
    folder: PathBuf,
    broker: Broker,
    secured: String,
    registry_url: String,
    /// Its standard input is open for as long as this process lives; when it closes, the services end.
    _hold: Child,
}

/// One test's time with the services. Another test may have the brokers of the fault harness meanwhile: both wait more than
/// they compute.
pub(crate) struct Turn {
    services: &'static Services,
    _guard: MutexGuard<'static, ()>,
}

impl Deref for Turn {
    type Target = Services;

    fn deref(&self) -> &Services {
        self.services
    }
}

impl Deref for Services {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        &self.broker
    }
}

/// One service.
#[derive(Clone, Copy)]
pub(crate) enum Service {
    Kafka,
    Registry,
    /// A second Kafka, with an authorizer: runs only where a test starts it.
    Secured,
}

impl Services {
    /// Waits for this test's turn, with both services up; `None` where someone chose by hand to go without them.
    pub(crate) fn turn() -> Option<Turn> {
        let guard = alone(&TURN)?;
        let services = match SERVICES.get_or_init(Self::begin) {
            Ok(services) => services,
            Err(message) => panic!("the real services are not there: {message}"),
        };
        // It may have left one of them stopped, though.
        services.script(&["up"]);
        Some(Turn { services, _guard: guard })
    }

    fn begin() -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("services-{}", std::process::id()));
        let mut hold = Command::new(SCRIPT)
            .arg("hold")
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn_apart()
            .map_err(|error| format!("{SCRIPT} does not start ({error}); it needs Python 3.9 or newer as python3"))?;
        let mut line = String::new();
        BufReader::new(hold.stdout.take().unwrap()).read_line(&mut line).map_err(|error| error.to_string())?;
        if line.trim() != "ready" {
            let mut message = String::new();
            hold.stderr.take().unwrap().read_to_string(&mut message).map_err(|error| error.to_string())?;
            return Err(message);
        }
        let environment = std::fs::read_to_string(folder.join("env")).map_err(|error| error.to_string())?;
        let value = |name: &str| {
            environment
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
                .ok_or_else(|| format!("{name} is missing in {}/env", folder.display()))
        };
        Ok(Self {
            broker: Broker::at(value("KAFKA_BOOTSTRAP_SERVERS")?),
            secured: value("KAFKA_SECURED_BOOTSTRAP_SERVERS")?,
            registry_url: value("SCHEMA_REGISTRY_URL")?,
            folder,
            _hold: hold,
        })
    }

    /// The registry's base URL; it has a path.
    pub(crate) fn registry_url(&self) -> &str {
        &self.registry_url
    }

    /// The Kafka with an authorizer, which has to be started, as one of its users sees it: `admin`, `mover`.
    pub(crate) fn secured(&self, user: &str) -> Broker {
        Broker::at(self.secured.clone()).user(user)
    }

    /// Allows the user `mover` operations there on `--topic`, a name, `--group`, a name... or `--cluster`.
    pub(crate) fn allow(&self, operations: &[&str], resources: &[String]) {
        let mut command = Command::new(SCRIPT);
        command.arg("acl").arg(&self.folder).args(["--add", "--allow-principal", "User:mover"]);
        for operation in operations {
            command.args(["--operation", operation]);
        }
        let done = command.args(resources).output_apart().unwrap();
        assert!(done.status.success(), "{operations:?} {resources:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Ends a service as an operator would.
    pub(crate) fn stop(&self, service: Service) {
        self.script(&["stop", service.name()]);
    }

    /// Starts a service that was stopped: same port, same data.
    pub(crate) fn start(&self, service: Service) {
        self.script(&["start", service.name()]);
    }

    fn script(&self, arguments: &[&str]) {
        let done = Command::new(SCRIPT).args(arguments).arg(&self.folder).output_apart().unwrap();
        assert!(done.status.success(), "services {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::Secured => "secured",
        }
    }
}

/// Waits until no other test has this turn; `None` where someone chose by hand to go without services of any kind.
pub(crate) fn alone(turn: &'static Mutex<()>) -> Option<MutexGuard<'static, ()>> {
    if std::env::var(SKIP).is_ok_and(|value| value == "1") && std::env::var("CI").is_err() {
        eprintln!("\n*** SKIPPED, NOT PASSED: {SKIP}=1, so nothing was proved on real services ***\n");
        return None;
    }
    // A test that failed before us says nothing about this one.
    Some(turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// Asks until there is an answer; panics with `what` when the limit passes.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, answer: impl FnMut() -> Option<T>) -> T {
    wait_between(PAUSE, what, limit, answer)
}

/// As `wait_for`, where to ask takes a Kafka client of its own, which comes and goes with a question.
pub(crate) fn wait_at_broker<T>(what: &str, limit: Duration, answer: impl FnMut() -> Option<T>) -> T {
    wait_between(Duration::from_millis(200), what, limit, answer)
}

fn wait_between<T>(pause: Duration, what: &str, limit: Duration, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = answer() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        thread::sleep(pause);
    }
}
