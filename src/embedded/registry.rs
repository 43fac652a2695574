//! A Schema Registry in this process: Confluent's HTTP API on loopback, Avro only, everything in memory.
//!
//! The wire format and the rules are those of Confluent's `schema-registry` (its `core` REST resources, read at 8.5);
//! the answers keep to what 7.x sends, which every client understands. Reading order: `http` (routes) <- `request` and
//! `answer` (bodies) <- `subjects` (what is registered), `deletion` and `references` <- `level` (who must read whom) <-
//! `compatibility` (whether one schema reads another) and `difference` (the words for it) <- `schema`, `canonical` and
//! `default` (one schema).
//!
//! Where it is not Confluent's: no version number is given twice, not even that of a version that was deleted for good,
//! and a schema keeps its id for as long. Two versions of one type in the references of a schema are refused, not the
//! later one ignored. There are no contexts, modes, metadata, rules, GUIDs and no types but Avro; a body that asks to
//! keep any of these is refused, and a schema with its references written out is not found under the one that refers to
//! them.
//!
//! Comes in: HTTP. Goes out: HTTP. Must never: panic or hang on any input, give an id or a version number twice.

mod answer;
mod canonical;
mod compatibility;
mod default;
mod deletion;
mod difference;
mod http;
mod level;
mod references;
mod request;
mod schema;
mod subjects;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// A running registry. It ends, and forgets everything, when dropped.
#[derive(Debug)]
pub struct Registry {
    url: String,
    /// Dropping it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Registry {
    /// Binds 127.0.0.1:`port` (0: any free port) and serves in a thread of its own until dropped.
    ///
    /// # Errors
    /// When the port is taken, or the system has no thread to give.
    pub fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("embedded-registry".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    // Neither outcome has anyone to be told to: it serves until it is stopped.
                    _ = http::serve(listener) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { url, stop: Some(stop), thread: Some(thread) })
    }

    /// The base URL: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread ends with its runtime, open connections included, so that the port is free afterwards.
            drop(thread.join());
        }
    }
}
