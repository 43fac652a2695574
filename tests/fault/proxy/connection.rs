//! One connection through the proxy: for each direction a thread that reads frames and one that writes them when due.

use super::trap::Request;
use super::{Shared, State};
use socket2::SockRef;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Frames on their way in one direction; more wait in the sender's socket.
const ON_THE_WAY: usize = 256;
/// Bytes between two looks at the weather.
const PIECE: usize = 1024;
/// No frame of the tests is as large.
const MOST_BYTES: usize = 256 << 20;

/// Both ends.
pub(super) struct Connection {
    client: TcpStream,
    broker: TcpStream,
    closed: AtomicBool,
    /// Each request without an answer, by its correlation id.
    asked: Mutex<HashMap<i32, Request>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Response,
}

struct Frame {
    due: Instant,
    bytes: Vec<u8>,
}

impl Connection {
    pub(super) fn begin(shared: &Arc<Shared>, client: TcpStream, broker: TcpStream) {
        for stream in [&client, &broker] {
            // A delay of Nagle's would be one that nobody ordered.
            drop(stream.set_nodelay(true));
        }
        let connection = Arc::new(Self { client, broker, closed: AtomicBool::new(false), asked: Mutex::default() });
        let mut state = shared.lock();
        state.connections.retain(|known| !known.closed.load(Ordering::Relaxed));
        state.connections.push(Arc::clone(&connection));
        drop(state);
        for direction in [Direction::Request, Direction::Response] {
            let (send, receive) = sync_channel(ON_THE_WAY);
            let (reading, at) = (Arc::clone(&connection), Arc::clone(shared));
            thread::spawn(move || {
                // The end of a stream is how each of them ends.
                drop(reading.read(direction, &at, &send));
            });
            let (writing, at) = (Arc::clone(&connection), Arc::clone(shared));
            thread::spawn(move || {
                drop(writing.write(direction, &at, &receive));
                writing.close();
                at.changed.notify_all();
            });
        }
    }

    /// Ends the connection by RST at both ends, once its threads let go of it; whether it was open.
    pub(super) fn reset(&self) -> bool {
        for stream in [&self.client, &self.broker] {
            drop(SockRef::from(stream).set_linger(Some(Duration::ZERO)));
        }
        let open = !self.closed.swap(true, Ordering::Relaxed);
        for stream in [&self.client, &self.broker] {
            // Sends nothing, unlike the write side's; wakes the reader.
            drop(stream.shutdown(Shutdown::Read));
        }
        open
    }

    /// As `reset`; nobody counts it as open any more.
    fn end(&self, state: &mut State, shared: &Shared) {
        self.reset();
        state.connections.retain(|known| !known.closed.load(Ordering::Relaxed));
        shared.changed.notify_all();
    }

    fn close(&self) {
        if !self.closed.swap(true, Ordering::Relaxed) {
            drop(self.client.shutdown(Shutdown::Both));
            drop(self.broker.shutdown(Shutdown::Both));
        }
    }

    fn read(&self, direction: Direction, shared: &Shared, send: &SyncSender<Frame>) -> io::Result<()> {
        // The fixed head of a request (api key, version, correlation id) and of a response (correlation id).
        let (mut from, least) = match direction {
            Direction::Request => (&self.client, 8),
            Direction::Response => (&self.broker, 4),
        };
        loop {
            let bytes = read_frame(&mut from, least)?;
            let mut state = shared.lock();
            let due = Instant::now() + state.weather.delay;
            let trap = state.trap.clone();
            let (request, passed) = match direction {
                Direction::Request => {
                    let request = Request::of(&bytes);
                    self.asked().insert(number(&bytes[8..]), request.clone());
                    state.passed.entry(request.api).or_default().requests += 1;
                    (Some(request), true)
                }
                Direction::Response => {
                    let request = self.asked().remove(&number(&bytes[4..]));
                    let api = request.as_ref().map(|request| request.api);
                    let lost = api.filter(|api| state.weather.swallow.contains(api));
                    if let Some(api) = lost {
                        state.passed.entry(api).or_default().swallowed += 1;
                        if state.weather.swallow_resets {
                            self.end(&mut state, shared);
                        }
                    }
                    (request, lost.is_none())
                }
            };
            drop(state);
            let held = trap.zip(request);
            if held.is_some_and(|(trap, request)| !trap.pass(&request, direction == Direction::Response)) {
                self.end(&mut shared.lock(), shared);
                return Ok(());
            }
            if passed && send.send(Frame { due, bytes }).is_err() {
                return Ok(());
            }
        }
    }

    fn write(&self, direction: Direction, shared: &Shared, frames: &Receiver<Frame>) -> io::Result<()> {
        let mut to = match direction {
            Direction::Request => &self.broker,
            Direction::Response => &self.client,
        };
        for frame in frames {
            thread::sleep(frame.due.saturating_duration_since(Instant::now()));
            // Piece by piece, so that a change of the weather is felt in the middle of a large one.
            for piece in frame.bytes.chunks(PIECE) {
                let mut state = shared.lock();
                while state.weather.black_hole && !self.closed.load(Ordering::Relaxed) {
                    state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                let rate = match direction {
                    Direction::Request => state.weather.request_bytes_per_second,
                    Direction::Response => state.weather.response_bytes_per_second,
                };
                state.narrowed += rate.map_or(0, |_| piece.len() as u64);
                drop(state);
                if self.closed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if let Some(rate) = rate {
                    thread::sleep(Duration::from_secs_f64(piece.len() as f64 / f64::from(rate)));
                }
                to.write_all(piece)?;
            }
        }
        Ok(())
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, HashMap<i32, Request>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A frame with its length in front; without that at least so many bytes.
fn read_frame(from: &mut impl Read, least: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    from.read_exact(&mut bytes)?;
    let length = usize::try_from(number(&bytes)).unwrap_or(usize::MAX);
    if !(least..MOST_BYTES).contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes: no Kafka")));
    }
    bytes.resize(4 + length, 0);
    from.read_exact(&mut bytes[4..])?;
    Ok(bytes)
}

/// A big-endian 32-bit number at the front.
fn number(bytes: &[u8]) -> i32 {
    match bytes {
        [a, b, c, d, ..] => i32::from_be_bytes([*a, *b, *c, *d]),
        _ => -1,
    }
}
