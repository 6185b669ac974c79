//! A case as verify.json has it.

use std::error::Error;
use std::net::IpAddr;

use data_encoding::HEXLOWER;
use mecai::authority_list::AuthorityList;
use mecai::policy::{AddressRule, Mode, Policy, Quorum};
use serde::Deserialize;

/// A list with its signatures, and who must have signed.
#[derive(Deserialize)]
pub(crate) struct ListTable {
    file: String,
    signatures: Option<String>,
    public_keys: Vec<String>,
    required: usize,
}

/// One handshake, whose chain is trusted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) now: u64,
    pub(crate) chain: String,
    pub(crate) reference_identities: Vec<String>,
    pub(crate) sni: Option<String>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    pub(crate) list: String,
    pub(crate) secret: Option<String>,
    pub(crate) machine_id: Option<String>,
    pub(crate) answer: Option<String>,
    pub(crate) policy: PolicyCase,
}

/// What a client demands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyCase {
    mode: String,
    candidates: usize,
    quorum: usize,
    region: Option<String>,
    addresses: String,
}

impl ListTable {
    pub(crate) fn read(&self) -> Option<AuthorityList> {
        let keys = format!("{} of {}", self.required, self.public_keys.join(", ")).parse().ok()?;
        AuthorityList::read(self.file.as_bytes(), self.signatures.as_deref()?, &keys, 0).ok()
    }
}

impl PolicyCase {
    pub(crate) fn read(&self) -> Result<Policy, Box<dyn Error>> {
        let mode = match self.mode.as_str() {
            "require" => Mode::Require,
            "opportunistic" => Mode::Opportunistic,
            "observe" => Mode::Observe,
            other => return Err(format!("mode {other}").into()),
        };
        let addresses = match self.addresses.as_str() {
            "note" => AddressRule::Note,
            "require" => AddressRule::Require,
            "ignore" => AddressRule::Ignore,
            other => return Err(format!("addresses {other}").into()),
        };
        let quorum = Quorum::new(self.quorum, self.candidates)?;
        Ok(Policy { mode, quorum, region: self.region.clone(), addresses, ..Policy::default() })
    }
}

pub(crate) fn hex(text: &str) -> Result<Vec<u8>, data_encoding::DecodeError> {
    HEXLOWER.decode(text.as_bytes())
}
