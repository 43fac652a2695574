//! The admin server.
//!
//! | path | answer |
//! |---|---|
//! | `/live` | 200 while every lane polled its control queue lately, else 503; the body names the lanes |
//! | `/ready` | 200 once every lane joined its group and none failed, else 503; the body says why, as JSON |
//! | `/metrics` | Prometheus text format 0.0.4 |
//!
//! Comes in: pulses and metrics. Goes out: HTTP, one request a connection. Must never: touch the data path, wait for
//! another service, let a client hold it (`connection` has the bounds).

mod connection;
mod probe;

use crate::config;
use crate::fault::{Blame, Fault, Stage};
use crate::lifecycle::{Pulse, Shutdown};
use crate::telemetry::Metrics;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use connection::Connections;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// Takes the address, before anything else of the process starts. Needs no runtime.
pub fn bind(admin: &config::Admin) -> Result<Bound, Fault> {
    let taken = TcpListener::bind(admin.listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(Bound { address: listener.local_addr()?, listener, live_timeout: admin.live_timeout })
    });
    taken.map_err(|error| {
        let message = format!("cannot listen at admin.listen = {}: {error}; choose another address", admin.listen);
        Fault::lasting(Stage::Config, Blame::Config, "admin_listen", message)
    })
}

/// The server with its address taken, not yet answering.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    live_timeout: Duration,
}

impl Bound {
    /// Where it listens: the port is known even where the config says 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped, through the drain too, so that the last counts can be scraped; once `shutdown` is
    /// ordered `/ready` says no. `pulses` are those of each pipeline's lanes.
    pub async fn serve(
        self,
        metrics: Arc<Metrics>,
        pulses: Vec<(String, Vec<Pulse>)>,
        shutdown: Shutdown,
    ) -> io::Result<()> {
        let connections = Connections::new(tokio::net::TcpListener::from_std(self.listener)?);
        let live_timeout = self.live_timeout;
        axum::serve(connections, router(Process { metrics, pulses, shutdown, live_timeout })).await
    }
}

/// What the answers are made of.
#[derive(Debug)]
struct Process {
    metrics: Arc<Metrics>,
    pulses: Vec<(String, Vec<Pulse>)>,
    shutdown: Shutdown,
    live_timeout: Duration,
}

fn router(process: Process) -> Router {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .layer(middleware::map_response(close))
        .with_state(Arc::new(process))
}

async fn live(State(process): State<Arc<Process>>) -> impl IntoResponse {
    let (alive, body) = probe::live(&process.pulses, process.live_timeout);
    (status(alive), [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body)
}

async fn ready(State(process): State<Arc<Process>>) -> impl IntoResponse {
    let draining = process.shutdown.ordered();
    let (ready, body) = probe::ready(&process.pulses, draining, |pipeline| process.metrics.failure(pipeline));
    (status(ready), [(header::CONTENT_TYPE, "application/json")], body.to_string())
}

async fn metrics(State(process): State<Arc<Process>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], process.metrics.render())
}

fn status(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// One request a connection: what a connection may cost is then bounded by its deadline alone.
async fn close(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
