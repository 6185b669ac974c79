//! One file of the store: its contents and their DER (spec section 11).

use der::asn1::{AnyRef, IntRef, OctetStringRef};
use der::{Decode, Encode, Header, Reader, Sequence, SliceReader};

use super::error::StoreCause;
use crate::bundle::{BUNDLES_PER_HOST, Bundle};
use crate::key_proof::KeyProof;
use crate::statement::DecodeError;
use crate::time::UnixTime;
use crate::{Sha256, octets, sealed};

/// The most octets of a file.
pub const FILE_MAX: usize = 1_048_576;
/// The most bundles in a file, or beside an alternate.
pub(super) const BUNDLES_MAX: usize = 255;
/// A certificate is staged once for each host and port.
const STAGED_MAX: usize = 255;
const CHAIN_MAX: usize = 10;

/// A bundle that was read once, with what it is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBundle {
    der: Vec<u8>,
    host: String,
    port: u16,
    certificate: Sha256,
    produced_at: UnixTime,
    not_after: UnixTime,
}

impl StoredBundle {
    /// Reads the DER of one bundle, all of `der`.
    pub fn from_der(der: &[u8]) -> Result<Self, DecodeError> {
        let bundle = Bundle::from_der(der)?;
        let statement = bundle.statement();
        Ok(Self {
            der: der.to_vec(),
            host: statement.host().to_owned(),
            port: statement.port(),
            certificate: *statement.certificate(),
            produced_at: statement.produced_at(),
            not_after: statement.not_after(),
        })
    }

    /// The DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The host of the statement.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of the statement.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the statement.
    #[must_use]
    pub fn certificate(&self) -> &Sha256 {
        &self.certificate
    }

    /// When the statement was made.
    #[must_use]
    pub fn produced_at(&self) -> UnixTime {
        self.produced_at
    }

    /// The last second in which it is in force.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// Host, port, then freshest first; the octets make the order one.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        (&self.host, self.port, other.produced_at, &self.der).cmp(&(
            &other.host,
            other.port,
            self.produced_at,
            &other.der,
        ))
    }
}

/// A second certificate, and its bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAlternate {
    /// Certificates in DER, end entity first; 1 to 10.
    pub chain: Vec<Vec<u8>>,
    /// Bundles for its end entity.
    pub bundles: Vec<StoredBundle>,
}

/// The next certificate, and the proof of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredStaged {
    /// Certificates in DER, end entity first; 1 to 10.
    pub chain: Vec<Vec<u8>>,
    /// A DER KeyProof for its end entity.
    pub key_proof: Vec<u8>,
}

/// Everything that is stored for one certificate; follows every rule of spec section 11.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    certificate: Sha256,
    bundles: Vec<StoredBundle>,
    alternate: Option<StoredAlternate>,
    staged: Vec<StoredStaged>,
}

impl Contents {
    /// Puts together what belongs to one certificate; bundles of any order.
    pub fn new(
        certificate: Sha256,
        mut bundles: Vec<StoredBundle>,
        mut alternate: Option<StoredAlternate>,
        staged: Vec<StoredStaged>,
    ) -> Result<Self, DecodeError> {
        bundles.sort_by(StoredBundle::order);
        if let Some(alternate) = &mut alternate {
            alternate.bundles.sort_by(StoredBundle::order);
        }
        let contents = Self { certificate, bundles, alternate, staged };
        contents.check()?;
        Ok(contents)
    }

    /// Reads a file, which by its name is for `certificate`.
    pub fn from_der(der: &[u8], certificate: &Sha256) -> Result<Self, StoreCause> {
        if der.len() > FILE_MAX {
            return Err(StoreCause::TooLarge(der.len()));
        }
        check_length(der)?;
        let (body, digest) = sealed::split(der).map_err(DecodeError::der("StoreFile"))?;
        let computed = octets::sha256(&[body]);
        let stored = digest.try_into().map_err(|_| DecodeError::rule("StoreFile", "the digest has not 32 octets"))?;
        if computed != stored {
            return Err(StoreCause::Digest { computed, stored });
        }
        check_version(body)?;
        let contents = BodyWire::from_der(body).map_err(DecodeError::der(STRUCTURE))?.read()?;
        if contents.certificate != *certificate {
            return Err(StoreCause::OtherCertificate { found: contents.certificate, expected: *certificate });
        }
        contents.check()?;
        Ok(contents)
    }

    /// The octets of the file.
    pub fn to_der(&self) -> Result<Vec<u8>, StoreCause> {
        let body = self.body().map_err(DecodeError::der(STRUCTURE))?;
        let file = sealed::join(&body, &octets::sha256(&[&body])).map_err(DecodeError::der("StoreFile"))?;
        if file.len() > FILE_MAX { Err(StoreCause::TooLarge(file.len())) } else { Ok(file) }
    }

    /// SHA-256 of the end-entity certificate.
    #[must_use]
    pub fn certificate(&self) -> &Sha256 {
        &self.certificate
    }

    /// The bundles: by host, port, then freshest first.
    #[must_use]
    pub fn bundles(&self) -> &[StoredBundle] {
        &self.bundles
    }

    /// The second certificate.
    #[must_use]
    pub fn alternate(&self) -> Option<&StoredAlternate> {
        self.alternate.as_ref()
    }

    /// The next certificates.
    #[must_use]
    pub fn staged(&self) -> &[StoredStaged] {
        &self.staged
    }

    fn check(&self) -> Result<(), DecodeError> {
        check_bundles(&self.bundles, &self.certificate)?;
        if let Some(alternate) = &self.alternate {
            check_bundles(&alternate.bundles, &check_chain(&alternate.chain)?)?;
        }
        if self.staged.len() > STAGED_MAX {
            return Err(rule("there are more than 255 staged certificates"));
        }
        for staged in &self.staged {
            let certificate = check_chain(&staged.chain)?;
            if KeyProof::from_der(&staged.key_proof)?.claim().certificate != certificate {
                return Err(rule("a key proof is for another certificate than the one it is stored with"));
            }
        }
        Ok(())
    }

    fn body(&self) -> der::Result<Vec<u8>> {
        let alternate = |alternate: &'_ StoredAlternate| -> der::Result<Vec<u8>> {
            AlternateWire { chain: octet_strings(&alternate.chain)?, bundles: anys(&alternate.bundles)? }.to_der()
        };
        let alternate = self.alternate.as_ref().map(alternate).transpose()?;
        let staged = |staged: &'_ StoredStaged| -> der::Result<Vec<u8>> {
            StagedWire { chain: octet_strings(&staged.chain)?, key_proof: AnyRef::from_der(&staged.key_proof)? }
                .to_der()
        };
        let staged = self.staged.iter().map(staged).collect::<der::Result<Vec<_>>>()?;
        let wire = BodyWire {
            version: 1,
            certificate: OctetStringRef::new(&self.certificate)?,
            bundles: anys(&self.bundles)?,
            alternate: alternate.as_deref().map(AlternateWire::from_der).transpose()?,
            staged: match &staged[..] {
                [] => None,
                staged => Some(staged.iter().map(|der| StagedWire::from_der(der)).collect::<der::Result<_>>()?),
            },
        };
        wire.to_der()
    }
}

const STRUCTURE: &str = "StoreBody";

#[derive(Sequence)]
struct BodyWire<'a> {
    version: u8,
    certificate: &'a OctetStringRef,
    bundles: Vec<AnyRef<'a>>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    alternate: Option<AlternateWire<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    staged: Option<Vec<StagedWire<'a>>>,
}

#[derive(Sequence)]
struct AlternateWire<'a> {
    chain: Vec<&'a OctetStringRef>,
    bundles: Vec<AnyRef<'a>>,
}

#[derive(Sequence)]
struct StagedWire<'a> {
    chain: Vec<&'a OctetStringRef>,
    key_proof: AnyRef<'a>,
}

impl BodyWire<'_> {
    fn read(&self) -> Result<Contents, DecodeError> {
        let alternate = |wire: &AlternateWire<'_>| -> Result<StoredAlternate, DecodeError> {
            Ok(StoredAlternate { chain: octets_of(&wire.chain), bundles: read_bundles(&wire.bundles)? })
        };
        let staged = |wire: &StagedWire<'_>| -> Result<StoredStaged, DecodeError> {
            let key_proof = wire.key_proof.to_der().map_err(DecodeError::der("KeyProof"))?;
            Ok(StoredStaged { chain: octets_of(&wire.chain), key_proof })
        };
        if self.staged.as_ref().is_some_and(Vec::is_empty) {
            return Err(rule("staged is there but empty"));
        }
        Ok(Contents {
            certificate: self.certificate.as_bytes().try_into().map_err(|_| rule("certificate has not 32 octets"))?,
            bundles: read_bundles(&self.bundles)?,
            alternate: self.alternate.as_ref().map(alternate).transpose()?,
            staged: self.staged.iter().flatten().map(staged).collect::<Result<_, _>>()?,
        })
    }
}

fn rule(text: &'static str) -> DecodeError {
    DecodeError::rule(STRUCTURE, text)
}

/// A file that was cut off, or that has something after its end, is told apart from other damage.
fn check_length(der: &[u8]) -> Result<(), StoreCause> {
    let mut reader = SliceReader::new(der).map_err(DecodeError::der("StoreFile"))?;
    // A header that is itself cut off says no length; the shortest one has two octets.
    let torn = |expected| Err(StoreCause::Torn { found: der.len(), expected });
    let header = match Header::decode(&mut reader) {
        Ok(header) => header,
        Err(error) if matches!(error.kind(), der::ErrorKind::Incomplete { .. }) => return torn(der.len() + 1),
        Err(error) => return Err(DecodeError::der("StoreFile")(error).into()),
    };
    let end = reader.position() + header.length();
    let expected = end.and_then(usize::try_from).unwrap_or(usize::MAX);
    if expected == der.len() { Ok(()) } else { torn(expected) }
}

fn check_version(body: &[u8]) -> Result<(), StoreCause> {
    let read = || -> der::Result<u64> {
        let body = AnyRef::from_der(body)?;
        let version: IntRef<'_> = SliceReader::new(body.value())?.decode()?;
        let octets = version.as_bytes().iter();
        Ok(octets.fold(0_u64, |value, octet| value.saturating_mul(256).saturating_add(u64::from(*octet))))
    };
    match read().map_err(DecodeError::der(STRUCTURE))? {
        1 => Ok(()),
        version => Err(StoreCause::OtherVersion(version)),
    }
}

fn check_bundles(bundles: &[StoredBundle], certificate: &Sha256) -> Result<(), DecodeError> {
    let same_place =
        |bundle: &&StoredBundle, first: &StoredBundle| (&bundle.host, bundle.port) == (&first.host, first.port);
    if bundles.len() > BUNDLES_MAX {
        return Err(rule("there are more than 255 bundles"));
    }
    if bundles.iter().any(|bundle| bundle.certificate != *certificate) {
        return Err(rule("a statement names another certificate"));
    }
    let in_order = |pair: &[StoredBundle]| {
        (&pair[0].host, pair[0].port, pair[1].produced_at) <= (&pair[1].host, pair[1].port, pair[0].produced_at)
    };
    if !bundles.windows(2).all(in_order) {
        return Err(rule("the bundles are not in the order host, port, freshest first"));
    }
    let more_than_allowed =
        bundles.windows(BUNDLES_PER_HOST + 1).any(|run| run.iter().all(|bundle| same_place(&bundle, &run[0])));
    if more_than_allowed {
        return Err(rule("there are more than 4 bundles for one host and port"));
    }
    Ok(())
}

/// SHA-256 of the end entity.
fn check_chain(chain: &[Vec<u8>]) -> Result<Sha256, DecodeError> {
    if !(1..=CHAIN_MAX).contains(&chain.len()) || chain.iter().any(Vec::is_empty) {
        return Err(rule("a chain has not 1 to 10 certificates, or an empty one"));
    }
    Ok(octets::sha256(&[&chain[0]]))
}

fn read_bundles(bundles: &[AnyRef<'_>]) -> Result<Vec<StoredBundle>, DecodeError> {
    let read = |any: &AnyRef<'_>| StoredBundle::from_der(&any.to_der().map_err(DecodeError::der("VoucherBundle"))?);
    bundles.iter().map(read).collect()
}

fn octets_of(chain: &[&OctetStringRef]) -> Vec<Vec<u8>> {
    chain.iter().map(|certificate| certificate.as_bytes().to_vec()).collect()
}

fn octet_strings(list: &[Vec<u8>]) -> der::Result<Vec<&OctetStringRef>> {
    list.iter().map(|octets| OctetStringRef::new(octets)).collect()
}

fn anys(bundles: &[StoredBundle]) -> der::Result<Vec<AnyRef<'_>>> {
    bundles.iter().map(|bundle| AnyRef::from_der(&bundle.der)).collect()
}

#[cfg(test)]
impl Contents {
    pub(super) fn swap_bundles(&mut self, a: usize, b: usize) {
        self.bundles.swap(a, b);
    }
}
