//! Recognises a file by its contents, and reads it.

use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use mecai::authority_list::AuthorityList;
use mecai::bundle::Bundle;
use mecai::chain::certificate_digest;
use mecai::endorsement::Endorsement;
use mecai::extension::{self, VOUCHERS};
use mecai::key_proof::KeyProof;
use mecai::report::Report;
use mecai::request::VoucherRequest;
use mecai::statement::Statement;
use mecai::store::{Contents, StoredBundle};
use x509_parser::pem::Pem;

use super::shape::{self, Shape};
use super::{AlternateView, KeyProofView, Seen, StagedView};
use crate::view::{BundleView, EndorsementView, Light, StatementView, list::ListView};

/// Reads a file; the error is one sentence.
pub(super) fn read(octets: &[u8], path: &Path, light: Light<'_>) -> Result<Seen, String> {
    let start = octets.trim_ascii_start();
    if octets.is_empty() {
        Err("the file is empty".to_owned())
    } else if start.starts_with(b"{") {
        json(octets, light)
    } else if start.starts_with(b"-----BEGIN ") {
        pem(octets, light)
    } else {
        der(octets, path, light)
    }
}

fn json(octets: &[u8], light: Light<'_>) -> Result<Seen, String> {
    let value: serde_json::Value = serde_json::from_slice(octets).map_err(|error| format!("not JSON: {error}"))?;
    if value.get("operators").is_some() {
        let list = AuthorityList::from_json(octets).map_err(|error| error.to_string())?;
        return Ok(Seen::AuthorityList(ListView::new(&list, light.now)));
    }
    if value.get("bundles").is_none() || value.get("chain").is_none() {
        return Err("JSON, but neither an authority list nor a mismatch report".to_owned());
    }
    let report = Report::from_json(octets).map_err(|error| error.to_string())?;
    let bundles = report.bundles().iter().map(|der| BundleView::of_der(der, light)).collect();
    Ok(Seen::Report { report: value, bundles })
}

fn pem(octets: &[u8], light: Light<'_>) -> Result<Seen, String> {
    let block = match Pem::iter_from_buffer(octets).next() {
        Some(Ok(block)) => block,
        _ => return Err("not PEM that can be read".to_owned()),
    };
    if block.label != "SERVERINFOV2 FOR MECAI" {
        return Err(format!("a PEM file of {:?}, not of \"SERVERINFOV2 FOR MECAI\"", block.label));
    }
    let record = block.contents.as_slice();
    // u32 context, u16 number, u16 length, the answer (spec section 11).
    let broken = || format!("the serverinfo record of {} octets is broken: {}", record.len(), BASE64.encode(record));
    let (header, answer) = record.split_first_chunk::<8>().ok_or_else(broken)?;
    let [_, _, _, _, number_high, number_low, length_high, length_low] = *header;
    let number = u16::from_be_bytes([number_high, number_low]);
    if number != VOUCHERS {
        return Err(format!("a serverinfo file for extension {number:#06x}, not for {VOUCHERS:#06x}"));
    }
    if usize::from(u16::from_be_bytes([length_high, length_low])) != answer.len() {
        return Err(broken());
    }
    let bundles = extension::read_bundles(answer).map_err(|error| error.to_string())?;
    Ok(Seen::Serverinfo { answer: answer.len(), bundles: bundles.map(|der| BundleView::of_der(der, light)).collect() })
}

fn der(octets: &[u8], path: &Path, light: Light<'_>) -> Result<Seen, String> {
    let text = |error: mecai::statement::DecodeError| error.to_string();
    match shape::of(octets) {
        None => Err(match shape::cut_off_from(octets) {
            Some(whole) => format!("cut off, or not a file of mecai: it has {} of {whole} octets", octets.len()),
            None => "not a file of mecai: neither JSON, nor PEM, nor one of its DER structures".to_owned(),
        }),
        Some(Shape::Statement) => {
            let statement = Statement::from_der(octets).map_err(text)?;
            Ok(Seen::Statement(StatementView::new(&statement, light.now)))
        }
        Some(Shape::Bundle) => {
            let bundle = Bundle::from_der(octets).map_err(text)?;
            Ok(Seen::Bundle(BundleView::new(&bundle, light)))
        }
        Some(Shape::Request) => {
            let request = VoucherRequest::from_der(octets).map_err(text)?;
            let statement = StatementView::new(&request.statement, light.now);
            Ok(Seen::Request { statement, protocol: request.protocol.name() })
        }
        Some(Shape::KeyProof) => Ok(Seen::KeyProof(key_proof(&KeyProof::from_der(octets).map_err(text)?))),
        Some(Shape::Endorsement) => endorsement(octets, light),
        Some(Shape::StoreFile) => store(octets, path, light),
    }
}

/// An endorsement alone does not have its statement's addresses, only how many they are.
fn endorsement(octets: &[u8], light: Light<'_>) -> Result<Seen, String> {
    let addresses = shape::addresses_of_endorsement(octets).ok_or("malformed EndorsementBody: seen is missing")?;
    let endorsement = Endorsement::from_der(octets, addresses).map_err(|error| error.to_string())?;
    let names: Vec<String> = (1..=addresses).map(|number| format!("address {number} of {addresses}")).collect();
    Ok(Seen::Endorsement {
        endorsement: EndorsementView::new(&endorsement, &names, light.list),
        addresses,
        seen_indices: (0..addresses).filter(|index| endorsement.seen().contains(*index)).collect(),
    })
}

fn store(octets: &[u8], path: &Path, light: Light<'_>) -> Result<Seen, String> {
    let named = path.file_stem().and_then(|stem| HEXLOWER.decode(stem.as_encoded_bytes()).ok());
    let certificate = named
        .and_then(|octets| octets.try_into().ok())
        .or_else(|| shape::certificate_of_store(octets))
        .ok_or("malformed StoreBody: certificate has not 32 octets")?;
    let contents = Contents::from_der(octets, &certificate).map_err(|error| error.to_string())?;
    let bundles = |bundles: &[StoredBundle]| bundles.iter().map(|b| BundleView::of_der(b.der(), light)).collect();
    let staged = contents.staged().iter().map(|staged| {
        let proof = KeyProof::from_der(&staged.key_proof).map_err(|error| error.to_string())?;
        Ok(StagedView { chain: digests(&staged.chain), key_proof: key_proof(&proof) })
    });
    Ok(Seen::Store {
        certificate: HEXLOWER.encode(contents.certificate()),
        bundles: bundles(contents.bundles()),
        alternate: contents
            .alternate()
            .map(|alternate| AlternateView { chain: digests(&alternate.chain), bundles: bundles(&alternate.bundles) }),
        staged: staged.collect::<Result<_, String>>()?,
    })
}

fn digests(chain: &[Vec<u8>]) -> Vec<String> {
    chain.iter().map(|der| HEXLOWER.encode(&certificate_digest(der))).collect()
}

fn key_proof(proof: &KeyProof<'_>) -> KeyProofView {
    let claim = proof.claim();
    KeyProofView {
        host: claim.host.to_owned(),
        port: claim.port,
        handshake_key: HEXLOWER.encode(&claim.handshake_key),
        certificate: HEXLOWER.encode(&claim.certificate),
        not_before: claim.not_before.to_string(),
        not_after: claim.not_after.to_string(),
    }
}
