//! A mismatch report (spec section 10): which fields, and nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64;
use serde::Deserialize;

use crate::octets::{self, Hex};
use crate::policy::Policy;
use crate::time::UnixTime;
use crate::verdict::{Code, Verdict};
use crate::verify::Handshake;
use crate::{SOFTWARE, extension, host};

/// What a client saw when it refused, or noted `address_not_seen`.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The server's answer to `mecai_vouchers`, if there was one.
    pub answer: Option<&'a [u8]>,
    /// The certificates as served, in order.
    pub chain: &'a [&'a [u8]],
    /// The verdict's code.
    pub code: Code,
    /// The name of the pick.
    pub host: &'a str,
    /// When; only the hour is reported.
    pub at: UnixTime,
    /// The server's address; only its prefix is reported.
    pub peer: Option<IpAddr>,
    /// The port, where the caller stated it.
    pub port: Option<u16>,
    /// The region as configured.
    pub region: Option<&'a str>,
}

/// A mismatch report. Two clients that saw the same write the same octets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    bundles: Vec<String>,
    chain: Vec<String>,
    code: String,
    host: String,
    hour: String,
    peer: Option<String>,
    port: Option<u16>,
    region: Option<String>,
    software: String,
    version: u8,
}

impl Report {
    /// Takes from an event what may be told.
    #[must_use]
    pub fn new(event: &Event<'_>) -> Self {
        let bundles = match event.answer.map(|answer| (answer, extension::read_bundles(answer))) {
            Some((_, Ok(bundles))) => bundles.map(|bundle| BASE64.encode(bundle)).collect(),
            Some((answer, Err(_))) => vec![BASE64.encode(answer)],
            None => Vec::new(),
        };
        Self {
            bundles,
            chain: event.chain.iter().map(|certificate| BASE64.encode(certificate)).collect(),
            code: event.code.as_str().to_owned(),
            host: event.host.to_ascii_lowercase(),
            hour: event.at.hour().to_string(),
            peer: event.peer.map(prefix),
            port: event.port,
            region: event.region.map(str::to_owned),
            software: SOFTWARE.to_owned(),
            version: VERSION,
        }
    }

    /// The report that [is due](Verdict::report) after this verdict, with the certificates as served; none if none is.
    #[must_use]
    pub fn due(policy: &Policy, handshake: &Handshake<'_>, verdict: &Verdict, chain: &[&[u8]]) -> Option<Self> {
        Some(Self::new(&Event {
            answer: handshake.answer,
            chain,
            code: verdict.report()?,
            host: &handshake.name().map_or_else(String::new, |name| name.to_string()),
            at: handshake.now,
            peer: handshake.peer,
            port: handshake.port,
            region: policy.region.as_deref(),
        }))
    }

    /// Reads a report.
    ///
    /// # Errors
    /// When it is not exactly what a client writes: other members, another order, white space, a value of another form.
    pub fn from_json(octets: &[u8]) -> Result<Self, ReportError> {
        let report: Self = serde_json::from_slice(octets).map_err(|error| ReportError::Syntax(error.to_string()))?;
        if report.version != VERSION {
            return Err(ReportError::Version(report.version));
        }
        report.check().map_err(|member| ReportError::Member { member })?;
        if report.to_json() != octets {
            return Err(ReportError::NotCanonical);
        }
        Ok(report)
    }

    /// The canonical octets (RFC 8785).
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, small whole numbers and null: here serde_json writes what RFC 8785 wants.
        let mut members = serde_json::Map::new();
        let mut member = |name: &str, value| members.insert(name.to_owned(), value);
        member("bundles", self.bundles.clone().into());
        member("chain", self.chain.clone().into());
        member("code", self.code.clone().into());
        member("host", self.host.clone().into());
        member("hour", self.hour.clone().into());
        member("peer", self.peer.clone().into());
        member("port", self.port.into());
        member("region", self.region.clone().into());
        member("software", self.software.clone().into());
        member("version", self.version.into());
        serde_json::Value::Object(members).to_string().into_bytes()
    }

    /// The verdict's code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The host that the client meant.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The bundles as served.
    #[must_use]
    pub fn bundles(&self) -> Vec<Vec<u8>> {
        decode(&self.bundles).unwrap_or_default()
    }

    /// The certificates as served.
    #[must_use]
    pub fn chain(&self) -> Vec<Vec<u8>> {
        decode(&self.chain).unwrap_or_default()
    }

    /// The name of the first member whose value no client writes.
    fn check(&self) -> Result<(), &'static str> {
        let is_hour = self.hour.parse::<UnixTime>().is_ok_and(|time| time.hour() == time);
        let is_prefix = |text: &String| {
            let address = text.split('/').next().and_then(|address| address.parse().ok());
            address.map(prefix).as_ref() == Some(text)
        };
        for (member, holds) in [
            ("bundles", decode(&self.bundles).is_some()),
            ("chain", decode(&self.chain).is_some()),
            ("code", Code::from_word(&self.code).is_some()),
            ("hour", is_hour),
            ("peer", self.peer.as_ref().is_none_or(is_prefix)),
            ("port", self.port != Some(0)),
        ] {
            if !holds {
                return Err(member);
            }
        }
        Ok(())
    }
}

/// The name of the file that holds these octets of a report: one event, one name.
#[must_use]
pub fn file_name(report: &[u8]) -> String {
    format!("{}.json", Hex(&octets::sha256(&[report])))
}

/// Octets that are no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Not JSON with exactly the members of a report.
    #[error("not a mismatch report: {0}")]
    Syntax(String),
    /// A version that is not known here.
    #[error("a mismatch report of version {0}, not {VERSION}")]
    Version(u8),
    /// A member has a value that no client writes.
    #[error("the member {member} of the mismatch report has a value that no client writes")]
    Member {
        /// Its name.
        member: &'static str,
    },
    /// Another order of members, white space, or another escape.
    #[error("the mismatch report is not in canonical form (RFC 8785)")]
    NotCanonical,
}

const VERSION: u8 = 1;

fn decode(list: &[String]) -> Option<Vec<Vec<u8>>> {
    list.iter().map(|text| BASE64.decode(text.as_bytes()).ok()).collect()
}

/// `/24` or `/48`: enough to see a regional attack, too little to single out a customer.
fn prefix(peer: IpAddr) -> String {
    match host::plain_address(peer) {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const EVENT: Event<'static> = Event {
        answer: Some(b"\0\x04\0\x02\x30\x00"),
        chain: &[b"leaf", b"intermediate"],
        code: Code::SuspiciousCertificate,
        host: "WWW.Shop.Example",
        at: UnixTime(1_795_478_400 + 3599),
        peer: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77))),
        port: Some(443),
        region: Some("EU"),
    };

    #[test]
    fn the_octets_are_these() {
        let text = String::from_utf8(Report::new(&EVENT).to_json()).unwrap();
        let expected = concat!(
            r#"{"bundles":["MAA="],"chain":["bGVhZg==","aW50ZXJtZWRpYXRl"],"code":"suspicious_certificate","#,
            r#""host":"www.shop.example","hour":"2026-11-24T00:00:00Z","peer":"192.0.2.0/24","port":443,"#,
            r#""region":"EU","software":""#,
        );
        assert_eq!(text, format!("{expected}{SOFTWARE}\",\"version\":1}}"));
    }

    #[test]
    fn two_clients_of_one_event_write_the_same() {
        let other = Event {
            host: "www.shop.example",
            at: UnixTime(1_795_478_400),
            peer: Some("::ffff:192.0.2.1".parse().unwrap()),
            ..EVENT
        };
        assert_eq!(Report::new(&EVENT), Report::new(&other));
        let octets = Report::new(&EVENT).to_json();
        assert_eq!(file_name(&octets).len(), 64 + 5);
        let later = Report::new(&Event { at: UnixTime(EVENT.at.0 + 1), ..EVENT }).to_json();
        assert_ne!(file_name(&octets), file_name(&later));
    }

    #[test]
    fn unknowns_are_null_and_prefixes_short() {
        let value =
            |event: &Event<'_>| -> serde_json::Value { serde_json::from_slice(&Report::new(event).to_json()).unwrap() };
        let unknown = value(&Event { peer: None, port: None, region: None, answer: None, ..EVENT });
        for member in ["peer", "port", "region"] {
            assert!(unknown[member].is_null(), "{member}");
        }
        assert_eq!(unknown["bundles"], serde_json::json!([]));
        let v6 = value(&Event { peer: Some("2001:db8:7:9::1".parse().unwrap()), ..EVENT });
        assert_eq!(v6["peer"], "2001:db8:7::/48");
    }

    #[test]
    fn what_no_client_writes_is_not_read() {
        let text = String::from_utf8(Report::new(&EVENT).to_json()).unwrap();
        assert_eq!(Report::from_json(text.as_bytes()), Ok(Report::new(&EVENT)));
        for (from, to, expected) in [
            ("{\"bundles\"", "{ \"bundles\"", "canonical"),
            ("\"version\":1", "\"version\":2", "version 2"),
            ("\"version\":1", "\"version\":1,\"client\":\"192.0.2.9\"", "client"),
            ("00:00Z", "00:01Z", "hour"),
            ("192.0.2.0/24", "192.0.2.1/24", "peer"),
            ("192.0.2.0/24", "192.0.2.0/32", "peer"),
            ("MAA=", "MAA", "bundles"),
            ("bGVhZg==", "bGVhZh==", "chain"),
            (":443", ":0", "port"),
            (":443", ":65536", "65536"),
            ("www.", "\\u0077ww.", "canonical"),
            ("\"code\":", "\"kode\":", "kode"),
            ("suspicious_", "auspicious_", "code"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let error = Report::from_json(changed.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{from}: {error}");
        }
    }

    proptest! {
        #[test]
        fn reports_there_and_back(host: String, region: Option<String>, peer: Option<IpAddr>, port in 1..=u16::MAX, at in 0..253_402_300_799_u64, answer: Vec<u8>) {
            let event = Event { host: &host, region: region.as_deref(), peer, port: Some(port), at: UnixTime(at), answer: Some(&answer), ..EVENT };
            let report = Report::new(&event);
            let octets = report.to_json();
            prop_assert_eq!(Report::from_json(&octets), Ok(report.clone()));
            if extension::read_bundles(&answer).is_err() {
                prop_assert_eq!(report.bundles(), vec![answer]);
            }
        }
    }
}
