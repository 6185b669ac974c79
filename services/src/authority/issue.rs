//! From a request to an endorsement: examine, record, and only then let the signature go.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use mecai::endorsement::endorse;
use mecai::request::VoucherRequest;
use mecai::signature::SigningKey;

use super::checks::sha256;
use super::examine::Examiner;
use super::journal::{Entry, Journal};
use super::refusal::{Refusal, clip};
use super::single_flight::SingleFlight;

/// The outcome of a request that was endorsed, in the journal.
const ENDORSED: &str = "endorsed";

/// Answers requests.
pub struct Issuer {
    /// Does the checks.
    pub examiner: Arc<Examiner>,
    /// Signs.
    pub key: Arc<SigningKey>,
    /// Records.
    pub journal: Journal,
    /// Requests under way, by the SHA-256 of their DER.
    pub flights: SingleFlight<[u8; 32], Outcome>,
}

type Outcome = Result<Vec<u8>, Arc<Refusal>>;

impl Issuer {
    /// The DER of the endorsement that `requester` asks for with the body `request`; recorded when this returns.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn answer(&self, requester: IpAddr, request: Result<Vec<u8>, Refusal>) -> Outcome {
        let started = Instant::now();
        let received = self.examiner.clock.now();
        let (body, outcome) = match request {
            Ok(body) => {
                let outcome = self.decide(requester, &body).await;
                (body, outcome)
            }
            Err(refusal) => (Vec::new(), self.count(requester).map_err(Arc::new).and(Err(Arc::new(refusal)))),
        };
        let read = VoucherRequest::from_der(&body).ok();
        let entry = Entry {
            received,
            took: started.elapsed(),
            requester,
            target: read.map(|request| (request.statement.host().to_owned(), request.statement.port())),
            outcome: outcome.as_ref().map_or_else(|refusal| refusal.problem().code(), |_| ENDORSED),
            detail: outcome.as_ref().err().map(|refusal| clip(&refusal.to_string())).unwrap_or_default(),
            request: body,
            endorsement: outcome.as_ref().ok().cloned(),
        };
        self.record(entry, outcome).await
    }

    fn count(&self, requester: IpAddr) -> Result<(), Refusal> {
        Ok(self.examiner.limits.requester(requester)?)
    }

    async fn decide(&self, requester: IpAddr, body: &[u8]) -> Outcome {
        // Counted before all else, so that nobody can fill the journal with malformed requests.
        self.count(requester)?;
        let place = self.examiner.limits.place().map_err(Refusal::from)?;
        let (examiner, key, octets) = (Arc::clone(&self.examiner), Arc::clone(&self.key), body.to_vec());
        let work = async move {
            let _place = place;
            vouch(&examiner, &key, &octets).await.map_err(Arc::new)
        };
        let failed = || Err(Arc::new(Refusal::Internal("the examination panicked".to_owned())));
        self.flights.run(sha256(body), work).await.unwrap_or_else(failed)
    }

    /// Records the outcome; an endorsement that could not be recorded does not leave.
    async fn record(&self, entry: Entry, outcome: Outcome) -> Outcome {
        let target = entry.target.as_ref().map(|(host, port)| format!("{host} port {port}"));
        tracing::info!(
            requester = %entry.requester,
            target,
            outcome = entry.outcome,
            detail = entry.detail,
            took_ms = entry.took.as_millis(),
            "answered"
        );
        match outcome {
            Ok(endorsement) => match self.journal.record(entry).await {
                Ok(()) => Ok(endorsement),
                Err(failure) => Err(Arc::new(Refusal::Internal(failure.to_string()))),
            },
            Err(refusal) => {
                let over_limit = matches!(*refusal, Refusal::Limited(_));
                if !over_limit || self.examiner.limits.may_record(entry.requester) {
                    self.journal.note(entry);
                }
                Err(refusal)
            }
        }
    }
}

async fn vouch(examiner: &Examiner, key: &SigningKey, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request = VoucherRequest::from_der(body)?;
    examiner.check_request(&request)?;
    let found = examiner.look(&request).await?;
    // The checks may have taken many seconds.
    examiner.distrust.check(&found.subjects)?;
    endorse(key, &request.statement, found.seen, found.evidence).map_err(|cause| Refusal::Internal(cause.to_string()))
}
