//! What the authority asks a server for besides the handshake's own certificate, and what the server answers (spec 5):
//! its alternate, and staged certificates.
//!
//! A server that does not know an extension passes it over (RFC 8446, section 4.2). One whose answers are longer than
//! its handshake has room for breaks off, so that it is asked again without questions.

use mecai::extension::{ALTERNATE, STAGED};
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{ExtensionContext, Ssl, SslAlert, SslContextBuilder, SslOptions, SslRef};
use openssl::x509::X509Ref;

/// A server's answers in one handshake, octet for octet; none to what it did not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// To `mecai_alternate`.
    pub alternate: Option<Vec<u8>>,
    /// To `mecai_staged`.
    pub staged: Option<Vec<u8>>,
}

/// Asks in the handshakes of contexts, and keeps the answers with each connection.
#[derive(Clone, Copy)]
pub struct Questions {
    answers: Index<Ssl, Answers>,
}

impl Questions {
    /// Once in a process is enough: OpenSSL never takes a place in its connections back.
    ///
    /// # Errors
    /// OpenSSL's, when it has no place left.
    pub fn new() -> Result<Self, ErrorStack> {
        Ok(Self { answers: Ssl::new_ex_index()? })
    }

    /// Lets the handshakes of a context ask.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn add_to(self, context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
        self.ask::<ALTERNATE>(context, |answers| &mut answers.alternate)?;
        self.ask::<STAGED>(context, |answers| &mut answers.staged)?;
        if openssl::version::number() >= OPENSSL_3_2 {
            // A certificate that was compressed before the handshake comes without extensions.
            context.set_options(SslOptions::from_bits_retain(NO_RX_CERTIFICATE_COMPRESSION));
        }
        Ok(())
    }

    /// The answers that came with a connection.
    pub fn answers(self, ssl: &SslRef) -> Answers {
        ssl.ex_data(self.answers).cloned().unwrap_or_default()
    }

    /// The crate `openssl` finds the callbacks again by their types, which the number makes different ones.
    fn ask<const NUMBER: u16>(
        self,
        context: &mut SslContextBuilder,
        place: fn(&mut Answers) -> &mut Option<Vec<u8>>,
    ) -> Result<(), ErrorStack> {
        let question = |_: &mut SslRef, _, _: Option<(usize, &X509Ref)>| Ok::<_, SslAlert>(Some(EMPTY));
        let answer = move |ssl: &mut SslRef, _, octets: &[u8], entry: Option<(usize, &X509Ref)>| {
            // In TLS 1.3 the answer stands with the first certificate; what stands with others is passed over.
            if entry.is_none_or(|(index, _)| index == 0) {
                if ssl.ex_data(self.answers).is_none() {
                    ssl.set_ex_data(self.answers, Answers::default());
                }
                if let Some(answers) = ssl.ex_data_mut(self.answers) {
                    *place(answers) = Some(octets.to_vec());
                }
            }
            Ok::<_, SslAlert>(())
        };
        context.add_custom_ext(NUMBER, MESSAGES, question, answer)
    }
}

const EMPTY: &[u8] = b"";

/// Where a question stands, and where its answer may.
const MESSAGES: ExtensionContext = ExtensionContext::CLIENT_HELLO
    .union(ExtensionContext::TLS1_2_SERVER_HELLO)
    .union(ExtensionContext::TLS1_3_CERTIFICATE);

const OPENSSL_3_2: i64 = 0x3020_0000;
/// SSL_OP_NO_RX_CERTIFICATE_COMPRESSION, which the crate `openssl` does not name.
const NO_RX_CERTIFICATE_COMPRESSION: u64 = 1 << 33;
