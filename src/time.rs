//! Seconds of UTC, and their two spellings (spec section 1).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use der::DateTime;
use der::asn1::GeneralizedTime;

/// Whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// The last second that GeneralizedTime and RFC 3339 can spell, 9999-12-31T23:59:59Z.
    pub const MAX: Self = Self(253_402_300_799);

    /// The time `seconds` later.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to `self`, 0 if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The beginning of this time's hour.
    #[must_use]
    pub fn hour(self) -> Self {
        Self(self.0 - self.0 % 3600)
    }

    pub(crate) fn to_der(self) -> der::Result<GeneralizedTime> {
        GeneralizedTime::from_unix_duration(Duration::from_secs(self.0))
    }
}

impl From<GeneralizedTime> for UnixTime {
    fn from(time: GeneralizedTime) -> Self {
        Self(time.to_unix_duration().as_secs())
    }
}

/// RFC 3339 in UTC: `2026-11-01T00:00:00Z`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_unix_duration(Duration::from_secs(self.0)) {
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "second {} since 1970", self.0),
        }
    }
}

/// A time that is not spelled `YYYY-MM-DDTHH:MM:SSZ`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time of the form YYYY-MM-DDTHH:MM:SSZ")]
pub struct NotATime(String);

impl FromStr for UnixTime {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        match DateTime::from_str(text) {
            Ok(time) if text.len() == 20 => Ok(Self(time.unix_duration().as_secs())),
            _ => Err(NotATime(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rfc3339_there_and_back() {
        for text in ["1970-01-01T00:00:00Z", "2028-02-29T23:59:59Z", "9999-12-31T23:59:59Z"] {
            assert_eq!(text.parse::<UnixTime>().unwrap().to_string(), text);
        }
        for text in ["2026-02-29T00:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.0Z", "2026-01-01 00:00:00Z"] {
            assert!(text.parse::<UnixTime>().is_err(), "{text}");
        }
    }
}
