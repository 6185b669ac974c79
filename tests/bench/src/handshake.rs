//! One handshake in memory, with the processor time of each side from SSL_new to SSL_free.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use openssl::ssl::{ErrorCode, Ssl, SslStream};

use crate::contender::Contender;
use crate::cpu::thread_time;

/// What one handshake cost.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) client: Duration,
    pub(crate) server: Duration,
    /// Octets that both sides sent.
    pub(crate) bytes: usize,
}

/// Makes one handshake; an error if it does not finish on both sides.
pub(crate) fn make(contender: &Contender) -> Result<Cost, Box<dyn std::error::Error>> {
    let to_server = Pipe::new();
    let to_client = Pipe::new();
    let mut time = [Duration::ZERO; 2];

    let (mut client, mut server) = (None, None);
    spend(&mut time[0], || -> Result<(), openssl::error::ErrorStack> {
        let mut ssl = contender.client()?;
        ssl.set_connect_state();
        client = Some(SslStream::new(ssl, End { from: to_client.clone(), to: to_server.clone() })?);
        Ok(())
    })?;
    spend(&mut time[1], || -> Result<(), openssl::error::ErrorStack> {
        let mut ssl = Ssl::new(contender.server())?;
        ssl.set_accept_state();
        server = Some(SslStream::new(ssl, End { from: to_server.clone(), to: to_client.clone() })?);
        Ok(())
    })?;
    let (mut client, mut server) = (client.ok_or("no client")?, server.ok_or("no server")?);

    let mut done = [false; 2];
    for _ in 0..10 {
        if !done[0] {
            done[0] = spend(&mut time[0], || step(&mut client))?;
        }
        if !done[1] {
            done[1] = spend(&mut time[1], || step(&mut server))?;
        }
    }
    if done != [true, true] {
        return Err("the handshake did not finish in ten flights".into());
    }
    let bytes = to_client.sent() + to_server.sent();
    spend(&mut time[0], || drop(client));
    spend(&mut time[1], || drop(server));
    Ok(Cost { client: time[0], server: time[1], bytes })
}

fn spend<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let before = thread_time();
    let result = work();
    *total += thread_time().saturating_sub(before);
    result
}

/// Goes on as far as the octets at hand allow; whether the handshake has finished.
fn step(stream: &mut SslStream<End>) -> Result<bool, openssl::ssl::Error> {
    match stream.do_handshake() {
        Ok(()) => Ok(true),
        Err(error) if error.code() == ErrorCode::WANT_READ => Ok(false),
        Err(error) => Err(error),
    }
}

/// Octets on their way, and how many there were.
#[derive(Clone)]
struct Pipe(Rc<RefCell<(VecDeque<u8>, usize)>>);

impl Pipe {
    /// With room for every flight, as a socket has it: no side pays for its growth.
    fn new() -> Self {
        Self(Rc::new(RefCell::new((VecDeque::with_capacity(1 << 16), 0))))
    }

    fn sent(&self) -> usize {
        self.0.borrow().1
    }
}

/// One end of the connection.
struct End {
    from: Pipe,
    to: Pipe,
}

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.from.0.borrow_mut().0.read(buffer)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            octets => Ok(octets),
        }
    }
}

impl Write for End {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut pipe = self.to.0.borrow_mut();
        pipe.0.extend(octets);
        pipe.1 += octets.len();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
