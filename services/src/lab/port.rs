//! Ports that stay ours while nobody listens on them.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener};

use rand::RngExt;
use socket2::{Domain, Socket, Type};

use super::Error;

/// Below the ports that Linux gives to those who do not choose (from 32768 on unless configured otherwise), so that
/// it gives a held port to nobody.
const CHOICE: std::ops::RangeInclusive<u16> = 12_000..=32_767;
const ATTEMPTS: usize = 256;

/// A free TCP port that this value holds, so that a server may go down and come up again, or a child process may take
/// it, without another program getting it in between.
///
/// The socket is bound but never listens: a connection to it is refused. A server that sets `SO_REUSEADDR`, as nginx
/// and tokio do, can listen on the same address meanwhile.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _held: Socket,
}

impl Port {
    /// Holds a free port at `ip`.
    ///
    /// # Errors
    /// [`Error::Listen`] when the address is not one of this machine's, or no port is left.
    pub fn hold(ip: IpAddr) -> Result<Self, Error> {
        let mut attempts = 0;
        loop {
            let address = SocketAddr::new(ip, rand::rng().random_range(CHOICE));
            attempts += 1;
            match Self::bind(address) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts < ATTEMPTS => {}
                outcome => return outcome.map_err(Error::listen(ip, address.port())),
            }
        }
    }

    /// Holds the given address and port.
    ///
    /// # Errors
    /// [`Error::Listen`] when another program listens there or holds it.
    pub fn hold_exact(address: SocketAddr) -> Result<Self, Error> {
        Self::bind(address).map_err(Error::listen(address.ip(), address.port()))
    }

    /// The address and the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A listening, non-blocking socket on this port, until the second value is dropped; several in turn may be had,
    /// one at a time.
    pub(super) fn listen(&self) -> Result<(TcpListener, Listening), Error> {
        listen(self.address).map_err(Error::listen(self.address.ip(), self.address.port()))
    }

    /// Two sockets may share a port only if both are marked. This one is marked after it is bound: binding fails if
    /// another socket is there, marked or not, and servers can join afterwards.
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let held = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        held.bind(&address.into())?;
        held.set_reuse_address(true)?;
        Ok(Self { address, _held: held })
    }
}

/// Dropping it ends the listening. Closing the listener would not be enough: a child process that another thread is
/// just starting has a copy of it until it executes its program, and connections to that copy would be accepted.
#[derive(Debug)]
pub(super) struct Listening(Socket);

impl Drop for Listening {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown(Shutdown::Both) {
            tracing::error!(%error, "a server of the lab could not stop listening");
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, Listening)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    socket.listen(1024)?;
    let listening = Listening(socket.try_clone()?);
    Ok((socket.into(), listening))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::ErrorKind;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_held_port_refuses_until_someone_listens_and_again_afterwards() {
        let port = Port::hold(Ipv4Addr::new(127, 10, 0, 9).into()).unwrap();
        let refused = || TcpStream::connect(port.address()).map_err(|error| error.kind());
        assert_eq!(refused().unwrap_err(), ErrorKind::ConnectionRefused);
        for _ in 0..3 {
            let (listener, listening) = port.listen().unwrap();
            let copy = listener.try_clone().unwrap();
            assert!(refused().is_ok());
            drop((listener, listening));
            assert_eq!(refused().unwrap_err(), ErrorKind::ConnectionRefused);
            drop(copy);
            assert_eq!(refused().unwrap_err(), ErrorKind::ConnectionRefused);
        }
    }

    #[test]
    fn a_held_port_is_not_given_twice() {
        let port = Port::hold(Ipv4Addr::LOCALHOST.into()).unwrap();
        for _ in 0..2 {
            let error = Port::hold_exact(port.address()).unwrap_err();
            assert_eq!(error.code(), "lab_listen");
            drop(port.listen().unwrap());
        }
    }

    #[test]
    fn a_port_in_use_is_named() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = Port::hold_exact(other.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.code(), "lab_listen");
        assert!(error.to_string().contains(&other.local_addr().unwrap().to_string()), "{error}");
    }
}
