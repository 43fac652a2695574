//! Connections that cannot be held: a number of them, and a deadline for each.
//!
//! `axum::serve` has no timeout of its own. Each connection carries one request, so one deadline from its first byte to
//! its last bounds a client that sends its headers slowly, never asks, or never reads the answer. Where there are too
//! many, the oldest makes room: an honest one is answered within milliseconds, and a probe must not wait behind idle ones.
//!
//! Comes in: a listener. Goes out: streams that fail once their time is over. Must never: end because accepting failed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Sleep;

/// The most connections at a time; a further one ends the oldest.
const MOST: usize = 64;
/// One request and its answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// After accepting failed (out of file descriptors, mostly).
const PAUSE: Duration = Duration::from_millis(200);

/// A listener with the bounds.
#[derive(Debug)]
pub(super) struct Connections {
    listener: TcpListener,
    most: usize,
    deadline: Duration,
    /// Dropping one ends its connection; oldest first.
    open: VecDeque<oneshot::Sender<Infallible>>,
}

impl Connections {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, most: MOST, deadline: DEADLINE, open: VecDeque::new() }
    }

    fn admit(&mut self, stream: TcpStream) -> Connection {
        self.open.retain(|connection| !connection.is_closed());
        while self.open.len() >= self.most {
            self.open.pop_front();
        }
        let (end, ended) = oneshot::channel();
        self.open.push_back(end);
        Connection { stream, deadline: Box::pin(tokio::time::sleep(self.deadline)), ended }
    }
}

impl axum::serve::Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            if let Ok((stream, peer)) = self.listener.accept().await {
                return (self.admit(stream), peer);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A stream with its deadline and its place among the most.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    ended: oneshot::Receiver<Infallible>,
}

impl Connection {
    /// The stream while its time is not over. Also has the task woken when it is.
    fn in_time(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        if self.deadline.as_mut().poll(cx).is_ready() || Pin::new(&mut self.ended).poll(cx).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.in_time(cx) {
            Ok(stream) => stream.poll_read(cx, buf),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.in_time(cx) {
            Ok(stream) => stream.poll_write(cx, buf),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A client that never finishes its request is cut off by the deadline; with room for one, by the next client.
    #[test]
    fn a_slow_client_is_cut_off_and_the_next_is_served() {
        for (most, deadline) in [(2, Duration::from_millis(50)), (1, Duration::from_secs(3600))] {
            cut_off(most, deadline);
        }
    }

    fn cut_off(most: usize, deadline: Duration) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let connections = Connections { listener, most, deadline, open: VecDeque::new() };
            let server = tokio::spawn(async { axum::serve(connections, Router::new()).await });

            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(b"GET / HT").await.unwrap();
            let mut next = TcpStream::connect(address).await.unwrap();
            next.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();

            let mut answer = String::new();
            next.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
            let mut rest = Vec::new();
            // Closed or reset, but over.
            drop(slow.read_to_end(&mut rest).await);
            assert_eq!(rest, b"");
            server.abort();
        });
    }
}
