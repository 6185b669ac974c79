//! The man in the middle as far as he only moves octets: passes them on, edits the first ones, or drops connections.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mecai::extension::VOUCHERS;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::super::Error;
use super::super::port::{Listening, Port};
use super::super::server_thread::ServerThread;
use super::client_hello::{record_length, without_extension};

/// A peer that says nothing for so long is left.
const SILENCE: Duration = Duration::from_secs(20);
const BUFFER: usize = 16 * 1024;

/// What is done to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Nothing.
    Pass,
    /// The extension 0xFF4D is taken out of the ClientHello.
    Strip,
    /// Of every client address, the first, third, fifth connection and so on is dropped: in turn as soon as the
    /// ClientHello is there, and once the client has seen the certificate and answered.
    DropEveryOther,
}

/// A relay to `upstream`; dropping it breaks its connections.
#[derive(Debug)]
pub(super) struct Relay {
    port: Port,
    accepted: Arc<Mutex<HashMap<IpAddr, usize>>>,
    dropped: Arc<AtomicUsize>,
    _thread: ServerThread,
    _listening: Listening,
}

impl Relay {
    /// Starts at this address.
    pub(super) fn start(address: SocketAddr, upstream: SocketAddr, treatment: Treatment) -> Result<Self, Error> {
        let port = Port::hold_exact(address)?;
        let (listener, listening) = port.listen()?;
        let dropped = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::default();
        let counts = (Arc::clone(&accepted), Arc::clone(&dropped));
        let serve = async move || {
            if let Err(error) = serve(listener, upstream, treatment, counts).await {
                tracing::error!(%error, "a relay of the lab ended");
            }
        };
        let thread = ServerThread::spawn(&format!("relay:{}", port.address().port()), serve)?;
        Ok(Self { port, accepted, dropped, _thread: thread, _listening: listening })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// How many connections have come from this address.
    pub(super) fn accepted_from(&self, client: IpAddr) -> usize {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).get(&client).copied().unwrap_or_default()
    }

    /// How many connections it has dropped.
    pub(super) fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }
}

async fn serve(
    listener: std::net::TcpListener,
    upstream: SocketAddr,
    treatment: Treatment,
    (accepted, dropped): (Arc<Mutex<HashMap<IpAddr, usize>>>, Arc<AtomicUsize>),
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (client, from) = listener.accept().await?;
        let place = {
            let mut accepted = accepted.lock().unwrap_or_else(PoisonError::into_inner);
            let count = accepted.entry(from.ip()).or_default();
            *count += 1;
            *count - 1
        };
        let dropped = Arc::clone(&dropped);
        // A connection that breaks is the peers' business.
        tokio::spawn(async move {
            match treatment {
                Treatment::DropEveryOther if place % 2 == 0 => {
                    let _ = drop_connection(client, upstream, place % 4 == 0).await;
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
                Treatment::Strip => {
                    let _ = relay(client, upstream, |hello| without_extension(&hello, VOUCHERS).unwrap_or(hello)).await;
                }
                Treatment::Pass | Treatment::DropEveryOther => {
                    let _ = relay(client, upstream, |hello| hello).await;
                }
            }
        });
    }
}

async fn relay(mut client: TcpStream, upstream: SocketAddr, edit: impl FnOnce(Vec<u8>) -> Vec<u8>) -> io::Result<()> {
    let hello = read_record(&mut client).await?;
    let mut server = connect(upstream).await?;
    client.set_nodelay(true)?;
    server.write_all(&edit(hello)).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// Ends a connection by a reset, before or after the server's certificate has got through.
async fn drop_connection(mut client: TcpStream, upstream: SocketAddr, early: bool) -> io::Result<()> {
    let hello = read_record(&mut client).await?;
    if !early {
        let mut server = connect(upstream).await?;
        server.write_all(&hello).await?;
        let (mut from_server, mut from_client) = (vec![0; BUFFER], vec![0; BUFFER]);
        let both = async {
            loop {
                tokio::select! {
                    read = server.read(&mut from_server) => match read? {
                        0 => break,
                        length => client.write_all(&from_server[..length]).await?,
                    },
                    // The client has judged: it goes on, or it has sent an alert.
                    read = client.read(&mut from_client) => {
                        read?;
                        break;
                    }
                }
            }
            io::Result::Ok(())
        };
        let _ = timeout(SILENCE, both).await;
    }
    client.set_zero_linger()?;
    Ok(())
}

async fn connect(upstream: SocketAddr) -> io::Result<TcpStream> {
    let server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    Ok(server)
}

/// The first TLS record.
async fn read_record(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let read = async {
        let mut octets = Vec::new();
        while record_length(&octets).is_none_or(|length| octets.len() < length) {
            if client.read_buf(&mut octets).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(octets)
    };
    timeout(SILENCE, read).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
