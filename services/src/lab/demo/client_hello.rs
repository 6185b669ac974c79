//! A ClientHello on the wire (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2), as somebody in the middle edits it.

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 5;

/// The length of the record that begins here, header included; none while the header is not complete.
pub(super) fn record_length(octets: &[u8]) -> Option<usize> {
    let length = octets.get(3..RECORD_HEADER)?;
    Some(RECORD_HEADER + usize::from(u16::from_be_bytes([length[0], length[1]])))
}

/// The record of a whole ClientHello without the extension of this number; none if it is no such record, or does not
/// have the extension.
pub(super) fn without_extension(record: &[u8], number: u16) -> Option<Vec<u8>> {
    if record_length(record)? != record.len() || record[0] != HANDSHAKE {
        return None;
    }
    let (header, message) = record[RECORD_HEADER..].split_at_checked(4)?;
    if header[0] != CLIENT_HELLO || usize::from(u16::from_be_bytes([header[2], header[3]])) != message.len() {
        return None;
    }
    // Version and random, then session id, cipher suites and compression methods.
    let mut before = 2 + 32;
    before += 1 + usize::from(*message.get(before)?);
    before += 2 + usize::from(u16::from_be_bytes([*message.get(before)?, *message.get(before + 1)?]));
    before += 1 + usize::from(*message.get(before)?);
    let mut rest = message.get(before + 2..)?;
    let mut kept = Vec::new();
    let mut found = false;
    while !rest.is_empty() {
        let length = 4 + usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let (extension, further) = rest.split_at_checked(length)?;
        if extension[..2] == number.to_be_bytes() {
            found = true;
        } else {
            kept.extend_from_slice(extension);
        }
        rest = further;
    }
    let mut body = message[..before].to_vec();
    body.extend(u16::try_from(kept.len()).ok()?.to_be_bytes());
    body.extend(kept);
    let length = u16::try_from(body.len()).ok()?.to_be_bytes();
    let whole = u16::try_from(4 + body.len()).ok()?.to_be_bytes();
    let mut edited = vec![HANDSHAKE, record[1], record[2], whole[0], whole[1], CLIENT_HELLO, 0, length[0], length[1]];
    edited.extend(body);
    found.then_some(edited)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([2, 9, 9, 0, 2, 0x13, 1, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut record = vec![22, 3, 1];
        record.extend((4 + body.len() as u16).to_be_bytes());
        record.extend([1, 0]);
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        record
    }

    #[test]
    fn one_extension_goes_and_the_lengths_follow() {
        let whole = hello(&[0, 23, 0, 0, 0xff, 0x4d, 0, 0, 0, 0, 0, 2, 5, 5]);
        let edited = hello(&[0, 23, 0, 0, 0, 0, 0, 2, 5, 5]);
        assert_eq!(without_extension(&whole, 0xff4d), Some(edited.clone()));
        assert_eq!(record_length(&edited), Some(edited.len()));
        assert_eq!(without_extension(&edited, 0xff4d), None);
    }

    #[test]
    fn what_is_no_whole_client_hello_is_left_alone() {
        let whole = hello(&[0xff, 0x4d, 0, 0]);
        for end in 0..whole.len() {
            assert_eq!(without_extension(&whole[..end], 0xff4d), None, "{end}");
        }
        assert_eq!(without_extension(&hello(&[0xff, 0x4d, 0, 9]), 0xff4d), None);
    }
}
