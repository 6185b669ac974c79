//! What one handshake showed, and whether the wanted certificate is in it (spec 9, "What an authority checks"): as the
//! handshake's own, as the server's alternate on the same key, or as staged with a key proof.

use std::fmt;

use mecai::Sha256;
use mecai::chain::spki;
use mecai::extension::{AnswerError, Vectors, read_alternate, read_staged};
use mecai::request::Protocol;
use mecai::time::UnixTime;
use thiserror::Error;

use super::handshake::{KeyType, Presented};
use super::key_proof::{self, Expected, KeyProofFailure};
use super::{hex, sha256};

/// What a probe looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The SHA-256 of the certificate.
    pub certificate: Sha256,
    /// The host of the statement.
    pub host: &'a str,
    /// The port of the statement.
    pub port: u16,
    /// How to get to TLS there.
    pub protocol: Protocol,
    /// The authority's time.
    pub now: UnixTime,
}

/// How a certificate was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As that of the handshake.
    Own,
    /// In the answer to `mecai_alternate`.
    Alternate,
    /// In the answer to `mecai_staged`.
    Staged,
}

/// The wanted certificate, as a handshake showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// How.
    pub way: Way,
    /// The certificates in DER that came with it, itself first.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response in DER. It belongs to the handshake's own certificate: none for another.
    pub ocsp: Option<Vec<u8>>,
    /// The SPKI hash of the handshake's end entity; none if that cannot be read.
    pub handshake_key: Option<Sha256>,
    /// The handshake's protocol version, as `TLSv1.2`.
    pub version: &'static str,
    /// The type of the handshake's key.
    pub key_type: KeyType,
}

/// Certificates that handshakes showed without the wanted one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// The SHA-256 of each certificate that was shown, and how.
    pub shown: Vec<(Way, Sha256)>,
    /// Why what was shown of the wanted one does not count.
    pub not_counted: Vec<NotCounted>,
}

/// Why something that a handshake showed does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotCounted {
    /// Only a handshake without questions finished.
    #[error("a handshake that asks for alternate and staged certificates does not finish: {0}")]
    Questions(String),
    /// An answer does not follow its syntax or is too large.
    #[error("the answer about the {way} certificate cannot be used: {cause}")]
    Answer {
        /// Which answer.
        way: Way,
        /// What is wrong with it.
        cause: AnswerError,
    },
    /// The alternate is on another key (spec 9, the key rule).
    #[error("shown as the alternate, but on the key {}, not on the handshake's key {}", words(.key), words(.handshake))]
    OtherKey {
        /// The SPKI hash of the alternate; none if it cannot be read.
        key: Option<Sha256>,
        /// The SPKI hash of the handshake's end entity; none if it cannot be read.
        handshake: Option<Sha256>,
    },
    /// The handshake's end entity cannot be read, so no key proof can be for its key.
    #[error("shown as staged, but the handshake's own certificate cannot be read")]
    HandshakeKey,
    /// Its key proof does not count.
    #[error("shown as staged, but {0}")]
    KeyProof(#[from] KeyProofFailure),
}

impl Wanted<'_> {
    /// Looks for it in what a handshake showed.
    ///
    /// # Errors
    /// What was shown instead.
    pub fn find(&self, presented: Presented) -> Result<Shown, Others> {
        let mut others = Others::default();
        let own = presented.chain.first().map_or(&[][..], Vec::as_slice);
        let handshake_spki = spki(own);
        let handshake_key = handshake_spki.map(sha256);
        let (way, chain) = if others.is(Way::Own, own, self) {
            (Way::Own, None)
        } else if let Some(chain) = self.alternate(&presented, handshake_spki, &mut others) {
            (Way::Alternate, Some(chain))
        } else if let Some(chain) = self.staged(&presented, handshake_key, &mut others) {
            (Way::Staged, Some(chain))
        } else {
            return Err(others);
        };
        Ok(Shown {
            way,
            handshake_key,
            version: presented.version,
            key_type: presented.key_type,
            ocsp: presented.ocsp.filter(|_| way == Way::Own),
            chain: chain.unwrap_or(presented.chain),
        })
    }

    /// The chain of the alternate, if it is the wanted one and its key is that of the handshake, octet for octet.
    fn alternate(
        &self,
        presented: &Presented,
        handshake_spki: Option<&[u8]>,
        others: &mut Others,
    ) -> Option<Vec<Vec<u8>>> {
        let answer = presented.answers.alternate.as_deref()?;
        let chain = match read_alternate(answer) {
            Ok(alternate) => owned(alternate.chain),
            Err(cause) => {
                others.not_counted.push(NotCounted::Answer { way: Way::Alternate, cause });
                return None;
            }
        };
        let certificate = chain.first()?;
        if !others.is(Way::Alternate, certificate, self) {
            return None;
        }
        let own_spki = spki(certificate);
        if own_spki.is_some() && own_spki == handshake_spki {
            return Some(chain);
        }
        let (key, handshake) = (own_spki.map(sha256), handshake_spki.map(sha256));
        others.not_counted.push(NotCounted::OtherKey { key, handshake });
        None
    }

    /// The chain of the wanted one among the staged certificates, if it comes with a key proof that counts.
    fn staged(
        &self,
        presented: &Presented,
        handshake_key: Option<Sha256>,
        others: &mut Others,
    ) -> Option<Vec<Vec<u8>>> {
        let answer = presented.answers.staged.as_deref()?;
        let staged = match read_staged(answer) {
            Ok(staged) => staged,
            Err(cause) => {
                others.not_counted.push(NotCounted::Answer { way: Way::Staged, cause });
                return None;
            }
        };
        let mut failure: Option<KeyProofFailure> = None;
        // One certificate may stand there often, with a key proof for each host and port.
        for mut entry in staged {
            let chain = entry.chain;
            let certificate = entry.chain.next()?;
            if !others.is(Way::Staged, certificate, self) {
                continue;
            }
            let Some(handshake_key) = handshake_key else {
                others.not_counted.push(NotCounted::HandshakeKey);
                return None;
            };
            let expected = Expected { host: self.host, port: self.port, handshake_key, now: self.now };
            match key_proof::check(entry.key_proof, certificate, &expected) {
                Ok(()) => return Some(owned(chain)),
                Err(cause) if failure.as_ref().is_none_or(|other| cause.passed() > other.passed()) => {
                    failure = Some(cause);
                }
                Err(_) => {}
            }
        }
        others.not_counted.extend(failure.map(NotCounted::from));
        None
    }
}

impl Others {
    /// Adds what another handshake with the same server showed.
    pub fn add(&mut self, more: Self) {
        for shown in more.shown {
            self.note(shown);
        }
        for cause in more.not_counted {
            if !self.not_counted.contains(&cause) {
                self.not_counted.push(cause);
            }
        }
    }

    /// Whether this certificate is the wanted one; notes it as shown.
    fn is(&mut self, way: Way, certificate: &[u8], wanted: &Wanted<'_>) -> bool {
        let hash = sha256(certificate);
        self.note((way, hash));
        hash == wanted.certificate
    }

    fn note(&mut self, shown: (Way, Sha256)) {
        // A server may stage thousands; nobody reads more of them than these.
        if self.shown.len() < NAMED_MAX && !self.shown.contains(&shown) {
            self.shown.push(shown);
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "own",
            Self::Alternate => "alternate",
            Self::Staged => "staged",
        })
    }
}

/// What does not count comes first, since that is what can be mended.
impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cause in &self.not_counted {
            write!(f, "{cause}; ")?;
        }
        let words: Vec<String> = self
            .shown
            .iter()
            .map(|(way, hash)| match way {
                Way::Own => hex(hash),
                Way::Alternate | Way::Staged => format!("{way} {}", hex(hash)),
            })
            .collect();
        write!(f, "showed {}", words.join(", "))
    }
}

const NAMED_MAX: usize = 12;

fn owned(chain: Vectors<'_>) -> Vec<Vec<u8>> {
    chain.map(<[u8]>::to_vec).collect()
}

fn words(key: &Option<Sha256>) -> String {
    key.map_or_else(|| "of a certificate that cannot be read".to_owned(), |hash| hex(&hash))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mecai::extension::{write_alternate, write_staged};

    use super::*;
    use crate::authority::checks::answers::Answers;

    /// A handshake whose own certificate is none, as OpenSSL and this crate may disagree on what one is.
    fn presented(chain: &[&[u8]], answers: Answers) -> Presented {
        let chain = chain.iter().map(|der| der.to_vec()).collect();
        Presented { chain, ocsp: None, answers, version: "TLSv1.3", key_type: KeyType::Other }
    }

    fn wanted(certificate: &[u8]) -> Wanted<'static> {
        let (host, protocol) = ("www.shop.example", Protocol::Tls);
        Wanted { certificate: sha256(certificate), host, port: 443, protocol, now: UnixTime(0) }
    }

    #[test]
    fn two_certificates_that_cannot_be_read_are_not_on_one_key() {
        let alternate = write_alternate(&[b"alternate"], &[]);
        let staged = write_staged(&[(&[b"alternate"], b"key proof")]);
        let others = wanted(b"alternate").find(presented(&[b"own"], Answers { alternate, staged })).unwrap_err();
        let causes = [NotCounted::OtherKey { key: None, handshake: None }, NotCounted::HandshakeKey];
        assert_eq!(others.not_counted, causes);
    }

    #[test]
    fn a_server_that_stages_thousands_does_not_fill_the_sentence() {
        let certificates: Vec<[u8; 2]> = (0_u16..5_000).map(u16::to_be_bytes).collect();
        let chains: Vec<[&[u8]; 1]> = certificates.iter().map(|certificate| [certificate.as_slice()]).collect();
        let entries: Vec<(&[&[u8]], &[u8])> = chains.iter().map(|chain| (chain.as_slice(), &b"p"[..])).collect();
        let answers = Answers { staged: write_staged(&entries), ..Answers::default() };
        assert!(answers.staged.is_some());
        let mut others = wanted(b"wanted").find(presented(&[b"own"], answers.clone())).unwrap_err();
        others.add(wanted(b"wanted").find(presented(&[b"other"], answers)).unwrap_err());
        assert_eq!((others.shown.len(), others.not_counted.len()), (NAMED_MAX, 0));
    }

    #[test]
    fn what_several_handshakes_showed_is_told_once() {
        let answers = Answers { alternate: Some(Vec::new()), ..Answers::default() };
        let look = |own: &[u8]| wanted(b"wanted").find(presented(&[own], answers.clone())).unwrap_err();
        let mut others = look(b"own");
        others.add(look(b"own"));
        others.add(look(b"other"));
        let sentence = format!(
            "the answer about the alternate certificate cannot be used: the answer of 0 octets breaks off or is wrong at \
             octet 0; showed {}, {}",
            hex(&sha256(b"own")),
            hex(&sha256(b"other"))
        );
        assert_eq!(others.to_string(), sentence);
    }
}
