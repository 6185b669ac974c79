//! A small world for tests: CAs, authorities with their signed list, a site with its vouchers, stock servers, and stock
//! clients with the module.

use std::fs;
use std::io::{BufRead, BufReader, Cursor};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use mecai::bundle::assemble;
use mecai::chain::{certificate_digest, spki_hash};
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::extension::{VOUCHERS, write_bundles};
use mecai::signature::SigningKey;
use mecai::statement::{Proposal, Statement};
use mecai::store::{Contents, Store, StoredBundle};
use mecai::time::UnixTime;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use tempfile::TempDir;

pub(crate) const HOST: &str = "www.shop.example";
/// Country and region of each operator, unless a test says otherwise.
const OPERATORS: [(&str, &str); 6] = [("DE", ""), ("FR", ""), ("US", ""), ("JP", ""), ("BR", ""), ("KE", "")];

/// The module, built once by the script that builds the one that ships.
pub(crate) fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/link.sh")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}

/// Six operators with an authority each: the first owns the CA of the site, the others vouch.
pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) authorities: Vec<SigningKey>,
    operators: Vec<(&'static str, &'static str)>,
    pub(crate) list_key: String,
    signer: minisign::KeyPair,
    /// One of each operator, and one that is in no list.
    roots: Vec<Root>,
}

/// A root, which the operator of its number owns.
struct Root {
    params: CertificateParams,
    key: KeyPair,
    certificate: rcgen::Certificate,
}

impl Root {
    fn new(number: usize) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("Root of operator {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { params, key, certificate }
    }
}

/// A certificate and its key in PEM files.
pub(crate) struct Site {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) der: Vec<u8>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_operators(&OPERATORS)
    }

    /// A world with operators of these countries; their authorities look from the regions beside them.
    pub(crate) fn with_operators(operators: &[(&'static str, &'static str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let roots: Vec<Root> = (0..=operators.len()).map(Root::new).collect();
        fs::write(directory.path().join("root.pem"), roots[0].certificate.pem()).unwrap();
        let all: String = roots.iter().map(|root| root.certificate.pem()).collect();
        fs::write(directory.path().join("roots.pem"), all).unwrap();
        let signer = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        let authorities =
            operators.iter().map(|_| SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap()).collect();
        let list_key = signer.pk.to_base64();
        let operators = operators.to_vec();
        let world = Self { directory, authorities, operators, list_key, signer, roots };
        world.write_list(1, now().plus(86_400));
        world.write_config("client", &[]);
        world
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes and signs the authority list.
    pub(crate) fn write_list(&self, sequence: u64, expires: UnixTime) {
        let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        let operators: Vec<_> = self
            .authorities
            .iter()
            .zip(&self.operators)
            .enumerate()
            .map(|(number, (key, (country, region)))| {
                let regions: Vec<_> = [region].into_iter().filter(|region| !region.is_empty()).collect();
                let ca_key = spki_hash(self.roots[number].certificate.der()).unwrap();
                json!({
                    "id": format!("operator-{number}"), "name": format!("Operator {number}"), "country": country,
                    "ca_keys": [hex(&ca_key)],
                    "authorities": [{
                        "public_key": key.public_key_base64(), "url": "https://va.example/", "regions": regions,
                        "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2100-01-01T00:00:00Z",
                    }],
                })
            })
            .collect();
        let issued = UnixTime(expires.0 - 20 * 86_400).to_string();
        let list = json!({
            "version": 1, "sequence": sequence, "issued": issued, "expires": expires.to_string(), "operators": operators,
        });
        let list = serde_json::to_vec_pretty(&list).unwrap();
        let signature = minisign::sign(None, &self.signer.sk, Cursor::new(&list), None, None).unwrap();
        for (name, contents) in [("list.json.minisig", signature.to_string().as_bytes()), ("list.json", &list)] {
            fs::write(self.path("fresh"), contents).unwrap();
            fs::rename(self.path("fresh"), self.path(name)).unwrap();
        }
    }

    /// Writes `NAME.cnf`: the keys that a client needs, and these.
    pub(crate) fn write_config(&self, name: &str, lines: &[(&str, &str)]) -> String {
        let (list, log) = (self.path("list.json"), self.path("log"));
        let own = [("authorities", list.as_str()), ("authorities_keys", &self.list_key), ("log", &log)];
        let mut section = format!("path = {}\n", module().display());
        let keys = own.iter().filter(|(key, _)| !lines.iter().any(|(other, _)| other == key)).chain(lines);
        for (key, value) in keys.filter(|(_, value)| !value.is_empty()) {
            section += &format!("{key} = {value}\n");
        }
        self.write_section(name, &section)
    }

    /// Writes `NAME.cnf` with this text as the module's section.
    pub(crate) fn write_section(&self, name: &str, section: &str) -> String {
        let path = self.path(&format!("{name}.cnf"));
        // Node.js wants its own name for the first line.
        let head = "openssl_conf = openssl_init\nnodejs_conf = openssl_init\n";
        let sections = "[openssl_init]\nmecai = mecai_section\n[mecai_section]\n";
        fs::write(&path, format!("{head}{sections}{section}")).unwrap();
        path
    }

    /// A configuration that loads nothing.
    pub(crate) fn empty_config(&self) -> String {
        let path = self.path("empty.cnf");
        fs::write(&path, "").unwrap();
        path
    }

    /// A certificate by the CA of the first operator.
    pub(crate) fn site(&self, name: &str, hosts: &[&str]) -> Site {
        self.site_with_key(name, hosts, KeyPair::generate().unwrap())
    }

    /// The same with an RSA key, which OpenSSL makes.
    pub(crate) fn rsa_site(&self, name: &str, hosts: &[&str]) -> Site {
        let mut command = Command::new("openssl");
        let key = command.args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output().unwrap();
        self.site_with_key(name, hosts, KeyPair::from_pem(std::str::from_utf8(&key.stdout).unwrap()).unwrap())
    }

    fn site_with_key(&self, name: &str, hosts: &[&str], key: KeyPair) -> Site {
        let params = CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
        self.issue(name, 0, params, &key)
    }

    /// A certificate for this key by the root of this number.
    pub(crate) fn issue(&self, name: &str, root: usize, params: CertificateParams, key: &KeyPair) -> Site {
        let issuer = Issuer::from_params(&self.roots[root].params, &self.roots[root].key);
        self.write_site(name, &params.signed_by(key, &issuer).unwrap(), key)
    }

    /// Writes a certificate and its key.
    pub(crate) fn write_site(&self, name: &str, certificate: &rcgen::Certificate, key: &KeyPair) -> Site {
        let (certificate_path, key_path) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        fs::write(&certificate_path, certificate.pem()).unwrap();
        fs::write(&key_path, key.serialize_pem()).unwrap();
        Site { certificate: certificate_path.into(), key: key_path.into(), der: certificate.der().to_vec() }
    }

    /// Writes `NAME`: the revocation lists of these roots, in which these certificates stand.
    pub(crate) fn revoke(&self, name: &str, roots: &[usize], serials: &[rcgen::SerialNumber]) -> String {
        let now = SystemTime::now();
        let lists = roots.iter().map(|root| {
            let issuer = Issuer::from_params(&self.roots[*root].params, &self.roots[*root].key);
            let revoked = |serial: &rcgen::SerialNumber| rcgen::RevokedCertParams {
                serial_number: serial.clone(),
                revocation_time: (now - std::time::Duration::from_secs(60)).into(),
                reason_code: None,
                invalidity_date: None,
            };
            let params = rcgen::CertificateRevocationListParams {
                this_update: (now - std::time::Duration::from_secs(60)).into(),
                next_update: (now + std::time::Duration::from_secs(3600)).into(),
                crl_number: rcgen::SerialNumber::from(1),
                issuing_distribution_point: None,
                revoked_certs: serials.iter().map(revoked).collect(),
                key_identifier_method: rcgen::KeyIdMethod::Sha256,
            };
            params.signed_by(&issuer).unwrap().pem().unwrap()
        });
        let path = self.path(name);
        fs::write(&path, lists.collect::<String>()).unwrap();
        path
    }

    /// A bundle by the authorities that `vouched` names.
    pub(crate) fn bundle(&self, vouched: &Vouched<'_>) -> Vec<u8> {
        let proposal = Proposal {
            host: vouched.host,
            port: vouched.port,
            addresses: &[vouched.address],
            certificate: certificate_digest(vouched.certificate),
            produced_at: vouched.produced_at,
            not_after: vouched.produced_at.plus(vouched.lifetime),
            stay: vouched.stay,
        };
        let der = proposal.to_der().unwrap();
        let statement = Statement::from_der(&der).unwrap();
        let seen = Seen::from_indices([0]).unwrap();
        let mut authorities: Vec<&SigningKey> =
            self.authorities.iter().skip(vouched.first).take(vouched.authorities).collect();
        authorities.sort_by_key(|key| *key.public_key().id());
        let endorsements: Vec<Vec<u8>> =
            authorities.iter().map(|key| endorse(key, &statement, seen, Evidence::Ocsp { age: 60 }).unwrap()).collect();
        let endorsements: Vec<&[u8]> = endorsements.iter().map(Vec::as_slice).collect();
        assemble(&der, &endorsements).unwrap()
    }

    /// Puts the bundles of a certificate into the store in this directory.
    pub(crate) fn store(&self, directory: &str, site: &Site, bundles: &[Vec<u8>]) {
        fs::create_dir_all(directory).unwrap();
        let bundles = bundles.iter().map(|bundle| StoredBundle::from_der(bundle).unwrap()).collect();
        let contents = Contents::new(certificate_digest(&site.der), bundles, None, vec![]).unwrap();
        Store::new(directory).write(&contents).unwrap();
    }

    /// A serverinfo file (spec section 11) with this answer to 0xFF4D.
    pub(crate) fn serverinfo(&self, name: &str, answer: &[u8]) -> String {
        self.serverinfo_of(name, &[(VOUCHERS, answer)])
    }

    /// The same with answers to these extensions, whatever their octets are.
    pub(crate) fn serverinfo_of(&self, name: &str, answers: &[(u16, &[u8])]) -> String {
        let block = |(number, answer): &(u16, &[u8])| {
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            let octets = [&[0, 0, 0x11, 0x80], &number.to_be_bytes()[..], &length, answer].concat();
            pem::encode(&pem::Pem::new("SERVERINFOV2 FOR MECAI", octets))
        };
        let path = self.path(name);
        fs::write(&path, answers.iter().map(block).collect::<String>()).unwrap();
        path
    }

    /// Builds a program in C with these further arguments, and gives its path.
    pub(crate) fn cc(&self, name: &str, source: &str, arguments: &[&str]) -> String {
        let program = self.path(name);
        let mut command = Command::new("cc");
        // OpenSSL 4 deprecates what the releases before recommend.
        command.args(["-Wall", "-Werror", "-Wno-deprecated-declarations", "-g", "-o", &program, source]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        program
    }

    /// What the module wrote to its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Empties the log and gives what was in it.
    pub(crate) fn take_log(&self) -> String {
        let log = self.log();
        // Not removed: a process that runs on has it open.
        fs::write(self.path("log"), "").unwrap();
        log
    }

    /// A stock server that shows one bundle.
    pub(crate) fn showing(&self, site: &Site, vouched: &Vouched<'_>, arguments: &[&str]) -> Server {
        let info = self.serverinfo("info.pem", &answer(&[self.bundle(vouched)]));
        self.server(site, &[&["-www", "-serverinfo", &info], arguments].concat())
    }

    /// A stock `openssl s_server` for `site`, with these further arguments; `-www` answers requests.
    pub(crate) fn server(&self, site: &Site, arguments: &[&str]) -> Server {
        self.server_with(site, arguments, None)
    }

    /// The same with the module, configured by this file.
    pub(crate) fn server_with(&self, site: &Site, arguments: &[&str], config: Option<&str>) -> Server {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0"]);
        command.arg("-cert").arg(&site.certificate).arg("-key").arg(&site.key).args(arguments);
        if let Some(config) = config {
            command.env("OPENSSL_CONF", config);
        }
        let errors = fs::File::create(self.path("server.err")).unwrap();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port =
            lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT 127.0.0.1:").map(|port| port.parse().unwrap()));
        let Some(port) = port else {
            let _ = child.wait();
            panic!("s_server did not start: {}", fs::read_to_string(self.path("server.err")).unwrap())
        };
        // Its standard output is read on, so that it never blocks.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, port }
    }

    /// curl with the module, to a server.
    pub(crate) fn curl(&self, config: &str, server: &Server, arguments: &[&str]) -> Output {
        self.curl_to(config, server.port, arguments)
    }

    /// The same, to whatever listens on this port.
    pub(crate) fn curl_to(&self, config: &str, port: u16, arguments: &[&str]) -> Output {
        let mut command = Command::new("curl");
        command.env("OPENSSL_CONF", config).args(["-sS", "--max-time", "20", "-o", "/dev/null"]);
        command.arg("--cacert").arg(self.path("root.pem"));
        command.arg("--resolve").arg(format!("{HOST}:{port}:127.0.0.1")).args(arguments);
        command.arg(format!("https://{HOST}:{port}/")).output().unwrap()
    }

    /// `openssl s_client -verify_return_error` with the module, to a server.
    pub(crate) fn s_client(&self, config: &str, server: &Server, arguments: &[&str]) -> Output {
        self.s_client_to(config, server.port, arguments)
    }

    /// The same, to whatever listens on this port.
    pub(crate) fn s_client_to(&self, config: &str, port: u16, arguments: &[&str]) -> Output {
        let mut command = Command::new("openssl");
        command.env("OPENSSL_CONF", config).args(["s_client", "-verify_return_error", "-CAfile"]);
        command.arg(self.path("root.pem")).arg("-connect").arg(format!("127.0.0.1:{port}")).args(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }
}

/// What a bundle says.
#[derive(Clone)]
pub(crate) struct Vouched<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) address: IpAddr,
    pub(crate) certificate: &'a [u8],
    pub(crate) produced_at: UnixTime,
    pub(crate) lifetime: u64,
    pub(crate) stay: Option<u8>,
    /// The number of the first authority that vouches; 0 is that of the site's own CA.
    pub(crate) first: usize,
    /// How many vouch.
    pub(crate) authorities: usize,
}

impl<'a> Vouched<'a> {
    /// All five others vouch for the site at 127.0.0.1, two minutes ago and for an hour.
    pub(crate) fn for_site(site: &'a Site) -> Self {
        Self {
            host: HOST,
            port: 443,
            address: "127.0.0.1".parse().unwrap(),
            certificate: &site.der,
            produced_at: UnixTime(now().0 - 120),
            lifetime: 3600,
            stay: None,
            first: 1,
            authorities: 5,
        }
    }
}

/// The answer to 0xFF4D with these bundles.
pub(crate) fn answer(bundles: &[Vec<u8>]) -> Vec<u8> {
    write_bundles(&bundles.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap()
}

pub(crate) fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// Standard output and error of a program.
pub(crate) fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
