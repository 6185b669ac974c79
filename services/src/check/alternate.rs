//! The server's alternate, verified as a client verifies its own certificate (spec section 8, "Failover").

use std::path::Path;

use mecai::chain::{Chain, ChainError};
use mecai::failover::Offered;
use mecai::text::Text;
use mecai::verdict::{AlternateCause, Cause};
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509CheckFlags, X509VerifyParam};
use openssl::x509::{X509, X509PurposeId, X509StoreContext, X509VerifyResult};
use openssl_sys as numbers;

use super::target::Target;

/// Whether OpenSSL's verification says that a chain leads to no trusted root: that lies with the CA.
pub(super) fn lacks_trusted_root(result: X509VerifyResult) -> bool {
    matches!(
        result.as_raw(),
        numbers::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
            | numbers::X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            | numbers::X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
            | numbers::X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
            | numbers::X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
            | numbers::X509_V_ERR_CERT_UNTRUSTED
            | numbers::X509_V_ERR_CERT_REJECTED
    )
}

/// OpenSSL's own, in Debian.
const SECURITY_LEVEL: i32 = 2;

/// The alternate's certificates, and its verified chain.
pub(super) struct Validated {
    pub(super) certificates: Vec<X509>,
    pub(super) chain: Chain,
}

/// Verifies an alternate for the target, by these roots, or the system's.
pub(super) fn validate(
    target: &Target,
    ca_file: Option<&Path>,
    offered: &Offered<'_>,
) -> Result<Validated, AlternateCause> {
    let read = |(place, der): (usize, &[u8])| {
        X509::from_der(der).map_err(|_| AlternateCause::Chain(ChainError::NotACertificate(place)))
    };
    let certificates = offered.chain().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let failed = |error: ErrorStack| AlternateCause::NotTrusted(error.to_string());
    let (result, chain) = verify(target, ca_file, &certificates).map_err(failed)?;
    match result {
        X509VerifyResult::OK => Ok(Validated { certificates: chain.clone(), chain: digests(&chain)? }),
        other if is_of_name(other) => Err(AlternateCause::WrongName { meant: Text::of(&target.host) }),
        other => Err(AlternateCause::NotTrusted(other.error_string().to_owned())),
    }
}

fn verify(
    target: &Target,
    ca_file: Option<&Path>,
    certificates: &[X509],
) -> Result<(X509VerifyResult, Vec<X509>), ErrorStack> {
    let mut others = Stack::new()?;
    for certificate in certificates {
        others.push(certificate.clone())?;
    }
    let store = store(target, ca_file)?;
    let Some(leaf) = certificates.first() else { return Ok((X509VerifyResult::APPLICATION_VERIFICATION, Vec::new())) };
    X509StoreContext::new()?.init(&store, leaf, &others, |context| {
        let _ = context.verify_cert()?;
        let chain = context.chain().map(|chain| chain.iter().map(|one| one.to_owned()).collect());
        Ok((context.error(), chain.unwrap_or_default()))
    })
}

fn store(target: &Target, ca_file: Option<&Path>) -> Result<X509Store, ErrorStack> {
    let mut builder = X509StoreBuilder::new()?;
    match ca_file {
        // It was read before, for the handshake.
        Some(path) => {
            for root in X509::stack_from_pem(&std::fs::read(path).unwrap_or_default())? {
                builder.add_cert(root)?;
            }
        }
        None => builder.set_default_paths()?,
    }
    let mut parameters = X509VerifyParam::new()?;
    parameters.set_purpose(X509PurposeId::SSL_SERVER)?;
    // As in a handshake with OpenSSL's own settings: neither weak keys nor weak hashes.
    parameters.set_auth_level(SECURITY_LEVEL);
    match target.address() {
        Some(address) => parameters.set_ip(address)?,
        None => {
            parameters.set_hostflags(X509CheckFlags::NEVER_CHECK_SUBJECT | X509CheckFlags::NO_PARTIAL_WILDCARDS);
            parameters.set_host(&target.host)?;
        }
    }
    builder.set_param(&parameters)?;
    Ok(builder.build())
}

fn is_of_name(result: X509VerifyResult) -> bool {
    matches!(result.as_raw(), numbers::X509_V_ERR_HOSTNAME_MISMATCH | numbers::X509_V_ERR_IP_ADDRESS_MISMATCH)
}

fn digests(chain: &[X509]) -> Result<Chain, AlternateCause> {
    let ders = chain.iter().map(|certificate| certificate.to_der()).collect::<Result<Vec<_>, _>>();
    let ders = ders.map_err(|error| AlternateCause::NotTrusted(error.to_string()))?;
    let unreadable = |error| AlternateCause::Rules(Cause::ChainUnreadable(error));
    Chain::from_der(ders.iter().map(Vec::as_slice)).map_err(unreadable)
}
