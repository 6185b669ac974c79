//! A TLS client that makes handshakes of every kind, one after the other, and checks what it is answered.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mecai::extension::VOUCHERS;
use openssl::ssl::{
    ErrorCode, ExtensionContext, ShutdownState, Ssl, SslAlert, SslContext, SslContextBuilder, SslMethod, SslOptions,
    SslRef, SslSession, SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::{X509Ref, X509VerifyResult};
use socket2::{Domain, Socket, Type};

use crate::site::{Ports, Site, WILDCARD};

/// The addresses that clients come from, so that nginx's log tells them apart.
pub const POLITE: &str = "127.0.0.1";
pub const REFUSING: &str = "127.0.0.2";
pub const MALFORMED: &str = "127.0.0.3";

const PATIENCE: Duration = Duration::from_secs(20);

/// What one connection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visit {
    /// A full handshake with a host that has vouchers.
    Full,
    /// A name that nginx does not know.
    UnknownName,
    /// A name that only the wildcard certificate has.
    WildcardName,
    /// No name at all.
    NoName,
    /// A session is resumed.
    Resumed,
    /// The client refuses the certificate, as the module does: the same error, and so the same alert.
    CertificateRefused,
    /// The client refuses the octets of the answer.
    AnswerRefused,
    /// The client goes away in the middle of the handshake.
    GoneAway,
    /// The client's extension is not empty, as it has to be.
    NotEmpty,
}

/// The visits between two full handshakes, in turn. Sessions are there to be resumed by then.
const OTHERS: [Visit; 20] = [
    Visit::UnknownName,
    Visit::CertificateRefused,
    Visit::WildcardName,
    Visit::NoName,
    Visit::AnswerRefused,
    Visit::Resumed,
    Visit::Resumed,
    Visit::GoneAway,
    Visit::Resumed,
    Visit::UnknownName,
    Visit::NotEmpty,
    Visit::Resumed,
    Visit::WildcardName,
    Visit::Resumed,
    Visit::CertificateRefused,
    Visit::NoName,
    Visit::Resumed,
    Visit::AnswerRefused,
    Visit::Resumed,
    Visit::GoneAway,
];

/// A version, and how its sessions are resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    Tls13,
    Tls12Ticket,
    Tls12Id,
}

/// In turn; browsers speak 1.3 for the most part.
const FLAVOURS: [Flavour; 4] = [Flavour::Tls13, Flavour::Tls12Ticket, Flavour::Tls13, Flavour::Tls12Id];

/// What a client has done: the connections of each kind, and by which worker those were served that got an answer.
#[derive(Clone, Debug, Default)]
pub struct Done {
    pub visits: BTreeMap<Visit, usize>,
    pub served: BTreeMap<u32, usize>,
}

impl Done {
    pub fn add(&mut self, other: &Self) {
        for (visit, count) in &other.visits {
            *self.visits.entry(*visit).or_default() += count;
        }
        for (worker, count) in &other.served {
            *self.served.entry(*worker).or_default() += count;
        }
    }
}

/// A client, with the sessions that it may resume.
pub struct Client<'a> {
    site: &'a Site,
    ports: &'a Ports,
    /// Whether the answers are those of the module: a serverinfo file knows no names.
    by_name: bool,
    contexts: [Context; 3],
    not_empty: [Context; 3],
    next: usize,
    done: Done,
}

impl<'a> Client<'a> {
    pub fn new(site: &'a Site, ports: &'a Ports, by_name: bool) -> Self {
        let context = |flavour, request| Context::new(flavour, request, &site.world.roots());
        let contexts =
            |request| [Flavour::Tls13, Flavour::Tls12Ticket, Flavour::Tls12Id].map(|flavour| context(flavour, request));
        Self {
            site,
            ports,
            by_name,
            contexts: contexts(b""),
            not_empty: contexts(b"\0"),
            next: 0,
            done: Done::default(),
        }
    }

    /// Makes so many connections; the kinds come in turn, and go on in the next call.
    pub fn visit(&mut self, count: usize) {
        for _ in 0..count {
            let pair = self.next / 2;
            let visit = if self.next.is_multiple_of(2) { Visit::Full } else { OTHERS[pair % OTHERS.len()] };
            // Every kind meets every flavour, and every host too.
            let round = if visit == Visit::Full { pair } else { pair + pair / OTHERS.len() };
            let host = self.site.hosts[pair % self.site.hosts.len()].name.as_str();
            self.connect(visit, FLAVOURS[round % FLAVOURS.len()], host);
            *self.done.visits.entry(visit).or_default() += 1;
            self.next += 1;
        }
    }

    /// What was done since the last call.
    pub fn take_done(&mut self) -> Done {
        std::mem::take(&mut self.done)
    }

    fn connect(&mut self, visit: Visit, flavour: Flavour, host: &'a str) {
        match visit {
            Visit::Full => {
                let session = self.get(flavour, Some(host), None);
                self.contexts[flavour as usize].kept = Some((host.to_owned(), session));
            }
            Visit::UnknownName => drop(self.get(flavour, Some("unknown.example"), None)),
            Visit::WildcardName => drop(self.get(flavour, Some(WILDCARD), None)),
            Visit::NoName => drop(self.get(flavour, None, None)),
            Visit::Resumed => {
                let (host, session) = self.contexts[flavour as usize].kept.clone().unwrap();
                self.get(flavour, Some(&host), Some(&session));
            }
            Visit::CertificateRefused => {
                let mut ssl = self.contexts[flavour as usize].connection(Some(host));
                ssl.set_verify_callback(SslVerifyMode::PEER, |_, chain| {
                    chain.set_error(X509VerifyResult::APPLICATION_VERIFICATION);
                    false
                });
                self.is_refused(flavour, ssl, REFUSING);
            }
            Visit::AnswerRefused => {
                let context = &self.contexts[flavour as usize];
                context.refuse_answer(true);
                self.is_refused(flavour, context.connection(Some(host)), REFUSING);
                context.refuse_answer(false);
            }
            Visit::NotEmpty => {
                self.is_refused(flavour, self.not_empty[flavour as usize].connection(Some(host)), MALFORMED)
            }
            Visit::GoneAway => {
                let socket = self.socket(flavour, REFUSING);
                let mut stream =
                    SslStream::new(self.contexts[flavour as usize].connection(Some(host)), Halting(&socket)).unwrap();
                assert_eq!(stream.connect().unwrap_err().code(), ErrorCode::WANT_READ);
                socket.shutdown(Shutdown::Write).unwrap();
                (&socket).read_to_end(&mut Vec::new()).unwrap();
            }
        }
    }

    /// A handshake and a request; the worker that served it is counted. Gives the newest session.
    fn get(&mut self, flavour: Flavour, name: Option<&str>, resumed: Option<&SslSession>) -> SslSession {
        let context = &self.contexts[flavour as usize];
        let mut ssl = context.connection(name);
        if let Some(session) = resumed {
            // SAFETY: the session is of a connection of this same context.
            unsafe { ssl.set_session(session) }.unwrap();
        }
        let mut stream = SslStream::new(ssl, self.socket(flavour, POLITE)).unwrap();
        stream.connect().unwrap_or_else(|error| panic!("{flavour:?} {name:?}: {error}"));
        assert_eq!(stream.ssl().session_reused(), resumed.is_some(), "{flavour:?} {name:?}");
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        // OpenSSL resumes no session of a connection that was not ended by both sides.
        stream.set_shutdown(ShutdownState::SENT | ShutdownState::RECEIVED);
        let answer = context.shared.answer.lock().unwrap().take();
        if resumed.is_some() {
            assert!(answer.is_none(), "an answer on a resumed session");
        } else if self.by_name {
            assert_eq!(answer.as_deref(), self.site.answer(name), "{flavour:?} {name:?}");
        }
        let worker = page.rsplit("\r\n").next().unwrap().parse().unwrap_or_else(|_| panic!("{page}"));
        *self.done.served.entry(worker).or_default() += 1;
        // A session that was resumed by an id is the same as before, and not told anew.
        let newest = context.shared.session.lock().unwrap().take();
        newest.or_else(|| resumed.cloned()).unwrap()
    }

    /// A handshake that ends in an alert, whichever side sends it.
    fn is_refused(&self, flavour: Flavour, ssl: Ssl, from: &str) {
        let mut stream = SslStream::new(ssl, self.socket(flavour, from)).unwrap();
        let error = stream.connect().unwrap_err();
        assert_eq!(error.code(), ErrorCode::SSL, "{error}");
        // Until nginx has read all and closed: a reset would be another event in its log.
        let mut socket = stream.get_ref();
        socket.shutdown(Shutdown::Write).unwrap();
        socket.read_to_end(&mut Vec::new()).unwrap();
    }

    fn socket(&self, flavour: Flavour, from: &str) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0).into()).unwrap();
        let port = if flavour == Flavour::Tls12Id { &self.ports.ids } else { &self.ports.tickets };
        socket.connect(&port.address().into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }
}

/// What the callbacks of a context leave behind.
#[derive(Default)]
struct Shared {
    refuses: Mutex<bool>,
    answer: Mutex<Option<Vec<u8>>>,
    session: Mutex<Option<SslSession>>,
}

struct Context {
    context: SslContext,
    shared: Arc<Shared>,
    /// The newest session of a host with vouchers.
    kept: Option<(String, SslSession)>,
}

impl Context {
    fn new(flavour: Flavour, request: &'static [u8], roots: &Path) -> Self {
        let shared = Arc::new(Shared::default());
        let mut builder = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
        builder.set_ca_file(roots).unwrap();
        builder.set_verify(SslVerifyMode::PEER);
        let version = if flavour == Flavour::Tls13 { SslVersion::TLS1_3 } else { SslVersion::TLS1_2 };
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        if flavour == Flavour::Tls12Id {
            builder.set_options(SslOptions::NO_TICKET);
        }
        builder.set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
        let sessions = Arc::clone(&shared);
        builder.set_new_session_callback(move |_, session| *sessions.session.lock().unwrap() = Some(session));
        let answers = Arc::clone(&shared);
        let parse = move |_: &mut SslRef, _, octets: &[u8], _: Option<(usize, &X509Ref)>| {
            if *answers.refuses.lock().unwrap() {
                return Err(SslAlert::DECODE_ERROR);
            }
            *answers.answer.lock().unwrap() = Some(octets.to_vec());
            Ok(())
        };
        let messages = ExtensionContext::CLIENT_HELLO
            | ExtensionContext::TLS1_2_SERVER_HELLO
            | ExtensionContext::TLS1_3_CERTIFICATE
            | ExtensionContext::IGNORE_ON_RESUMPTION;
        builder.add_custom_ext(VOUCHERS, messages, move |_, _, _| Ok(Some(request)), parse).unwrap();
        Self { context: builder.build(), shared, kept: None }
    }

    fn connection(&self, name: Option<&str>) -> Ssl {
        *self.shared.answer.lock().unwrap() = None;
        let mut ssl = Ssl::new(&self.context).unwrap();
        if let Some(name) = name {
            ssl.set_hostname(name).unwrap();
        }
        ssl
    }

    fn refuse_answer(&self, refuses: bool) {
        *self.shared.refuses.lock().unwrap() = refuses;
    }
}

/// A connection that sends, and never has anything to read.
struct Halting<'a>(&'a TcpStream);

impl Read for Halting<'_> {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Halting<'_> {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
