//! A TCP proxy between Kafka clients and one broker that adds latency, black holes, resets and lost responses on command,
//! and holds a frame that a test waits for (`trap`).
//!
//! It reads Kafka's frames (a 4-byte length; a request begins with api key, version and correlation id, a response with
//! the correlation id: kafka.apache.org/protocol, "Requests"), so that it can lose the answers of one kind of request
//! after the broker carried it out, and count what passed.
//!
//! Comes in: connections, weather. Goes out: the same bytes, late, never or cut off. Must never: change a byte, or lose
//! one on a connection that then goes on as if nothing had happened, but for whole responses.

mod connection;
mod trap;

use connection::Connection;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
pub(crate) use trap::{Fate, Sight, Trap};

/// The kinds of request that tests name, by their api key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Api(i16);

impl Api {
    pub(crate) const PRODUCE: Self = Self(0);
    pub(crate) const FETCH: Self = Self(1);
    pub(crate) const OFFSET_COMMIT: Self = Self(8);
    pub(crate) const OFFSET_FETCH: Self = Self(9);
    pub(crate) const JOIN_GROUP: Self = Self(11);
    pub(crate) const LEAVE_GROUP: Self = Self(13);
    pub(crate) const SYNC_GROUP: Self = Self(14);
    pub(crate) const INIT_PRODUCER_ID: Self = Self(22);
    pub(crate) const ADD_PARTITIONS_TO_TXN: Self = Self(24);
    pub(crate) const ADD_OFFSETS_TO_TXN: Self = Self(25);
    pub(crate) const END_TXN: Self = Self(26);
    pub(crate) const TXN_OFFSET_COMMIT: Self = Self(28);
}

/// What happens on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    /// Nothing passes in either direction; connections are taken and stay open. What was sent passes afterwards.
    pub(crate) black_hole: bool,
    /// New connections are closed at once.
    pub(crate) refuse: bool,
    /// Added to each direction.
    pub(crate) delay: Duration,
    /// On each connection; None: all the room they want.
    pub(crate) request_bytes_per_second: Option<u32>,
    /// As for requests.
    pub(crate) response_bytes_per_second: Option<u32>,
    /// The responses to these requests never come.
    pub(crate) swallow: Vec<Api>,
    /// Each response swallowed ends its connection, as an outage right after the broker's work does; otherwise the client
    /// waits.
    pub(crate) swallow_resets: bool,
}

/// What passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) requests: u64,
    /// Responses that never reached the client.
    pub(crate) swallowed: u64,
}

/// A proxy that listens until its process ends.
#[derive(Clone)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

/// What the proxy's threads see.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// The weather changed or a connection was closed.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    weather: Weather,
    passed: BTreeMap<Api, Passed>,
    connections: Vec<Arc<Connection>>,
    trap: Option<Arc<Trap>>,
    /// Bytes that passed at a limited rate.
    narrowed: u64,
}

impl Proxy {
    /// Listens on a loopback port and connects to another for each connection.
    pub(crate) fn start(port: u16, target: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let target = SocketAddr::from(([127, 0, 0, 1], target));
        let proxy = Self { shared: Arc::default() };
        let shared = Arc::clone(&proxy.shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.lock().weather.refuse {
                    continue;
                }
                // A broker that is down refuses; so does its proxy, as far as a connection that was taken can.
                let Ok(broker) = TcpStream::connect(target) else { continue };
                Connection::begin(&shared, client, broker);
            }
        });
        Ok(proxy)
    }

    /// From now on.
    pub(crate) fn set(&self, weather: Weather) {
        self.shared.lock().weather = weather;
        self.shared.changed.notify_all();
    }

    /// Fine weather again, and no trap: what one holds is lost.
    pub(crate) fn clear(&self) {
        self.set(Weather::default());
        let trap = self.shared.lock().trap.take();
        if let Some(trap) = trap {
            trap.release(Fate::Lost);
        }
    }

    /// A trap that this proxy and others look out for, in the place of the one before.
    pub(crate) fn look_out(&self, trap: &Arc<Trap>) {
        self.shared.lock().trap = Some(Arc::clone(trap));
    }

    /// Resets (RST) all connections that are open; how many there were.
    pub(crate) fn reset(&self) -> usize {
        let connections = std::mem::take(&mut self.shared.lock().connections);
        let open = connections.iter().filter(|connection| connection.reset()).count();
        self.shared.changed.notify_all();
        open
    }

    /// Bytes that passed at a limited rate, ever.
    pub(crate) fn narrowed(&self) -> u64 {
        self.shared.lock().narrowed
    }

    /// What passed of one kind, ever.
    pub(crate) fn passed(&self, api: Api) -> Passed {
        self.shared.lock().passed.get(&api).copied().unwrap_or_default()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
