//! DER elements (X.690, section 10), for what is read many times in every handshake: there the general decoder takes a
//! tenth of the time that a signature does. Tests hold what reads by it to that decoder.

use crate::time::UnixTime;

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const ENUMERATED: u8 = 0x0A;
pub(crate) const UTF8_STRING: u8 = 0x0C;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;

/// Elements that stand one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elements<'a>(&'a [u8]);

/// One of them, of at most 16 MB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    /// All its octets.
    pub(crate) der: &'a [u8],
    /// Those behind its tag and its length.
    pub(crate) contents: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// Whether none is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next one; none if it has another tag.
    pub(crate) fn next(&mut self, tag: u8) -> Option<Element<'a>> {
        self.0.first().filter(|first| **first == tag)?;
        self.any()
    }

    /// The next one, whatever its tag, of one octet; none if its length is not in the one form that DER has for it.
    pub(crate) fn any(&mut self) -> Option<Element<'a>> {
        let (length, header) = match *self.0 {
            [first, ..] if first & 0x1F == 0x1F => return None,
            [_, length @ ..=0x7F, ..] => (usize::from(length), 2),
            [_, 0x81, length @ 0x80..=0xFF, ..] => (usize::from(length), 3),
            [_, 0x82, high @ 1..=0xFF, low, ..] => (usize::from(high) << 8 | usize::from(low), 4),
            [_, 0x83, high @ 1..=0xFF, middle, low, ..] => {
                (usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low), 5)
            }
            _ => return None,
        };
        let (der, rest) = self.0.split_at_checked(header + length)?;
        self.0 = rest;
        Some(Element { der, contents: der.get(header..)? })
    }

    /// The next one, behind which nothing is left.
    pub(crate) fn last(mut self, tag: u8) -> Option<Element<'a>> {
        self.next(tag).filter(|_| self.is_empty())
    }
}

/// The time that a GeneralizedTime of these contents says: `YYYYMMDDHHMMSSZ`, and nothing else in DER.
pub(crate) fn time(contents: &[u8]) -> Option<UnixTime> {
    let (digits, b"Z") = contents.split_at_checked(14)? else { return None };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let pair = |place: usize| digits.get(place..place + 2).map(|pair| 10 * (pair[0] - b'0') + (pair[1] - b'0'));
    let year = 100 * u16::from(pair(0)?) + u16::from(pair(2)?);
    let time = der::DateTime::new(year, pair(4)?, pair(6)?, pair(8)?, pair(10)?, pair(12)?).ok()?;
    Some(UnixTime(time.unix_duration().as_secs()))
}

/// Whether these are the contents of an INTEGER: as few octets as its value takes.
pub(crate) fn is_integer(contents: &[u8]) -> bool {
    !matches!(contents, [] | [0, ..=0x7F, ..] | [0xFF, 0x80..=0xFF, ..])
}

/// The value of an INTEGER of these contents, if it is not negative and fits.
pub(crate) fn unsigned(contents: &[u8]) -> Option<u32> {
    match *contents {
        _ if !is_integer(contents) => None,
        [0x80..=0xFF, ..] => None,
        [0, ref octets @ ..] | ref octets if octets.len() <= 4 => {
            Some(octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet)))
        }
        _ => None,
    }
}
