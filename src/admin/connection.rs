//! Connections that cannot be held: a number of them, and a deadline for each.
//!
//! `axum::serve` has no timeout of its own. Each connection carries one request, so one deadline from its first byte to
//! its last bounds a client that sends its headers slowly, never asks, or never reads the answer.
//!
//! Comes in: a listener. Goes out: streams that fail once their time is over. Must never: end because accepting failed.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// The most connections at a time; further ones wait in the kernel's backlog.
const MOST: usize = 64;
/// One request and its answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// After accepting failed (out of file descriptors, mostly).
const PAUSE: Duration = Duration::from_millis(200);

/// A listener with the bounds.
#[derive(Debug)]
pub(super) struct Connections {
    listener: TcpListener,
    free: Arc<Semaphore>,
    deadline: Duration,
}

impl Connections {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, free: Arc::new(Semaphore::new(MOST)), deadline: DEADLINE }
    }
}

impl axum::serve::Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            // A semaphore that is never closed always gives in the end.
            if let Ok(permit) = Arc::clone(&self.free).acquire_owned().await
                && let Ok((stream, peer)) = self.listener.accept().await
            {
                let deadline = Box::pin(tokio::time::sleep(self.deadline));
                return (Connection { stream, deadline, _permit: permit }, peer);
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
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// The stream while its time is not over. Also has the task woken when it is.
    fn in_time(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        if self.deadline.as_mut().poll(cx).is_ready() {
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

    /// With room for one connection, a client that never finishes its request delays the next one by the deadline alone.
    #[test]
    fn a_slow_client_is_cut_off_and_the_next_is_served() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let deadline = Duration::from_millis(50);
            let connections = Connections { listener, free: Arc::new(Semaphore::new(1)), deadline };
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
