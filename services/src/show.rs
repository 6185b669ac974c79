//! `mecai show FILE`: says what a file is, and what is in it.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use mecai::authority_list::AuthorityList;
use mecai::time::UnixTime;
use serde::Serialize;

use crate::exit::Exit;
use crate::output;
use crate::view::{BundleView, EndorsementView, Light, StatementView, endorsement_table, list::ListView};

mod read;
mod shape;

/// Shows what is in a file: vouchers, an authority list, a report.
///
/// It may be a file of a server's store, an OpenSSL serverinfo file, an authority list, a mismatch report, or the DER of a
/// bundle, a statement, an endorsement, a voucher request or a key proof; its contents tell which. Signatures are not verified: mecai check and mecai authorities verify do that.
#[derive(Args)]
pub struct Options {
    /// The file
    file: PathBuf,
    /// Name operators by this authority list
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Runs `mecai show`.
#[must_use]
pub fn run(options: &Options) -> Exit {
    show(options).map_or_else(output::fail, |()| Exit::Done)
}

fn show(options: &Options) -> Result<(), Error> {
    let file = |path: &Path| std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source });
    let in_file = |path: &Path, problem: String| Error::Contents { path: path.to_owned(), problem };
    let list = match &options.authorities {
        Some(path) => {
            let list = AuthorityList::from_json(&file(path)?);
            Some(list.map_err(|error| in_file(path, error.to_string()))?)
        }
        None => None,
    };
    let now = UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    let octets = file(&options.file)?;
    let light = Light { list: list.as_ref(), now };
    let seen = read::read(&octets, &options.file, light).map_err(|problem| in_file(&options.file, problem))?;
    let printed = if options.json { output::print_json(&seen) } else { output::print(&seen.to_string()) };
    printed.map_err(Error::Output)
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {}", path.display(), output::plain(problem))]
    Contents { path: PathBuf, problem: String },
    #[error("cannot write the result: {0}")]
    Output(std::io::Error),
}

/// What a file holds.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Seen {
    Store {
        certificate: String,
        bundles: Vec<BundleView>,
        alternate: Option<AlternateView>,
        staged: Vec<StagedView>,
    },
    Serverinfo {
        answer: usize,
        bundles: Vec<BundleView>,
    },
    Bundle(BundleView),
    Statement(StatementView),
    Endorsement {
        endorsement: EndorsementView,
        /// How many addresses its statement has.
        addresses: usize,
        seen_indices: Vec<usize>,
    },
    Request {
        statement: StatementView,
        protocol: &'static str,
    },
    KeyProof(KeyProofView),
    AuthorityList(ListView),
    Report {
        report: serde_json::Value,
        bundles: Vec<BundleView>,
    },
}

#[derive(Serialize)]
struct AlternateView {
    /// SHA-256 of each certificate, end entity first.
    chain: Vec<String>,
    bundles: Vec<BundleView>,
}

#[derive(Serialize)]
struct StagedView {
    /// SHA-256 of each certificate, end entity first.
    chain: Vec<String>,
    key_proof: KeyProofView,
}

#[derive(Serialize)]
struct KeyProofView {
    host: String,
    port: u16,
    handshake_key: String,
    certificate: String,
    not_before: String,
    not_after: String,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store { certificate, bundles, alternate, staged } => {
                writeln!(f, "vouchers of a server\n  certificate  {certificate}")?;
                write_bundles(f, bundles)?;
                if let Some(alternate) = alternate {
                    writeln!(f, "alternate certificate\n  chain        {}", alternate.chain.join("\n               "))?;
                    write_bundles(f, &alternate.bundles)?;
                }
                for staged in staged {
                    writeln!(f, "staged certificate\n  chain        {}", staged.chain.join("\n               "))?;
                    write!(f, "{}", staged.key_proof)?;
                }
                Ok(())
            }
            Self::Serverinfo { answer, bundles } => {
                writeln!(f, "OpenSSL serverinfo file\n  answer       {answer} octets")?;
                write_bundles(f, bundles)
            }
            Self::Bundle(bundle) => write!(f, "bundle\n{bundle}"),
            Self::Statement(statement) => write!(f, "statement\n{statement}"),
            Self::Endorsement { endorsement, .. } => {
                write!(f, "endorsement\n{}", endorsement_table(std::slice::from_ref(endorsement)))
            }
            Self::Request { statement, protocol } => {
                write!(f, "voucher request\n{statement}  protocol     {protocol}\n")
            }
            Self::KeyProof(proof) => write!(f, "key proof of a staged certificate\n{proof}"),
            Self::AuthorityList(list) => write!(f, "{list}"),
            Self::Report { report, bundles } => {
                writeln!(f, "mismatch report")?;
                for (name, value) in report.as_object().into_iter().flatten() {
                    let text = match value {
                        serde_json::Value::Array(items) => {
                            output::count(items.len(), "entry").replace("entrys", "entries")
                        }
                        serde_json::Value::String(text) => text.clone(),
                        serde_json::Value::Null => "unknown".to_owned(),
                        other => other.to_string(),
                    };
                    writeln!(f, "  {name:<12} {}", output::plain(&text))?;
                }
                write_bundles(f, bundles)
            }
        }
    }
}

fn write_bundles(f: &mut fmt::Formatter<'_>, bundles: &[BundleView]) -> fmt::Result {
    for (index, bundle) in bundles.iter().enumerate() {
        write!(f, "bundle {}\n{bundle}", index + 1)?;
    }
    Ok(())
}

impl fmt::Display for KeyProofView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let _ = writeln!(text, "  host         {} port {}", self.host, self.port);
        let _ = writeln!(text, "  certificate  {}", self.certificate);
        let _ = writeln!(text, "  key          {} (SPKI SHA-256 of the handshake's key)", self.handshake_key);
        let _ = writeln!(text, "  from         {}\n  until        {}", self.not_before, self.not_after);
        f.write_str(&text)
    }
}
