//! A relay between a client and a server that keeps every octet.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::wire::records;

const PATIENCE: Duration = Duration::from_secs(30);

/// Listens on a port of its own, which stays the same for all connections.
pub(crate) struct Relay {
    listener: TcpListener,
    pub(crate) port: u16,
}

/// What the two sides of one connection sent.
pub(crate) struct Carried {
    pub(crate) by_client: Vec<u8>,
    pub(crate) by_server: Vec<u8>,
}

impl Relay {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { port: listener.local_addr().unwrap().port(), listener }
    }

    /// Carries the next connection to this port, until both sides have ended it.
    pub(crate) fn carry(&self, to: u16) -> JoinHandle<Carried> {
        let listener = self.listener.try_clone().unwrap();
        thread::spawn(move || {
            let client = accept(&listener);
            let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            for side in [&client, &server] {
                side.set_read_timeout(Some(PATIENCE)).unwrap();
            }
            let is_asked = AtomicBool::new(false);
            thread::scope(|scope| {
                let by_client = scope.spawn(|| from_client(&client, &server, &is_asked));
                let by_server = from_server(&server, &client, &is_asked);
                Carried { by_client: by_client.join().unwrap(), by_server }
            })
        })
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok((client, _)) = listener.accept() {
            client.set_nonblocking(false).unwrap();
            return client;
        }
        assert!(Instant::now() < deadline, "nobody connected to the relay");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Once the client has sent application data, which in TLS 1.3 its Finished is too, `is_asked` is true.
fn from_client(mut client: &TcpStream, mut server: &TcpStream, is_asked: &AtomicBool) -> Vec<u8> {
    const HANDSHAKE: u8 = 22;
    const APPLICATION_DATA: u8 = 23;
    let (mut all, mut buffer) = (vec![], [0; 4096]);
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        all.extend(&buffer[..length]);
        // What comes to TLS by STARTTLS is a dialogue, in which either side waits for the other.
        let is_request = all[0] == HANDSHAKE && records(&all).any(|record| record[0] == APPLICATION_DATA);
        is_asked.fetch_or(is_request, SeqCst);
        // What the receiver does not want any more is kept all the same: whether it has closed before the last alert
        // arrives is a matter of chance.
        let _ = server.write_all(&buffer[..length]);
    }
    let _ = server.shutdown(Shutdown::Write);
    all
}

/// What the server sends once it `is_asked` is delivered when it has sent all, its end too: whether a client finds the
/// end together with the answer would be a matter of chance, and some then send no alert.
fn from_server(mut server: &TcpStream, mut client: &TcpStream, is_asked: &AtomicBool) -> Vec<u8> {
    let (mut all, mut delivered, mut buffer) = (vec![], 0, [0; 4096]);
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        all.extend(&buffer[..length]);
        if !is_asked.load(SeqCst) {
            let _ = client.write_all(&all[delivered..]);
            delivered = all.len();
        }
    }
    let _ = client.write_all(&all[delivered..]);
    let _ = client.shutdown(Shutdown::Write);
    all
}
