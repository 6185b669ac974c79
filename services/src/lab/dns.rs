//! An authoritative DNS server whose answers can be changed while it runs.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Edns, Header, HeaderCounts, MessageType, Metadata, OpCode, ResponseCode};
use hickory_server::proto::rr::rdata::{A, AAAA, SOA};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo, Server};
use hickory_server::zone_handler::MessageResponseBuilder;

use super::Error;
use super::port::{Listening, Port};
use super::server_thread::ServerThread;

/// Time to live of every record and of every negative answer: no resolver keeps one, so a change is seen at once.
const TTL_SECONDS: u32 = 0;
/// The UDP payload that the server takes and sends: what DNS flag day 2020 settled on.
const UDP_PAYLOAD: u16 = 1232;
const TCP_IDLE: Duration = Duration::from_secs(30);
const TCP_RESPONSES: usize = 32;
/// UDP and TCP need the same number; another program may hold one of the two.
const PORT_ATTEMPTS: usize = 32;

/// How the server answers for one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DnsBehaviour {
    /// With the addresses that were set.
    #[default]
    Answer,
    /// NXDOMAIN, whatever was set.
    NxDomain,
    /// SERVFAIL.
    ServFail,
    /// Not at all.
    Drop,
}

/// An authoritative server for the root zone, on UDP and TCP: it knows every name, and a name that was never set does
/// not exist (NXDOMAIN). Answers have a time to live of 0. Names are compared without regard to case and trailing dot.
#[derive(Debug)]
pub struct Dns {
    port: Port,
    zone: Zone,
    _thread: ServerThread,
    _listening: Listening,
}

impl Dns {
    /// Starts on a free port of this address.
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Thread`].
    pub fn start(ip: IpAddr) -> Result<Self, Error> {
        let (port, udp) = hold_both(ip)?;
        let (tcp, listening) = port.listen()?;
        let zone = Zone::default();
        let handler = Handler { zone: Arc::clone(&zone) };
        let serve = async move || {
            let mut server = Server::new(handler);
            let sockets =
                tokio::net::UdpSocket::from_std(udp).and_then(|udp| Ok((udp, tokio::net::TcpListener::from_std(tcp)?)));
            let ended = match sockets {
                Ok((udp, tcp)) => {
                    server.register_socket(udp);
                    server.register_listener(tcp, TCP_IDLE, TCP_RESPONSES);
                    server.block_until_done().await.err().map(|error| error.to_string())
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(error) = ended {
                tracing::error!(error, "the DNS server of the lab ended");
            }
        };
        let thread = ServerThread::spawn(&format!("dns:{}", port.address().port()), serve)?;
        Ok(Self { port, zone, _thread: thread, _listening: listening })
    }

    /// Where it answers, by UDP and by TCP.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The name has exactly these addresses (A and AAAA records) from now on.
    pub fn set(&self, name: &str, addresses: &[IpAddr]) {
        self.entry(name, |entry| entry.addresses = addresses.to_vec());
    }

    /// The name has this address too from now on.
    pub fn add(&self, name: &str, address: IpAddr) {
        self.entry(name, |entry| entry.addresses.push(address));
    }

    /// The name does not exist any more, and its behaviour and count are forgotten.
    pub fn remove(&self, name: &str) {
        zone(&self.zone).remove(&key(name));
    }

    /// How questions about this name are treated from now on.
    pub fn set_behaviour(&self, name: &str, behaviour: DnsBehaviour) {
        self.entry(name, |entry| entry.behaviour = behaviour);
    }

    /// How many questions about this name have arrived since it was first set, answered or not.
    pub fn questions(&self, name: &str) -> u64 {
        zone(&self.zone).get(&key(name)).map_or(0, |entry| entry.questions)
    }

    fn entry(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        change(zone(&self.zone).entry(key(name)).or_default());
    }
}

#[derive(Debug, Default)]
struct Entry {
    addresses: Vec<IpAddr>,
    behaviour: DnsBehaviour,
    questions: u64,
}

type Zone = Arc<Mutex<BTreeMap<String, Entry>>>;

fn zone(zone: &Zone) -> MutexGuard<'_, BTreeMap<String, Entry>> {
    zone.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn hold_both(ip: IpAddr) -> Result<(Port, UdpSocket), Error> {
    let mut attempts = 0;
    loop {
        let port = Port::hold(ip)?;
        attempts += 1;
        let udp = UdpSocket::bind(port.address()).and_then(|udp| udp.set_nonblocking(true).map(|()| udp));
        match udp {
            Ok(udp) => return Ok((port, udp)),
            Err(_) if attempts < PORT_ATTEMPTS => {}
            Err(source) => {
                return Err(Error::Listen { address: port.address(), source });
            }
        }
    }
}

struct Handler {
    zone: Zone,
}

/// What to send to one question.
enum Reply {
    Code(ResponseCode),
    Addresses(Vec<IpAddr>),
    Nothing,
}

impl Handler {
    fn reply(&self, name: &Name) -> Reply {
        let name = key(&name.to_ascii());
        let mut zone = zone(&self.zone);
        if let Some(entry) = zone.get_mut(&name) {
            entry.questions += 1;
            return match entry.behaviour {
                DnsBehaviour::Answer => Reply::Addresses(entry.addresses.clone()),
                DnsBehaviour::NxDomain => Reply::Code(ResponseCode::NXDomain),
                DnsBehaviour::ServFail => Reply::Code(ResponseCode::ServFail),
                DnsBehaviour::Drop => Reply::Nothing,
            };
        }
        // A name without records of its own exists if one below it does (RFC 8020).
        let below = format!(".{name}");
        if name.is_empty() || zone.keys().any(|known| known.ends_with(&below)) {
            Reply::Addresses(Vec::new())
        } else {
            Reply::Code(ResponseCode::NXDomain)
        }
    }
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut handle: R) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        let (reply, question) = match request.request_info() {
            Ok(_) if request.metadata.message_type != MessageType::Query => (Reply::Nothing, None),
            Ok(_) if request.metadata.op_code != OpCode::Query => (Reply::Code(ResponseCode::NotImp), None),
            Ok(info) => {
                (self.reply(&Name::from(info.query.name())), Some((info.query.name(), info.query.query_type())))
            }
            Err(_) => (Reply::Code(ResponseCode::FormErr), None),
        };
        let mut answers = Vec::new();
        match reply {
            Reply::Nothing => return silent(metadata),
            Reply::Code(code) => metadata.response_code = code,
            Reply::Addresses(addresses) => {
                if let Some((name, record_type)) = question {
                    let name = Name::from(name);
                    answers = records(&name, record_type, &addresses);
                }
            }
        }
        let negative =
            answers.is_empty() && matches!(metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
        metadata.authoritative = negative || !answers.is_empty();
        let authority: Vec<Record> = negative.then(start_of_authority).into_iter().collect();
        let edns = request.edns.as_ref().map(|_| {
            let mut edns = Edns::new();
            edns.set_max_payload(UDP_PAYLOAD);
            edns
        });
        let builder = MessageResponseBuilder::new(&request.queries, edns.as_ref());
        let response = builder.build(metadata, &answers, [], &authority, []);
        match handle.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                tracing::warn!(%error, "the lab's DNS server could not send an answer");
                silent(metadata)
            }
        }
    }
}

fn records(name: &Name, record_type: RecordType, addresses: &[IpAddr]) -> Vec<Record> {
    let wanted = |address: &IpAddr| match (address, record_type) {
        (IpAddr::V4(v4), RecordType::A | RecordType::ANY) => Some(RData::A(A(*v4))),
        (IpAddr::V6(v6), RecordType::AAAA | RecordType::ANY) => Some(RData::AAAA(AAAA(*v6))),
        _ => None,
    };
    addresses.iter().filter_map(wanted).map(|data| Record::from_rdata(name.clone(), TTL_SECONDS, data)).collect()
}

/// A negative answer names the zone (RFC 2308): here always the root.
fn start_of_authority() -> Record {
    let soa = SOA::new(Name::root(), Name::root(), 1, 3600, 600, 86_400, TTL_SECONDS);
    Record::from_rdata(Name::root(), TTL_SECONDS, RData::SOA(soa))
}

fn silent(metadata: Metadata) -> ResponseInfo {
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use hickory_resolver::TokioResolver;
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
    use hickory_resolver::net::NetError;
    use hickory_resolver::net::runtime::TokioRuntimeProvider;

    use super::*;

    const HOST: &str = "www.shop.example.";

    fn resolver(dns: &Dns, mut connection: ConnectionConfig) -> TokioResolver {
        connection.port = dns.address().port();
        let server = NameServerConfig::new(dns.address().ip(), true, vec![connection]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        builder.options_mut().timeout = Duration::from_millis(500);
        builder.options_mut().attempts = 1;
        builder.build().unwrap()
    }

    async fn addresses(resolver: &TokioResolver, name: &str) -> Result<Vec<IpAddr>, NetError> {
        let mut addresses: Vec<IpAddr> = Vec::new();
        for record_type in [RecordType::A, RecordType::AAAA] {
            match resolver.lookup(name, record_type).await {
                Ok(found) => addresses.extend(found.answers().iter().filter_map(|record| record.data.ip_addr())),
                Err(error) if error.is_no_records_found() && !error.is_nx_domain() => {}
                Err(error) => return Err(error),
            }
        }
        addresses.sort();
        Ok(addresses)
    }

    fn ips(text: &[&str]) -> Vec<IpAddr> {
        text.iter().map(|one| one.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn records_come_change_and_go_by_udp_and_tcp() {
        let dns = Dns::start("127.0.0.1".parse().unwrap()).unwrap();
        for connection in [ConnectionConfig::udp(), ConnectionConfig::tcp()] {
            let resolver = resolver(&dns, connection);
            assert!(addresses(&resolver, HOST).await.unwrap_err().is_nx_domain());
            dns.set("WWW.shop.example", &ips(&["127.10.0.1", "::1"]));
            assert_eq!(addresses(&resolver, HOST).await.unwrap(), ips(&["127.10.0.1", "::1"]));
            dns.add(HOST, "127.10.0.2".parse().unwrap());
            assert_eq!(addresses(&resolver, HOST).await.unwrap(), ips(&["127.10.0.1", "127.10.0.2", "::1"]));
            dns.set(HOST, &ips(&["127.10.0.3"]));
            assert_eq!(addresses(&resolver, HOST).await.unwrap(), ips(&["127.10.0.3"]));
            assert_eq!(addresses(&resolver, "shop.example.").await.unwrap(), ips(&[]));
            dns.remove(HOST);
            assert!(addresses(&resolver, "shop.example.").await.unwrap_err().is_nx_domain());
        }
    }

    #[tokio::test]
    async fn a_name_can_fail_in_every_way_and_others_go_on() {
        let dns = Dns::start("127.0.0.1".parse().unwrap()).unwrap();
        let resolver = resolver(&dns, ConnectionConfig::udp());
        dns.set(HOST, &ips(&["127.10.0.1"]));
        dns.set("other.example", &ips(&["127.10.0.2"]));

        dns.set_behaviour(HOST, DnsBehaviour::NxDomain);
        assert!(addresses(&resolver, HOST).await.unwrap_err().is_nx_domain());
        dns.set_behaviour(HOST, DnsBehaviour::ServFail);
        let error = addresses(&resolver, HOST).await.unwrap_err().to_string();
        assert!(error.to_lowercase().contains("server failure"), "{error}");
        let asked = dns.questions(HOST);
        dns.set_behaviour(HOST, DnsBehaviour::Drop);
        let error = addresses(&resolver, HOST).await.unwrap_err();
        assert!(matches!(error, NetError::Timeout), "{error:?}");
        assert!(dns.questions(HOST) > asked);
        assert_eq!(addresses(&resolver, "other.example.").await.unwrap(), ips(&["127.10.0.2"]));
        dns.set_behaviour(HOST, DnsBehaviour::Answer);
        assert_eq!(addresses(&resolver, HOST).await.unwrap(), ips(&["127.10.0.1"]));
    }

    #[tokio::test]
    async fn an_answer_too_long_for_udp_comes_by_tcp() {
        let dns = Dns::start("127.0.0.1".parse().unwrap()).unwrap();
        let many: Vec<IpAddr> = (1..=200).map(|last| IpAddr::from([127, 10, 1, last])).collect();
        dns.set(HOST, &many);
        let mut server = NameServerConfig::udp_and_tcp(dns.address().ip());
        for connection in &mut server.connections {
            connection.port = dns.address().port();
        }
        let config = ResolverConfig::from_name_servers(vec![server]);
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build().unwrap();
        assert_eq!(addresses(&resolver, HOST).await.unwrap(), many);
    }
}
