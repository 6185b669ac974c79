#![allow(clippy::unwrap_used)]
use super::*;
use crate::verdict::Code;

/// The octets around an SPKI that `chain::spki` looks for: version 1 fields, each an empty SEQUENCE.
fn certificate(spki: &[u8]) -> Vec<u8> {
    let sequence = |contents: &[u8]| [&[0x30, u8::try_from(contents.len()).unwrap()], contents].concat();
    let tbs = [&[0x02, 0x01, 0x01][..], &[0x30, 0x00].repeat(4), spki].concat();
    sequence(&sequence(&tbs))
}

const KEY: &[u8] = &[0x30, 0x02, 0x05, 0x00];
const OTHER_KEY: &[u8] = &[0x30, 0x03, 0x01, 0x01, 0x00];

fn offered(chain: &[&[u8]]) -> Result<usize, Code> {
    let answer = extension::write_alternate(chain, &[b"bundle"]).unwrap();
    Offered::read(&answer, KEY).map(|offered| offered.chain().count()).map_err(|cause| cause.code())
}

#[test]
fn an_alternate_is_on_the_key_of_the_handshake() {
    assert_eq!(offered(&[&certificate(KEY), &certificate(OTHER_KEY)]), Ok(2));
    assert_eq!(offered(&[&certificate(OTHER_KEY)]), Err(Code::AlternateOtherKey));
}

#[test]
fn an_alternate_that_cannot_be_read_has_its_code() {
    let leaf = certificate(KEY);
    assert_eq!(offered(&[&leaf[..]; CHAIN_MAX]), Ok(CHAIN_MAX));
    assert_eq!(offered(&[&leaf[..]; 100]), Err(Code::AlternateMalformed), "a chain of 100 certificates");
    assert_eq!(offered(&[b"no certificate"]), Err(Code::AlternateMalformed));
    assert_eq!(offered(&[&leaf, b"no certificate"]), Err(Code::AlternateMalformed));
    let answer = extension::write_alternate(&[&leaf], &[]).unwrap();
    let code = |octets: &[u8]| Offered::read(octets, KEY).unwrap_err().code();
    for end in 0..answer.len() {
        assert_eq!(code(&answer[..end]), Code::AlternateMalformed, "{end}");
    }
    assert_eq!(code(&[&answer[..], &answer].concat()), Code::AlternateMalformed, "two alternates");
    assert_eq!(code(&[0; extension::ANSWER_MAX + 1]), Code::AlternateTooLarge);
}
