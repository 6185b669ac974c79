//! A client that visits servers over loopback: one full handshake each time, and nothing else.

use std::error::Error;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openssl::ssl::{Ssl, SslContext, SslMethod, SslStream, SslVerifyMode};

use crate::contender::ask_for_vouchers;

const PATIENCE: Duration = Duration::from_secs(20);

/// Asks for vouchers, and knows whether it got some.
pub(crate) struct Visitor {
    context: SslContext,
    answered: Arc<AtomicBool>,
}

impl Visitor {
    /// Trusts the certificates in this file.
    pub(crate) fn new(roots: &Path) -> Result<Self, Box<dyn Error>> {
        let answered = Arc::new(AtomicBool::new(false));
        let mut context = SslContext::builder(SslMethod::tls_client())?;
        context.set_ca_file(roots)?;
        context.set_verify(SslVerifyMode::PEER);
        let seen = Arc::clone(&answered);
        ask_for_vouchers(&mut context, move || seen.store(true, Ordering::Relaxed))?;
        Ok(Self { context: context.build(), answered })
    }

    /// One handshake, and a close that the server has seen. Whether the server sent vouchers.
    pub(crate) fn visit(&self, address: SocketAddr, host: &str) -> Result<bool, Box<dyn Error>> {
        self.answered.store(false, Ordering::Relaxed);
        let mut ssl = Ssl::new(&self.context)?;
        ssl.set_hostname(host)?;
        ssl.param_mut().set_host(host)?;
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        let mut stream = SslStream::new(ssl, socket)?;
        stream.connect()?;
        stream.shutdown()?;
        // Until the server has closed: by then it has spent what this visit costs it.
        let _ = stream.get_mut().read_to_end(&mut Vec::new());
        Ok(self.answered.load(Ordering::Relaxed))
    }
}
