//! The man in the middle: a certificate from a hacked CA, and what he shows with it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::BASE64;
use mecai::chain::certificate_digest;
use mecai::extension::{VOUCHERS, read_bundles};
use mecai::store::{Part, serverinfo};

use super::super::{
    Error, Issued, Leaf, OpensslConf, SiteAgent, SiteEntry, SitePlan, SiteServer, SiteView, World, run_program,
};
use super::HOST;
use super::failure::{Failure, expect, unmet};

/// Whose CA is hacked.
pub(super) const HACKED: &str = "operator-b";
/// Where his nginx is.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 66, 0, 1));
const PAGE: &str = "Welcome to the man in the middle";

/// Somebody who holds a certificate for a name that is not his.
#[derive(Debug)]
pub(super) struct Attacker {
    entry: SiteEntry,
    issued: Issued,
    directory: PathBuf,
}

impl Attacker {
    /// Has the hacked CA issue a certificate for the shop's name.
    pub(super) fn new(world: &World) -> Result<Self, Error> {
        let issued = world.operator(HACKED)?.issue(&Leaf::new([HOST]))?;
        let entry = SiteEntry { name: HOST.to_owned(), ..world.write_site("man-in-the-middle", &issued)? };
        Ok(Self { entry, issued, directory: world.make_directory(&["sites", "man-in-the-middle"])? })
    }

    /// His certificate, DER.
    pub(super) fn certificate(&self) -> &[u8] {
        self.issued.certificate()
    }

    /// SHA-256 of his certificate.
    pub(super) fn digest(&self) -> mecai::Sha256 {
        certificate_digest(self.issued.certificate())
    }

    /// An agent of his own, which asks every authority to vouch for his certificate.
    pub(super) fn agent(&self, world: &World) -> Result<SiteAgent, Error> {
        SiteAgent::make(world, vec![(self.entry.clone(), SitePlan::default())], None, &self.directory)
    }

    /// nginx with his certificate and the module, which hands over what his agent has got.
    pub(super) fn serve_own(&self, world: &World, module: &Path, agent: &SiteAgent) -> Result<SiteServer, Error> {
        let conf = OpensslConf::server(module, agent.store()).write(&self.directory.join("openssl-server.cnf"))?;
        let view = SiteView { page: PAGE, lines: String::new(), openssl_conf: Some(conf) };
        SiteServer::start(world, &self.entry, ADDRESS, &self.directory.join("nginx"), &view)
    }

    /// nginx with his certificate and this answer to the request for vouchers.
    pub(super) fn serve_answer(&self, world: &World, answer: &[u8]) -> Result<SiteServer, Failure> {
        let file = self.directory.join("serverinfo.pem");
        let view = SiteView { page: PAGE, lines: serverinfo_line(&file, answer)?, openssl_conf: None };
        Ok(SiteServer::start(world, &self.entry, ADDRESS, &self.directory.join("nginx"), &view)?)
    }
}

/// Writes a serverinfo file with this answer, and gives nginx's line for it.
pub(super) fn serverinfo_line(file: &Path, answer: &[u8]) -> Result<String, Failure> {
    let text = serverinfo(&[(Part::Vouchers, answer)])
        .ok_or_else(|| Failure::Unmet(format!("an answer of {} octets", answer.len())))?;
    fs::write(file, text).map_err(Error::file("write", file))?;
    Ok(format!("    ssl_conf_command ServerInfoFile \"{}\";", file.display()))
}

/// What a server answers to the request for vouchers, as anybody can ask for it.
pub(super) fn capture(server: SocketAddr) -> Result<Vec<u8>, Failure> {
    let answer = answer(server, VOUCHERS)?;
    let bundles = read_bundles(&answer).map_err(unmet("what openssl s_client printed"))?.count();
    expect(bundles > 0, || format!("{server} answered without a bundle"))?;
    Ok(answer)
}

/// The shop's answer to the extension of this number, by `openssl s_client -serverinfo`.
pub(super) fn answer(server: SocketAddr, extension: u16) -> Result<Vec<u8>, Failure> {
    let mut command = Command::new("openssl");
    // -serverinfo asks in TLS 1.2 only.
    command.args(["s_client", "-tls1_2", "-serverinfo", &extension.to_string(), "-servername", HOST, "-connect"]);
    command.arg(server.to_string()).env_remove("OPENSSL_CONF");
    let ran = run_program(command)?;
    let label = format!("SERVERINFO FOR EXTENSION {extension}");
    let pem = ran.output.split_once(&format!("-----BEGIN {label}-----\n"));
    let body = pem.and_then(|(_, rest)| rest.split_once(&format!("-----END {label}-----")));
    let Some((body, _)) = body else {
        return Err(Failure::Unmet(format!(
            "openssl s_client got no answer to extension {extension} from {server} ({})",
            ran.exit()
        )));
    };
    let body: String = body.split_whitespace().collect();
    let octets = BASE64.decode(body.as_bytes()).map_err(unmet("what openssl s_client printed"))?;
    // The number and the length of the extension stand before its contents.
    Ok(octets.get(4..).unwrap_or_default().to_vec())
}
