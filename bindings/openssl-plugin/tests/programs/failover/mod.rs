//! A server whose own certificate, of operator 0, nobody vouches for any more, with an alternate of operator 1 (spec 8,
//! "Failover"): stock clients with the module, a stock server that shows it from a serverinfo file.

mod accepted;
mod callbacks;
mod connection;
mod names;
mod proxies;
mod served;
mod sessions;
mod wrong;

use std::process::Command;

use mecai::extension::{ALTERNATE, write_alternate};
use rcgen::{CertificateParams, KeyPair};

use crate::world::{HOST, Server, Site, Vouched, World, said};

/// A server whose CA has fallen.
pub(crate) struct Fallen {
    pub(crate) world: World,
    /// The server's own certificate.
    site: Site,
    key: KeyPair,
}

/// What a client made of a server.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) accepted: bool,
    /// What the module logged.
    pub(crate) log: String,
    /// What the program said.
    said: String,
}

impl Outcome {
    /// Refused, with the alternate failing by this code.
    fn fails_by(&self, code: &str) {
        assert!(!self.accepted, "{self:?}");
        assert!(self.log.contains(&format!("; the alternate fails, too: {code}: ")), "{code}: {self:?}");
    }

    /// Refused without a look at the alternate.
    fn ignores_alternate(&self) {
        assert!(!self.accepted && !self.log.contains("alternate"), "{self:?}");
    }
}

impl Fallen {
    pub(crate) fn new() -> Self {
        Self::with(params(&[HOST]))
    }

    fn with(own: CertificateParams) -> Self {
        let world = World::new();
        let key = KeyPair::generate().unwrap();
        let site = world.issue("site", 0, own, &key);
        Self { world, site, key }
    }

    /// An alternate for the server's name, on its key, of the operator of this number.
    pub(crate) fn alternate(&self, operator: usize) -> Site {
        self.world.issue("alternate", operator, params(&[HOST]), &self.key)
    }

    /// The answer with an alternate that the operators from number 2 on vouch for.
    pub(crate) fn vouched(&self, alternate: &Site) -> Vec<u8> {
        self.answer(alternate, &Vouched { first: 2, ..Vouched::for_site(alternate) })
    }

    fn answer(&self, alternate: &Site, vouched: &Vouched<'_>) -> Vec<u8> {
        write_alternate(&[&alternate.der], &[&self.world.bundle(vouched)]).unwrap()
    }

    /// A stock server that shows this answer to 0xFF4E, and no vouchers for its own certificate.
    pub(crate) fn showing(&self, answer: &[u8], arguments: &[&str]) -> Server {
        self.showing_all(&[(ALTERNATE, answer)], arguments)
    }

    fn showing_all(&self, answers: &[(u16, &[u8])], arguments: &[&str]) -> Server {
        let info = self.world.serverinfo_of("info.pem", answers);
        self.world.server(&self.site, &[&["-www", "-serverinfo", &info], arguments].concat())
    }

    /// curl, which checks names by itself and afterwards. It trusts these roots.
    pub(crate) fn curl_trusting(
        &self,
        server: &Server,
        roots: &str,
        keys: &[(&str, &str)],
        arguments: &[&str],
    ) -> Outcome {
        let config = self.world.write_config("client", keys);
        self.world.take_log();
        let trusted = ["--cacert", &self.world.path(roots)];
        let curl = self.world.curl(&config, server, &[&trusted, arguments].concat());
        let accepted = curl.status.success();
        assert!(accepted || curl.status.code() == Some(60), "its own kind of error: {}", said(&curl));
        Outcome { accepted, log: self.world.take_log(), said: said(&curl) }
    }

    fn curl(&self, server: &Server) -> Outcome {
        self.curl_trusting(server, "roots.pem", &[], &[])
    }

    /// Python, which says what certificate it sees.
    fn python(&self, server: &Server, check_hostname: bool) -> Outcome {
        let config = self.world.write_config("client", &[]);
        self.world.take_log();
        let mut command = Command::new("python3");
        command.env("OPENSSL_CONF", config).args(["-c", PYTHON, &self.world.path("roots.pem")]);
        command.args([server.port.to_string().as_str(), if check_hostname { "check" } else { "" }, HOST]);
        let said = said(&command.output().unwrap());
        let accepted = said.starts_with("accepted");
        assert!(accepted || said.contains("refused by SSLCertVerificationError"), "its own kind of error: {said}");
        Outcome { accepted, log: self.world.take_log(), said }
    }

    /// curl, and Python with `check_hostname` on and off.
    fn all(&self, server: &Server) -> [Outcome; 3] {
        [self.curl(server), self.python(server, true), self.python(server, false)]
    }
}

const PYTHON: &str = "
import hashlib, socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.check_hostname = bool(sys.argv[3])
try:
    with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as plain:
        with context.wrap_socket(plain, server_hostname=sys.argv[4]) as tls:
            print('accepted', tls.version(), hashlib.sha256(tls.getpeercert(True)).hexdigest())
except ssl.SSLError as error: print('refused by', type(error).__name__, error)
";

fn params(hosts: &[&str]) -> CertificateParams {
    CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap()
}
