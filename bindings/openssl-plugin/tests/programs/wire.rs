//! What an onlooker sees of a TLS connection: its records, and the extensions of the hellos.

use crate::relay::Carried;

/// A connection as seen from outside. Two of the same kind are equal if the certificate's key is RSA: an ECDSA
/// signature has no fixed length.
#[derive(Debug, PartialEq)]
pub(crate) struct Wire {
    pub(crate) by_client: Side,
    pub(crate) by_server: Side,
}

/// What one side sent.
#[derive(Debug, PartialEq)]
pub(crate) struct Side {
    /// The type of each record, and its length with its header.
    pub(crate) records: Vec<(u8, usize)>,
    /// The extensions of its hello, in order.
    pub(crate) extensions: Vec<u16>,
}

impl Wire {
    pub(crate) fn of(carried: &Carried) -> Self {
        Self { by_client: Side::of(&carried.by_client), by_server: Side::of(&carried.by_server) }
    }
}

/// The whole records that these octets begin with, each with its header.
pub(crate) fn records(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    const HEADER: usize = 5;
    let mut rest = octets;
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_be_bytes(rest.get(3..HEADER)?.try_into().unwrap()));
        let (record, after) = rest.split_at_checked(HEADER + length)?;
        rest = after;
        Some(record)
    })
}

/// What stands before the first record is another protocol's way to TLS.
fn from_tls(octets: &[u8]) -> &[u8] {
    let start = octets.windows(2).position(|octets| octets == [22, 3]);
    start.map_or(octets, |start| &octets[start..])
}

impl Side {
    fn of(octets: &[u8]) -> Self {
        let octets = from_tls(octets);
        let whole: usize = records(octets).map(<[u8]>::len).sum();
        assert_eq!(whole, octets.len(), "something else than records: {octets:02x?}");
        Self {
            records: records(octets).map(|record| (record[0], record.len())).collect(),
            extensions: extensions(octets),
        }
    }
}

/// The extensions of the ClientHello or ServerHello that these octets begin with.
fn extensions(octets: &[u8]) -> Vec<u16> {
    let mut rest = Octets(octets);
    assert_eq!(rest.number(1), 22, "not a handshake record");
    rest.take(4);
    let is_client = match rest.number(1) {
        1 => true,
        2 => false,
        other => panic!("handshake message {other} is not a hello"),
    };
    rest.take(3 + 2 + 32);
    rest.vector(1);
    if is_client {
        rest.vector(2);
        rest.vector(1);
    } else {
        rest.take(2 + 1);
    }
    let mut list = Octets(rest.vector(2));
    let mut numbers = vec![];
    while !list.0.is_empty() {
        numbers.push(u16::try_from(list.number(2)).unwrap());
        list.vector(2);
    }
    numbers
}

struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn number(&mut self, width: usize) -> usize {
        self.take(width).iter().fold(0, |number, octet| number << 8 | usize::from(*octet))
    }

    fn vector(&mut self, width: usize) -> &'a [u8] {
        let length = self.number(width);
        self.take(length)
    }
}
