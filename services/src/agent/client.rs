//! The HTTP side of a question to an authority (spec section 9).

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use mecai::SOFTWARE;
use mecai::request::{Answer, ENDORSEMENT_MAX, ENDORSEMENT_TYPE, Failure, Question, REQUEST_TYPE};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Error};

use super::clock::now;
use super::trouble::Trouble;

/// Asks authorities. No proxy, no redirects, no connection kept: an answer comes from the URL in the list.
#[derive(Clone, Debug)]
pub(super) struct Client {
    agent: Agent,
    timeout: u64,
}

impl Client {
    /// Reads the roots for https, and gives up on an answer after `timeout` seconds. Roots that cannot be read are told
    /// of; authorities that are reached by https then fail.
    pub(super) fn new(ca_file: &Path, timeout: u64) -> (Self, Option<Trouble>) {
        let (roots, trouble) = match read_roots(ca_file) {
            Ok(roots) => (roots, None),
            Err(trouble) => (RootCerts::new_with_certs(&[]), Some(trouble)),
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .timeout_global(Some(Duration::from_secs(timeout)))
            .user_agent(SOFTWARE)
            .accept(ENDORSEMENT_TYPE)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        (Self { agent: config.new_agent(), timeout }, trouble)
    }

    /// How long an answer may take, in seconds.
    pub(super) fn timeout(&self) -> u64 {
        self.timeout
    }

    /// Puts the question; the thread waits for the answer.
    pub(super) fn ask(&self, question: &Question) -> Result<Vec<u8>, Failure> {
        let sent = self.agent.post(question.url()).content_type(REQUEST_TYPE).send(question.body());
        let mut response = sent.map_err(|error| failure(question, &error))?;
        let mut body = Vec::new();
        // One octet more, so that too many are told apart.
        let most = ENDORSEMENT_MAX as u64 + 1;
        if let Err(error) = response.body_mut().as_reader().take(most).read_to_end(&mut body) {
            return Err(match error.kind() {
                ErrorKind::TimedOut => question.timed_out(),
                _ => Failure::unreachable(&format!("the answer broke off: {error}")),
            });
        }
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let answer = Answer {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            retry_after: header("retry-after"),
            body: &body,
        };
        question.judge(&answer, now())
    }
}

fn failure(question: &Question, error: &Error) -> Failure {
    match error {
        Error::Timeout(_) => question.timed_out(),
        Error::Io(error) if error.kind() == ErrorKind::TimedOut => question.timed_out(),
        Error::Io(error) => Failure::unreachable(&error.to_string()),
        error => Failure::unreachable(&error.to_string()),
    }
}

fn read_roots(path: &Path) -> Result<RootCerts, Trouble> {
    let trouble = |problem: String| {
        let meaning = "authorities that are reached by https will fail";
        Trouble::new("ca_file_unreadable", format!("the roots in {}: {problem}; {meaning}", path.display()))
    };
    let octets = std::fs::read(path).map_err(|cause| trouble(cause.to_string()))?;
    let mut roots = Vec::new();
    for item in parse_pem(&octets) {
        match item.map_err(|cause| trouble(cause.to_string()))? {
            PemItem::Certificate(root) => roots.push(root),
            _ => return Err(trouble("something else than certificates stands there".to_owned())),
        }
    }
    if roots.is_empty() { Err(trouble("there are none".to_owned())) } else { Ok(RootCerts::new_with_certs(&roots)) }
}
