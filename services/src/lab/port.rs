//! Ports that stay ours while nobody listens on them.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

use super::Error;

/// A TCP port that the system chose and that this value holds, so that a server may go down and come up again, or a
/// child process may take it, without another program getting it in between.
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
        Self::bind(SocketAddr::new(ip, 0)).map_err(Error::listen(ip, 0))
    }

    /// Holds the given address and port.
    ///
    /// # Errors
    /// [`Error::Listen`] when another program listens there.
    pub fn hold_exact(address: SocketAddr) -> Result<Self, Error> {
        Self::bind(address).map_err(Error::listen(address.ip(), address.port()))
    }

    /// The address and the port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A listening, non-blocking socket on this port; several in turn may be had, one at a time.
    pub(super) fn listen(&self) -> Result<TcpListener, Error> {
        listen(self.address).map_err(Error::listen(self.address.ip(), self.address.port()))
    }

    fn bind(address: SocketAddr) -> io::Result<Self> {
        let held = reusable(address)?;
        let address = held
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::Error::other("the system gave a socket without an IP address"))?;
        Ok(Self { address, _held: held })
    }
}

fn reusable(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = reusable(address)?;
    socket.set_nonblocking(true)?;
    socket.listen(1024)?;
    Ok(socket.into())
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
            let listener = port.listen().unwrap();
            assert!(refused().is_ok());
            drop(listener);
            assert_eq!(refused().unwrap_err(), ErrorKind::ConnectionRefused);
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
