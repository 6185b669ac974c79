//! Short texts that are kept in place: a verdict tells them without an allocation.

use std::fmt;
use std::io::Write as _;

use crate::host::HOST_MAX;

/// What a text ends with that was cut.
const CUT: &[u8] = "…".as_bytes();

/// A host, an address, or an operator's id: at most [`HOST_MAX`] octets. What is longer is cut, and ends with `…`.
#[derive(Clone, Copy)]
pub struct Text {
    octets: [u8; HOST_MAX],
    length: u8,
}

impl Text {
    /// What `value` displays.
    #[must_use]
    pub fn of(value: impl fmt::Display) -> Self {
        let mut octets = [0; HOST_MAX];
        let mut free = octets.as_mut_slice();
        let is_whole = write!(free, "{value}").is_ok();
        let left = free.len();
        let length = if is_whole { HOST_MAX - left } else { cut(&mut octets) };
        Self { octets, length: u8::try_from(length).unwrap_or(u8::MAX) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let octets = self.octets.get(..usize::from(self.length)).unwrap_or_default();
        // It was text, and was cut between characters.
        std::str::from_utf8(octets).unwrap_or_default()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

/// Puts [`CUT`] in place of the last characters, of which the last may have come in part; gives the length.
fn cut(octets: &mut [u8; HOST_MAX]) -> usize {
    let begins_character = |place: &usize| octets.get(*place).is_some_and(|octet| octet & 0xC0 != 0x80);
    let kept = (0..=HOST_MAX - CUT.len()).rfind(begins_character).unwrap_or(0);
    octets.iter_mut().skip(kept).zip(CUT).for_each(|(to, from)| *to = *from);
    kept + CUT.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole() {
        let longest = "a".repeat(HOST_MAX);
        for text in ["", "shop.example", "bücher.example", "2001:db8::1", &longest] {
            assert_eq!(Text::of(text).as_str(), text);
        }
        assert_eq!(Text::of(std::net::Ipv4Addr::new(192, 0, 2, 1)).to_string(), "192.0.2.1");
        assert_eq!(format!("{:?}", Text::of("a\n")), "\"a\\n\"");
    }

    #[test]
    fn what_does_not_fit_is_cut_between_characters() {
        // However the characters of one to four octets lie around the cut.
        for character in ["a", "ü", "€", "𝄞"] {
            for before in 0..4 {
                for pieces in [1, 2] {
                    let whole = "x".repeat(before) + &character.repeat(HOST_MAX);
                    let (first, second) = whole.split_at(if pieces == 1 { 0 } else { before });
                    let text = Text::of(format_args!("{first}{second}"));
                    let kept = text.as_str().strip_suffix('…').unwrap_or_default();
                    assert!(whole.starts_with(kept), "{text}");
                    assert!((HOST_MAX - 3..=HOST_MAX).contains(&text.as_str().len()), "{text}");
                }
            }
        }
        assert_eq!(Text::of("a".repeat(HOST_MAX + 1)).to_string(), "a".repeat(HOST_MAX - 3) + "…");
        assert_ne!(Text::of("a"), Text::of("b"));
    }
}
