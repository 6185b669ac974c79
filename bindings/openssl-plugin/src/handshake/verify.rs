//! The verify callback: OpenSSL's own verification of the chain first, then the judgement on the vouchers.

use std::ffi::{c_int, c_void};
use std::num::NonZeroU16;
use std::ptr;

use mecai::chain::{Chain, spki};
use mecai::extension::read_bundles;
use mecai::failover::Offered;
use mecai::policy::Mode;
use mecai::verdict::{Outcome, Verdict};
use mecai::verify::OwnVerification;

use crate::clock::now;
use crate::context;
use crate::guard::guard;
use crate::handshake::connection::{self, Evidence, Judged, Peer, Received, State, Wishes};
use crate::handshake::failover::{self, Validated};
use crate::handshake::references::{self, Identity};
use crate::handshake::{peer, session};
use crate::installation::{Client, Installation};
use crate::judge::{Judge, Shown};
use crate::log::event;
use crate::openssl::certificates::Certificates;
use crate::openssl::{
    SSL, SSL_RETRY_VERIFY, SSL_VERIFY_NONE, Ssl, X509_STORE_CTX, X509_V_ERR_APPLICATION_VERIFICATION, X509_V_OK,
};

/// Called by OpenSSL in place of `X509_verify_cert`.
pub(crate) unsafe extern "C" fn verify(store: *mut X509_STORE_CTX, argument: *mut c_void) -> c_int {
    guard(0, || {
        // SAFETY: `context::attach` gave this argument.
        let installation = unsafe { Installation::from_argument(argument) };
        let Some(functions) = installation.ssl() else { return 0 };
        let crypto = installation.crypto();
        // SAFETY: OpenSSL passes a store context of its own; its extra data at this index is the connection.
        unsafe {
            // A negative result is an error of the verification itself, and no acceptance.
            let own = crypto.X509_verify_cert(store).max(0);
            let index = functions.SSL_get_ex_data_X509_STORE_CTX_idx();
            let ssl: *mut SSL = crypto.X509_STORE_CTX_get_ex_data(store, index).cast();
            if ssl.is_null() || functions.SSL_is_server(ssl) != 0 {
                return own;
            }
            // A program may verify in several steps: OpenSSL asks again, and by then it may have decided.
            if own > 0 && verifies_again(functions, ssl) {
                return own;
            }
            let kept = connection::kept(functions, ssl, installation.library.connection_index());
            let wishes = kept.as_ref().map(|kept| kept.wishes).unwrap_or_default();
            let received = connection::take_received(kept);
            let error = crypto.X509_STORE_CTX_get_error(store);
            // Many programs' callbacks return 1 and leave the error: they decide afterwards, by the error.
            let is_trusted = own > 0 && error == X509_V_OK;
            let mut judged = match &installation.client {
                Client::Off => return own,
                Client::On(judge) => {
                    let Some(mode) = judge.mode(wishes.mode) else { return own };
                    let verification = Verification { installation, judge, functions, ssl, store, mode, wishes };
                    let next = if is_trusted {
                        // Whatever happens from here on, a panic too: without a verdict there is an error.
                        crypto.X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
                        verification.judge(&received)
                    } else {
                        verification.rescue(&received, own, error)
                    };
                    match next {
                        Next::Judged(judged) => judged,
                        Next::Own => {
                            verification.note_overruled(own, error);
                            return own;
                        }
                        Next::Again => {
                            let asked = State::Asked(received);
                            connection::set(functions, ssl, installation.library.connection_index(), asked);
                            return 1;
                        }
                    }
                }
                Client::Broken(_) if !is_trusted => return own,
                Client::Broken(problem) => {
                    crypto.X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
                    let meant = references::of_verification(crypto, functions, ssl, store);
                    let judged = Judged {
                        verdict: Verdict::configuration(problem.clone()),
                        name: meant.title(),
                        at: now(),
                        evidence: evidence(installation, wishes),
                    };
                    event::verdict(&installation.log, &judged.name, &judged.verdict, judged.at);
                    judged
                }
            };
            judged.keep_answer(received);
            note_judged(installation, functions, ssl);
            let is_refused = judged.verdict.outcome() == Outcome::Refused;
            if is_refused {
                installation.library.raise(&judged.verdict);
            } else {
                crypto.X509_STORE_CTX_set_error(store, X509_V_OK);
            }
            connection::conclude(functions, ssl, installation.library.connection_index(), judged);
            c_int::from(!is_refused)
        }
    })
}

/// The refusal of an answer that breaks its syntax, where that ends the handshake at once; then it has been told like
/// any refusal. A program that does not verify decides for itself afterwards.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`.
pub(crate) unsafe fn refuse_broken(
    installation: &Installation,
    judge: &Judge,
    functions: &Ssl,
    ssl: *mut SSL,
    answer: &[u8],
) -> Option<Judged> {
    let error = read_bundles(answer).err()?;
    // SAFETY: as the caller says.
    unsafe {
        if functions.SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE {
            return None;
        }
        let wishes = connection::wishes(installation.library, functions, ssl);
        let mode = judge.mode(wishes.mode)?;
        let meant = references::of_connection(installation.crypto(), functions, ssl);
        let refused = Judged {
            verdict: judge.refuse_broken(mode, &meant, error)?,
            name: meant.title(),
            at: now(),
            evidence: evidence(installation, wishes),
        };
        event::verdict(&installation.log, &refused.name, &refused.verdict, refused.at);
        note_judged(installation, functions, ssl);
        installation.library.raise(&refused.verdict);
        Some(refused)
    }
}

/// What is kept of a handshake where connections are found: so far, the port.
fn evidence(installation: &Installation, wishes: Wishes) -> Option<Box<Evidence>> {
    let evidence = || Box::new(Evidence { port: wishes.port, ..Evidence::default() });
    installation.library.finds().then(evidence)
}

/// Notes that a handshake was judged, for the process and for the connection's context.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`.
unsafe fn note_judged(installation: &Installation, functions: &Ssl, ssl: *const SSL) {
    installation.status.note_judged();
    // SAFETY: as the caller says.
    if let Some(placed) = unsafe { context::placed_for(installation.library, functions, ssl) } {
        placed.status.note_judged();
    }
}

/// Whether the program has told OpenSSL to verify once more later. Nobody can see that in a QUIC connection: there
/// `SSL_want` waits for a lock that OpenSSL holds while it calls back.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `functions` are of, in its verify callback.
unsafe fn verifies_again(functions: &Ssl, ssl: *const SSL) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        functions.SSL_is_quic.is_none_or(|is_quic| is_quic(ssl) == 0) && functions.SSL_want(ssl) == SSL_RETRY_VERIFY
    }
}

/// How a handshake goes on.
enum Next {
    /// By a verdict.
    Judged(Judged),
    /// As the program's own verification has it.
    Own,
    /// OpenSSL verifies once more, which the program's callback has told it when it was asked about the alternate.
    Again,
}

/// A client's handshake whose own certificate OpenSSL has verified; `ssl` and `store` are of the OpenSSL of `installation`,
/// in this connection's verify callback.
struct Verification<'a> {
    installation: &'static Installation,
    judge: &'a Judge,
    functions: &'a Ssl,
    ssl: *mut SSL,
    store: *mut X509_STORE_CTX,
    mode: Mode,
    wishes: Wishes,
}

impl Verification<'_> {
    /// Judges a handshake whose chain the program's own verification accepted.
    ///
    /// # Safety
    /// As the type says, for this and the others.
    unsafe fn judge(&self, received: &Received) -> Next {
        let Self { installation, judge, functions, ssl, store, .. } = *self;
        // SAFETY: as the caller says; chains and parameters stay for the callback.
        unsafe {
            let verified =
                Certificates::of(installation.crypto(), installation.crypto().X509_STORE_CTX_get0_chain(store));
            let chain = Chain::from_der(verified.unwrap_or_default().iter());
            let own = match &chain {
                _ if functions.SSL_get0_dane_authority(ssl, ptr::null_mut(), ptr::null_mut()) >= 0 => {
                    OwnVerification::Dane
                }
                Ok(chain) => OwnVerification::Accepted(chain),
                Err(error) => OwnVerification::Unreadable(*error),
            };
            let meant = references::of_verification(installation.crypto(), functions, ssl, store);
            let shown = self.shown(own, &meant, received);
            let verdict = judge.judge(&installation.log, &shown);
            let Some((verdict, served)) = self.fail_over(&shown, verdict, received) else { return Next::Again };
            Next::Judged(self.conclude(&shown, verdict, served))
        }
    }

    /// Judges the alternate of a handshake whose own chain leads to no root that the program trusts; no verdict unless that
    /// is what is accepted.
    ///
    /// # Safety
    /// As for [`Self::judge`].
    unsafe fn rescue(&self, received: &Received, own: c_int, error: c_int) -> Next {
        let Self { installation, judge, functions, ssl, store, .. } = *self;
        // SAFETY: as the caller says.
        unsafe {
            let depth = installation.crypto().X509_STORE_CTX_get_error_depth(store);
            if received.alternate.is_none() || !failover::lacks_trusted_root(error, depth) {
                return Next::Own;
            }
            let meant = references::of_verification(installation.crypto(), functions, ssl, store);
            let shown = self.shown(OwnVerification::NoTrustedRoot, &meant, received);
            let verdict = judge.judge(&installation.log, &shown);
            let Some((verdict, served)) = self.fail_over(&shown, verdict, received) else { return Next::Again };
            if verdict.outcome() == Outcome::Accepted {
                return Next::Judged(self.conclude(&shown, verdict, served));
            }
            if !self.is_overruled(own) {
                event::verdict(&installation.log, &meant.title(), &verdict, shown.now);
            }
            Next::Own
        }
    }

    /// The verdict on the alternate, where there is one and it is due. What is accepted is put in place of the server's
    /// own certificate; then the chain as it was served is given, too. None if OpenSSL is to verify once more.
    ///
    /// # Safety
    /// As for [`Self::judge`].
    unsafe fn fail_over(
        &self,
        shown: &Shown<'_>,
        verdict: Verdict,
        received: &Received,
    ) -> Option<(Verdict, Option<Certificates>)> {
        let Self { installation, judge, functions, ssl, store, .. } = *self;
        let crypto = installation.crypto();
        let Some(answer) = &received.alternate else { return Some((verdict, None)) };
        // SAFETY: as the caller says.
        unsafe {
            if !judge.is_failover_due(&verdict, shown) || failover::uses_dane(crypto, functions, ssl) {
                return Some((verdict, None));
            }
            let own = Certificates::of_one(crypto, crypto.X509_STORE_CTX_get0_cert(store)).unwrap_or_default();
            let key = own.iter().next().and_then(spki).unwrap_or_default();
            // What an alternate that fails leaves behind would be taken for the errors of the server's own certificate.
            crypto.ERR_set_mark();
            let validated = Offered::read(answer, key).and_then(|offered| {
                let validated = Validated::new(crypto, &installation.issuers, functions, ssl, store, &offered)?;
                validated.check_name(&validated.identity(functions, ssl))?;
                Ok((offered, validated))
            });
            crypto.ERR_pop_to_mark();
            if verifies_again(functions, ssl) {
                return None;
            }
            let (offered, validated) = match validated {
                Ok(validated) => validated,
                Err(cause) => return Some((judge.fail_over(&installation.log, shown, verdict, Err(cause)), None)),
            };
            let meant = validated.identity(functions, ssl);
            let alternate = Ok((&offered, validated.chain()));
            let judged =
                judge.fail_over(&installation.log, &Shown { meant: &meant, ..*shown }, verdict.clone(), alternate);
            drop(meant);
            if judged.outcome() != Outcome::Accepted {
                return Some((judged, None));
            }
            let served = self.served();
            Some(if validated.take_place(store) { (judged, Some(served)) } else { (verdict, None) })
        }
    }

    /// The chain as the server sent it.
    ///
    /// # Safety
    /// As for [`Self::judge`].
    unsafe fn served(&self) -> Certificates {
        let crypto = self.installation.crypto();
        // SAFETY: as the caller says.
        unsafe { Certificates::of(crypto, crypto.X509_STORE_CTX_get0_untrusted(self.store)).unwrap_or_default() }
    }

    /// Tells a verdict, and keeps what outlives the handshake. `served` is the chain as the server sent it, where another
    /// one has taken its place.
    ///
    /// # Safety
    /// As for [`Self::judge`].
    unsafe fn conclude(&self, shown: &Shown<'_>, verdict: Verdict, served: Option<Certificates>) -> Judged {
        let Self { installation, judge, functions, ssl, store, .. } = *self;
        // What `shown` says of the name is gone where the alternate has taken its place: OpenSSL tells it anew.
        let anew = || {
            // SAFETY: as the caller says.
            unsafe { references::of_verification(installation.crypto(), functions, ssl, store) }
        };
        let anew = served.is_some().then(anew);
        let shown = &Shown { meant: anew.as_ref().unwrap_or(shown.meant), ..*shown };
        let name = shown.meant.title();
        event::verdict(&installation.log, &name, &verdict, shown.now);
        let mut evidence = evidence(installation, self.wishes);
        // SAFETY: as the caller says.
        unsafe {
            // A program that does not verify decides for itself afterwards: what it meets is worth no report.
            let report = if functions.SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE {
                let served = || served.unwrap_or_else(|| self.served());
                judge.keep(&installation.log, shown, &verdict, evidence.is_some(), served)
            } else {
                None
            };
            if let Some(evidence) = &mut evidence {
                (evidence.peer, evidence.report) = (shown.peer, report);
                let chain =
                    Certificates::of(installation.crypto(), installation.crypto().X509_STORE_CTX_get0_chain(store));
                let chain = chain.and_then(|chain| Chain::from_der(chain.iter()).ok());
                evidence.chain = chain.and_then(|chain| judge.owners(&installation.log, &chain));
            }
            session::mark(installation, judge, functions, ssl, self.mode, &verdict);
        }
        Judged { verdict, name, at: shown.now, evidence }
    }

    /// Tells that the program goes on in spite of an error, with a chain that it has not accepted.
    ///
    /// # Safety
    /// As for [`Self::judge`].
    unsafe fn note_overruled(&self, own: c_int, error: c_int) {
        // SAFETY: as the caller says.
        unsafe {
            if self.is_overruled(own) {
                let crypto = self.installation.crypto();
                let meant = references::of_verification(crypto, self.functions, self.ssl, self.store);
                event::overruled(&self.installation.log, meant.name(), error);
            }
        }
    }

    /// Whether the program goes on with a chain that its own verification has not accepted; `own` is what that gave.
    ///
    /// # Safety
    /// As for [`Self::judge`].
    unsafe fn is_overruled(&self, own: c_int) -> bool {
        // SAFETY: as the caller says.
        own > 0 && unsafe { self.functions.SSL_get_verify_mode(self.ssl) } != SSL_VERIFY_NONE
    }

    /// # Safety
    /// As for [`Self::judge`].
    unsafe fn shown<'s>(&self, own: OwnVerification<'s>, meant: &'s Identity<'s>, received: &'s Received) -> Shown<'s> {
        let Self { mode, wishes, .. } = *self;
        let peer = match wishes.peer {
            _ if !self.judge.compares_addresses() => None,
            // SAFETY: as the caller says.
            Peer::OfSocket => unsafe { peer::address(self.functions, self.ssl) },
            Peer::Unknown => None,
            Peer::At(address) => Some(address),
        };
        let port = wishes.port.map(NonZeroU16::get);
        Shown { own, mode, meant, peer, port, answer: received.vouchers.as_deref(), now: now() }
    }
}
