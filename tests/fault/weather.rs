//! The proxy itself: each weather is felt, and fine weather changes nothing. Without Kafka: frames against an echo.

use super::proxy::{Api, Fate, Proxy, Sight, Trap, Weather};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for any machine to answer, short enough to wait for nothing.
const SOON: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker that answers each request with its correlation id and its body, and counts nothing.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut head = [0; 12];
                while stream.read_exact(&mut head).is_ok() {
                    let mut body = vec![0; i32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize - 8];
                    stream.read_exact(&mut body).unwrap();
                    let mut answer = (4 + body.len() as i32).to_be_bytes().to_vec();
                    answer.extend_from_slice(&head[8..]);
                    answer.extend_from_slice(&body);
                    if stream.write_all(&answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

struct Client(TcpStream);

impl Client {
    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    fn ask(&mut self, api: i16, correlation: i32, body: &[u8]) {
        let mut request = (8 + body.len() as i32).to_be_bytes().to_vec();
        request.extend_from_slice(&api.to_be_bytes());
        request.extend_from_slice(&7i16.to_be_bytes());
        request.extend_from_slice(&correlation.to_be_bytes());
        request.extend_from_slice(body);
        self.0.write_all(&request).unwrap();
    }

    /// The next answer's correlation id and body.
    fn answer(&mut self, limit: Duration) -> Result<(i32, Vec<u8>), ErrorKind> {
        self.0.set_read_timeout(Some(limit)).unwrap();
        let mut head = [0; 8];
        self.0.read_exact(&mut head).map_err(|error| error.kind())?;
        let number = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let mut body = vec![0; number(0) as usize - 4];
        self.0.read_exact(&mut body).map_err(|error| error.kind())?;
        Ok((number(4), body))
    }
}

/// A proxy before an echo, and the port it listens on.
fn proxied() -> (Proxy, u16) {
    // Taken and let go: nobody else here binds this port in between.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    (Proxy::start(port, echo()).unwrap(), port)
}

#[test]
fn fine_weather_changes_no_byte_and_counts() {
    let (proxy, port) = proxied();
    let mut client = Client::connect(port);
    for correlation in 0..50 {
        let body: Vec<u8> = (0..correlation as usize * 997).map(|at| at as u8).collect();
        client.ask(i16::try_from(correlation % 2).unwrap(), correlation, &body);
        assert_eq!(client.answer(PATIENCE).unwrap(), (correlation, body));
    }
    assert_eq!((proxy.passed(Api::PRODUCE).requests, proxy.passed(Api::FETCH).requests), (25, 25));
    assert_eq!(proxy.passed(Api::PRODUCE).swallowed, 0);
}

#[test]
fn a_delay_holds_each_direction_and_a_rate_the_bytes() {
    let (proxy, port) = proxied();
    let mut client = Client::connect(port);
    for (weather, least) in [
        (Weather { delay: Duration::from_millis(150), ..Weather::default() }, Duration::from_millis(300)),
        (Weather { request_bytes_per_second: Some(10_000), ..Weather::default() }, Duration::from_millis(300)),
        (Weather { response_bytes_per_second: Some(10_000), ..Weather::default() }, Duration::from_millis(300)),
    ] {
        proxy.set(weather.clone());
        let began = Instant::now();
        for correlation in 0..3 {
            client.ask(0, correlation, &[0; 1000]);
        }
        for correlation in 0..3 {
            assert_eq!(client.answer(PATIENCE).unwrap().0, correlation);
        }
        assert!(began.elapsed() >= least, "{weather:?}: {:?}", began.elapsed());
    }
}

#[test]
fn a_black_hole_holds_everything_until_it_heals() {
    let (proxy, port) = proxied();
    let mut old = Client::connect(port);
    proxy.set(Weather { black_hole: true, ..Weather::default() });
    let mut new = Client::connect(port);
    for client in [&mut old, &mut new] {
        client.ask(0, 1, b"x");
        assert!(matches!(client.answer(SOON), Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)));
    }
    proxy.clear();
    for client in [&mut old, &mut new] {
        assert_eq!(client.answer(PATIENCE), Ok((1, b"x".to_vec())));
    }
}

#[test]
fn a_reset_reaches_the_client_as_one_even_in_a_black_hole() {
    let (proxy, port) = proxied();
    for black_hole in [false, true] {
        let mut client = Client::connect(port);
        client.ask(0, 1, b"x");
        assert!(client.answer(PATIENCE).is_ok());
        proxy.set(Weather { black_hole, ..Weather::default() });
        client.ask(0, 2, b"x");
        assert_eq!(client.answer(SOON).is_ok(), !black_hole);
        assert_eq!(proxy.reset(), 1);
        assert_eq!(client.answer(PATIENCE), Err(ErrorKind::ConnectionReset), "black hole: {black_hole}");
        assert_eq!(proxy.reset(), 0, "it was forgotten");
        proxy.clear();
    }
}

#[test]
fn one_kind_of_answer_is_lost_after_the_work_was_done() {
    let (proxy, port) = proxied();
    let mut client = Client::connect(port);
    proxy.set(Weather { swallow: vec![Api::PRODUCE], ..Weather::default() });
    client.ask(0, 1, b"lost");
    client.ask(1, 2, b"fetched");
    assert_eq!(client.answer(PATIENCE), Ok((2, b"fetched".to_vec())));
    assert!(client.answer(SOON).is_err());
    assert_eq!(proxy.passed(Api::PRODUCE).swallowed, 1);
    proxy.set(Weather { swallow: vec![Api::PRODUCE], swallow_resets: true, ..Weather::default() });
    client.ask(0, 3, b"lost");
    assert_eq!(client.answer(PATIENCE), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.passed(Api::PRODUCE).swallowed, 2);
    assert_eq!(proxy.passed(Api::FETCH).swallowed, 0);
}

#[test]
fn refusing_ends_new_connections_and_keeps_old_ones() {
    let (proxy, port) = proxied();
    let mut old = Client::connect(port);
    old.ask(0, 1, b"x");
    assert!(old.answer(PATIENCE).is_ok());
    proxy.set(Weather { refuse: true, ..Weather::default() });
    let mut new = Client::connect(port);
    assert!(matches!(new.answer(PATIENCE), Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)));
    old.ask(0, 2, b"y");
    assert_eq!(old.answer(PATIENCE), Ok((2, b"y".to_vec())));
}

/// A request's body: who asks, then some bytes more.
fn of(client: &str, rest: &[u8]) -> Vec<u8> {
    [&(client.len() as u16).to_be_bytes(), client.as_bytes(), rest].concat()
}

#[test]
fn a_trap_holds_the_last_of_its_frames_alone() {
    let (produce, commit, abort) = (of("we", b"x"), of("we", &[1]), of("we", &[0]));
    for (sequence, passes, held) in [
        (&[Sight::request(Api::PRODUCE)][..], &[(1, &produce)][..], (0, &produce)),
        (&[Sight::answer(Api::PRODUCE); 3], &[(0, &produce), (1, &produce), (0, &produce)], (0, &produce)),
        (&[Sight::request(Api::FETCH), Sight::answer(Api::PRODUCE)], &[(0, &produce), (1, &produce)], (0, &produce)),
        (&[Sight::request(Api::END_TXN).of_an_abort()], &[(26, &commit)], (26, &abort)),
        (&[Sight::answer(Api::END_TXN)], &[(26, &abort)], (26, &commit)),
    ] {
        for fate in [Fate::Passes, Fate::Lost] {
            let (proxy, port) = proxied();
            let mut client = Client::connect(port);
            let trap = Arc::new(Trap::new("we", sequence));
            proxy.look_out(&trap);
            client.ask(0, 1, &of("others", b"x"));
            assert_eq!(client.answer(PATIENCE).unwrap().0, 1);
            for (api, body) in passes {
                client.ask(*api, 2, body);
                assert_eq!(client.answer(PATIENCE).unwrap().0, 2, "{sequence:?}");
            }
            assert!(!trap.holds(Duration::ZERO), "{sequence:?}");
            client.ask(held.0, 3, held.1);
            assert!(trap.holds(PATIENCE), "{sequence:?}");
            assert!(client.answer(SOON).is_err());
            trap.release(fate);
            let answer = client.answer(PATIENCE).map(|(correlation, _)| correlation);
            assert_eq!(answer, if fate == Fate::Passes { Ok(3) } else { Err(ErrorKind::ConnectionReset) });
        }
    }
}
