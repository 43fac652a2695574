//! Three real brokers, a proxy before each, started once per test process and lent to one case at a time.
//!
//! Comes in: nothing; `fault/cluster` starts them. Goes out: a `Turn` with everything up and fine weather. Must never:
//! pass a case because the brokers are missing, or leave a process behind.

use super::proxy::{Proxy, Sight, Trap, Weather};
use crate::services::topics::{Broker, patiently};
use crate::services::{self, wait_for};
use crate::spawn::Spawn;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;
use std::fs::read_dir;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fault/cluster");
const PATIENCE: Duration = Duration::from_secs(90);

/// The brokers' numbers.
pub(crate) const BROKERS: [i32; 3] = [1, 2, 3];

static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
static TURN: Mutex<()> = Mutex::new(());

/// The brokers, running.
pub(crate) struct Cluster {
    folder: PathBuf,
    talk: Mutex<Talk>,
    proxies: [Proxy; 3],
    /// The way through the proxies.
    bootstrap: String,
    direct: Broker,
}

/// The script's ends; when its input closes, the brokers end.
struct Talk {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _hold: Child,
}

/// One case's time with the brokers.
pub(crate) struct Turn {
    cluster: &'static Cluster,
    _guard: MutexGuard<'static, ()>,
}

impl Deref for Turn {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        self.cluster
    }
}

impl Cluster {
    /// Waits for this case's turn; `None` where someone chose by hand to go without services.
    pub(crate) fn turn() -> Option<Turn> {
        let guard = services::alone(&TURN)?;
        let cluster = match CLUSTER.get_or_init(Self::begin) {
            Ok(cluster) => cluster,
            Err(message) => panic!("the brokers are not there: {message}"),
        };
        cluster.heal();
        Some(Turn { cluster, _guard: guard })
    }

    fn begin() -> Result<Self, String> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cluster-{}", std::process::id()));
        let mut hold = Command::new(SCRIPT)
            .arg("hold")
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn_apart()
            .map_err(|error| format!("{SCRIPT} does not start ({error}); it needs Python 3.9 or newer as python3"))?;
        let mut output = BufReader::new(hold.stdout.take().unwrap()).lines();
        let Some(Ok(line)) = output.next() else {
            let mut message = String::new();
            hold.stderr.take().unwrap().read_to_string(&mut message).map_err(|error| error.to_string())?;
            return Err(message);
        };
        let ports: Value = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        let port = |name: &str, index: usize| u16::try_from(ports[name][index].as_u64().unwrap()).unwrap();
        let servers = |name: &str| [0, 1, 2].map(|index| format!("127.0.0.1:{}", port(name, index))).join(",");
        let proxies = [0, 1, 2].map(|index| Proxy::start(port("proxy", index), port("client", index)).unwrap());
        let (bootstrap, direct) = (servers("proxy"), Broker::at(servers("direct")).replicated(3));
        let talk = Mutex::new(Talk { input: hold.stdin.take().unwrap(), output, _hold: hold });
        Ok(Self { folder, talk, proxies, bootstrap, direct })
    }

    /// `bootstrap.servers` of the sidecar: each broker behind its proxy.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The brokers past the proxies, for what a test does itself.
    pub(crate) fn direct(&self) -> &Broker {
        &self.direct
    }

    /// Where sidecars leave their pids, so that they end with the brokers.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What a topic takes on one disk, bytes: the size of its logs, by replica.
    pub(crate) fn stored_bytes(&self, topic: &str) -> usize {
        let disks = BROKERS.map(|broker| self.folder.join(broker.to_string()));
        let of_topic = |folder: &Path| {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.strip_prefix(topic)
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(|end| end.parse::<u32>().is_ok())
        };
        let files = |folder: &Path| read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let folders = disks.iter().flat_map(|disk| files(disk)).filter(|folder| of_topic(folder));
        let logs =
            folders.flat_map(|folder| files(&folder)).filter(|file| file.extension().is_some_and(|end| end == "log"));
        let bytes: u64 = logs.filter_map(|log| log.metadata().ok()).map(|log| log.len()).sum();
        usize::try_from(bytes).unwrap() / BROKERS.len()
    }

    /// The proxy before a broker.
    pub(crate) fn proxy(&self, broker: i32) -> &Proxy {
        &self.proxies[usize::try_from(broker).unwrap() - 1]
    }

    /// All proxies.
    pub(crate) fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// The same weather before each broker.
    pub(crate) fn weather(&self, weather: &Weather) {
        self.proxies.iter().for_each(|proxy| proxy.set(weather.clone()));
    }

    /// Has all proxies look out for frames of a client.
    pub(crate) fn trap(&self, client: &str, sequence: &[Sight]) -> Arc<Trap> {
        let trap = Arc::new(Trap::new(client, sequence));
        self.proxies.iter().for_each(|proxy| proxy.look_out(&trap));
        trap
    }

    /// Ends a broker as an operator would.
    pub(crate) fn stop(&self, broker: i32) {
        self.order("stop", broker).unwrap();
    }

    /// Ends a broker by SIGKILL.
    pub(crate) fn kill(&self, broker: i32) {
        self.order("kill", broker).unwrap();
    }

    /// Starts a broker that was ended, with its data; returns once it can serve.
    pub(crate) fn start(&self, broker: i32) {
        self.order("start", broker).unwrap();
    }

    /// Stops a broker's process where it stands (SIGSTOP): its connections stay open.
    pub(crate) fn freeze(&self, broker: i32) {
        self.order("freeze", broker).unwrap();
    }

    /// Lets it go on (SIGCONT).
    pub(crate) fn thaw(&self, broker: i32) {
        self.order("thaw", broker).unwrap();
    }

    fn order(&self, verb: &str, broker: i32) -> Result<(), String> {
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(talk.input, "{verb} {broker}").map_err(|error| error.to_string())?;
        match talk.output.next() {
            Some(Ok(answer)) if answer == "ok" => Ok(()),
            answer => Err(format!("{verb} {broker}: {answer:?}")),
        }
    }

    /// Mends whatever a case left behind.
    pub(crate) fn heal(&self) {
        self.proxies.iter().for_each(Proxy::clear);
        for broker in BROKERS {
            // Refused by one that does not run.
            drop(self.order("thaw", broker));
            self.start(broker);
        }
    }

    /// The broker that leads a partition now.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).ok()?;
        let found = metadata.topics().first()?.partitions().iter().find(|found| found.id() == partition)?;
        (found.leader() > 0).then(|| found.leader())
    }

    /// Whether there is such a topic.
    pub(crate) fn has_topic(&self, topic: &str) -> bool {
        let consumer: BaseConsumer = self.client().create().unwrap();
        // All of them: to ask for one may make it.
        let metadata = patiently("all topics", || consumer.fetch_metadata(None, PATIENCE));
        metadata.topics().iter().any(|found| found.name() == topic)
    }

    /// Waits until each partition of these topics has a leader and all three replicas in sync.
    pub(crate) fn in_sync(&self, topics: &[&str]) {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let whole = |topic: &str| {
            let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).ok()?;
            let partitions = metadata.topics().first()?.partitions();
            let synced = |count: usize| count == BROKERS.len();
            partitions.iter().all(|found| found.leader() > 0 && synced(found.isr().len())).then_some(())
        };
        for topic in topics {
            wait_for(&format!("three replicas of {topic} in sync"), PATIENCE, || whole(topic));
        }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.direct.bootstrap());
        config
    }
}
