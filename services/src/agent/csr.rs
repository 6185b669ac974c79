//! `mecai agent csr`: a certificate signing request on the key of a site, which is what an alternate has to have.

use std::path::{Path, PathBuf};

use mecai::durable;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::stack::Stack;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509NameBuilder, X509ReqBuilder};

use super::Options;
use super::certificate::Certificate;
use super::config::Config;
use super::key::Key;
use super::site::Whole;
use super::trouble::Trouble;
use crate::exit::Exit;
use crate::output;

/// The most characters of a common name (RFC 5280, ub-common-name).
const COMMON_NAME_MAX: usize = 64;

/// What the command is told.
#[derive(Debug, clap::Args)]
pub struct Csr {
    /// A host of the site, or its certificate file
    pub site: String,
    /// Where to write it; standard output unless given
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The configuration, and what else every subcommand is told.
    #[command(flatten)]
    pub options: Options,
}

/// Prints or writes the request.
pub(super) fn run(config: &Config, command: &Csr) -> Result<Exit, Trouble> {
    let site = match Whole::find(config, &command.site) {
        Ok(site) => site,
        Err(trouble) => return Ok(output::tell(trouble, Exit::Usage)),
    };
    let path = site.key().ok_or_else(|| {
        Trouble::new("key_missing", format!("the [[site]] of {} has no `key`", site.certificate.display()))
    })?;
    let key = Key::read(path)?;
    warn_of_other_key(&site, path, &key);
    let pem = request(&site, &key)
        .map_err(|cause| Trouble::new("csr_failed", format!("the request cannot be made: {cause}")))?;
    match &command.out {
        Some(out) => durable::replace(out, &pem, 0o644)
            .map_err(|cause| Trouble::new("not_written", format!("{} cannot be written: {cause}", out.display())))?,
        None => output::print(&String::from_utf8_lossy(&pem))
            .map_err(|cause| Trouble::new("not_printed", format!("the request cannot be printed: {cause}")))?,
    }
    Ok(Exit::Done)
}

/// An alternate on another key than the site's certificate would be of no use.
fn warn_of_other_key(site: &Whole, path: &Path, key: &Key) {
    let hex = |octets: &[u8]| data_encoding::HEXLOWER.encode(octets);
    if let Ok(certificate) = Certificate::read(&site.certificate)
        && certificate.key != key.hash
    {
        let (key, file, other) = (hex(&key.hash), site.certificate.display(), hex(&certificate.key));
        output::warn(&format!("{} is not the key of {file}: the SPKI hashes are {key} and {other}", path.display()));
    }
}

/// All hosts are subjectAltNames; the first DNS name is the common name where it is short enough for one.
fn request(site: &Whole, key: &Key) -> Result<Vec<u8>, ErrorStack> {
    let is_address = |host: &str| host.parse::<std::net::IpAddr>().is_ok();
    let mut name = X509NameBuilder::new()?;
    let first = site.hosts().into_iter().find(|host| !is_address(host));
    if let Some(host) = first.filter(|host| host.len() <= COMMON_NAME_MAX) {
        name.append_entry_by_text("CN", host)?;
    }
    let mut names = SubjectAlternativeName::new();
    for host in site.hosts() {
        if is_address(host) {
            names.ip(host)
        } else {
            names.dns(host)
        };
    }
    let mut request = X509ReqBuilder::new()?;
    request.set_version(0)?;
    request.set_subject_name(&name.build())?;
    request.set_pubkey(&key.private)?;
    let mut extensions = Stack::new()?;
    extensions.push(names.build(&request.x509v3_context(None))?)?;
    request.add_extensions(&extensions)?;
    // Edwards curves bring their own digest (RFC 8410).
    let digest = if key.is_edwards() { MessageDigest::null() } else { MessageDigest::sha256() };
    request.sign(&key.private, digest)?;
    request.build().to_pem()
}
