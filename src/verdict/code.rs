//! The stable codes: number, word, meaning, and what to do (spec section 13).

use std::fmt;

macro_rules! codes {
    ($($variant:ident = $number:literal, $word:literal, $meaning:literal, $advice:literal;)*) => {
        /// A stable code; ordered by how telling it is among the failures of endorsements (spec section 8, check 13).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!("`", $word, "`: ", $meaning, ".")] $variant = $number,)*
        }

        impl Code {
            /// Every code, in the order of spec section 13.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The same, with a NUL behind it.
            #[cfg(feature = "capi")]
            pub(crate) fn as_c_str(self) -> &'static std::ffi::CStr {
                c_str(match self { $(Self::$variant => concat!($word, "\0"),)* })
            }

            /// [`Self::meaning`], with a NUL behind it.
            #[cfg(feature = "capi")]
            pub(crate) fn meaning_c_str(self) -> &'static std::ffi::CStr {
                c_str(match self { $(Self::$variant => concat!($meaning, "\0"),)* })
            }

            /// [`Self::advice`], with a NUL behind it.
            #[cfg(feature = "capi")]
            pub(crate) fn advice_c_str(self) -> &'static std::ffi::CStr {
                c_str(match self { $(Self::$variant => concat!($advice, "\0"),)* })
            }

            /// One sentence: what it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// One sentence: what a person can do.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

codes! {
    Accepted = 0x4D01, "accepted", "vouched for by enough operators of the pick",
        "Nothing to do.";
    ExemptDane = 10, "exempt_dane", "not judged: accepted by a DANE match",
        "Nothing to do; without the TLSA record the server would be judged.";
    ExemptLocalRoot = 11, "exempt_local_root", "not judged: the anchor is a local root",
        "Nothing to do; take the root out of local_roots to have such servers judged.";
    ExemptName = 12, "exempt_name", "not judged: the name is exempt",
        "Nothing to do; take the name out of exempt to have the server judged.";
    ExemptAddress = 13, "exempt_address", "not judged: the address is in an exempt range",
        "Nothing to do; take the range out of exempt to have such servers judged.";
    Configuration = 20, "configuration", "the configuration could not be read",
        "Correct the key that the sentence names, in the mecai section of openssl.cnf.";
    NoList = 21, "no_list", "there is no authority list",
        "Put the signed list where the key authorities points to.";
    ListMalformed = 22, "list_malformed", "the list does not follow its format",
        "Fetch the list again; if it stays so, tell who publishes it.";
    ListUnsigned = 23, "list_unsigned", "fewer signatures than required verify",
        "Fetch the list and its .minisig again, and compare authorities_keys with the published keys.";
    ListRolledBack = 24, "list_rolled_back", "the list's sequence is lower than one accepted before",
        "Put the newest list back; an older one must not return.";
    ListExpired = 25, "list_expired", "the list has expired",
        "Update the list; it lives for 30 days at most.";
    NoReferenceIdentity = 26, "no_reference_identity", "nothing says which server the program meant",
        "Let the program set a host for verification or send SNI, in nginx by proxy_ssl_server_name on.";
    ChainNotTrusted = 30, "chain_not_trusted", "the program's own verification refused the chain",
        "See the program's own error: expired, wrong name, or no trusted root.";
    RootNotListed = 31, "root_not_listed", "the anchor belongs to no listed operator",
        "Update the list; for a private CA put its root into local_roots.";
    NoVoucher = 40, "no_voucher", "the server sent no vouchers",
        "The server's administrator runs the agent; if the server usually has vouchers, somebody may stand in between.";
    AnswerTooLarge = 41, "answer_too_large", "the answer exceeds 16384 octets",
        "The server does not follow the protocol; tell its administrator.";
    AnswerMalformed = 42, "answer_malformed", "the answer does not follow its syntax",
        "The server does not follow the protocol; tell its administrator.";
    Malformed = 43, "malformed", "a bundle does not decode",
        "The server's vouchers are damaged; its administrator runs mecai show on them.";
    UnknownVersion = 44, "unknown_version", "a statement of an unknown version",
        "Update mecai.";
    TooLongLived = 45, "too_long_lived", "a statement that lives longer than 24 hours",
        "The server's agent does not follow the protocol; tell its administrator.";
    UnknownAuthority = 46, "unknown_authority", "an authority that is not in the list",
        "Update the list here, or at the server.";
    UnknownAlgorithm = 47, "unknown_algorithm", "an authority whose algorithm is not known",
        "Update mecai.";
    AuthorityNotValid = 48, "authority_not_valid", "an authority outside its time in the list",
        "Update the list here, or at the server; check the clock.";
    BadSignature = 49, "bad_signature", "the signature does not verify",
        "The vouchers were changed or made up; somebody may stand in between.";
    ClockBehind = 50, "clock_behind", "made later than this clock says it is now",
        "Set this machine's clock.";
    Expired = 51, "expired", "the voucher has expired",
        "The server's administrator runs mecai agent status; if it is long ago, check this clock.";
    WrongCertificate = 52, "wrong_certificate", "vouched for another certificate",
        "A new certificate that nobody has seen yet, or somebody in between who replays vouchers.";
    WrongHost = 53, "wrong_host", "vouched for another host",
        "The server shows vouchers of another site, or somebody replays them.";
    WrongPort = 54, "wrong_port", "vouched for another port",
        "The server's agent asks for vouchers for this port too.";
    OwnOperator = 55, "own_operator", "endorsed by an owner of the chain",
        "Only authorities of other operators count; the server collects vouchers from them.";
    SuspiciousCertificate = 56, "suspicious_certificate", "endorsed, but not by enough of those asked",
        "Somebody may hold a certificate and few authorities: do not go on; submit the report.";
    PeerUnknown = 60, "peer_unknown", "the peer's address is not known",
        "The program hides its socket; use addresses = note there.";
    AddressNotSeen = 61, "address_not_seen", "no counted authority saw this address",
        "A new address of the site, a CDN, or a detour; addresses = note lets it through with a note.";
    AlternateTooLarge = 70, "alternate_too_large", "the alternate's answer exceeds 16384 octets",
        "The server does not follow the protocol; tell its administrator.";
    AlternateMalformed = 71, "alternate_malformed", "the alternate's answer cannot be read",
        "The server does not follow the protocol; tell its administrator.";
    AlternateOtherKey = 72, "alternate_other_key", "the alternate is on another key than the handshake",
        "The server's administrator gets an alternate for the key in use, by mecai agent csr; or somebody stands in between.";
    AlternateNotTrusted = 73, "alternate_not_trusted", "the program's own verification refused the alternate's chain",
        "The server's administrator renews the alternate; the sentence says what is wrong with it.";
    AlternateWrongName = 74, "alternate_wrong_name", "the alternate is for another name",
        "The server shows an alternate of another site, or somebody replays it.";
    AlternateSameOperator = 75, "alternate_same_operator", "an operator owns a part of both chains",
        "The server's administrator gets the alternate from an operator that has no part in the first certificate.";
}

impl Code {
    /// The stable number.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The code with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// The code of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "capi")]
fn c_str(text: &'static str) -> &'static std::ffi::CStr {
    std::ffi::CStr::from_bytes_with_nul(text.as_bytes()).unwrap_or(c"unknown")
}
