use mecai::extension::{
    ALTERNATE, AnswerError, CANDIDATES, STAGED, VOUCHERS, Vectors, read_alternate, read_bundles, read_candidates,
    read_staged, write_alternate, write_bundles, write_candidates, write_staged,
};
use mecai::verdict::{AlternateCause, Cause, Code};
use serde::Deserialize;

use super::{File, Hex, load, run};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "spec")]
    _spec: String,
    #[serde(rename = "assumption")]
    _assumption: Option<String>,
    extension: String,
    octets: Hex,
    expect: Expect,
}

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    code: Option<String>,
    bundles: Option<Vec<Hex>>,
    chain: Option<Vec<Hex>>,
    staged: Option<Vec<Staged>>,
    candidates: Option<Vec<Hex>>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Staged {
    chain: Vec<Hex>,
    key_proof: Hex,
}

#[test]
fn every_extension_is_read_or_refused() {
    let file: File<Case> = load("extension.json");
    run(
        &file.cases,
        |case| &case.name,
        |case| {
            let octets = &case.octets.0;
            let number = u16::from_str_radix(case.extension.trim_start_matches("0x"), 16).unwrap();
            let (read, written) = match number {
                VOUCHERS => bundles(octets),
                ALTERNATE => alternate(octets),
                STAGED => staged(octets),
                CANDIDATES => candidates(octets),
                other => panic!("extension {other}"),
            };
            assert_eq!(read, case.expect);
            assert!(written.is_none_or(|written| written == *octets), "does not encode to the same octets");
        },
    );
}

type Read = (Expect, Option<Vec<u8>>);

fn refused(error: AnswerError) -> Read {
    told(Cause::Answer(error).code())
}

fn told(code: Code) -> Read {
    (Expect { code: Some(code.to_string()), ..Expect::default() }, None)
}

fn all(vectors: Vectors<'_>) -> Vec<Hex> {
    vectors.map(|octets| Hex(octets.to_vec())).collect()
}

fn slices(octets: &[Hex]) -> Vec<&[u8]> {
    octets.iter().map(|octets| octets.0.as_slice()).collect()
}

fn bundles(octets: &[u8]) -> Read {
    read_bundles(octets).map_or_else(refused, |bundles| {
        let bundles = all(bundles);
        let written = write_bundles(&slices(&bundles)).unwrap();
        (Expect { bundles: Some(bundles), ..Expect::default() }, Some(written))
    })
}

fn alternate(octets: &[u8]) -> Read {
    let refused = |error| told(AlternateCause::Answer(error).code());
    read_alternate(octets).map_or_else(refused, |alternate| {
        let (chain, bundles) = (all(alternate.chain), all(alternate.bundles));
        let written = write_alternate(&slices(&chain), &slices(&bundles)).unwrap();
        (Expect { chain: Some(chain), bundles: Some(bundles), ..Expect::default() }, Some(written))
    })
}

fn staged(octets: &[u8]) -> Read {
    read_staged(octets).map_or_else(refused, |list| {
        let list: Vec<Staged> =
            list.map(|staged| Staged { chain: all(staged.chain), key_proof: Hex(staged.key_proof.to_vec()) }).collect();
        let chains: Vec<Vec<&[u8]>> = list.iter().map(|staged| slices(&staged.chain)).collect();
        let parts: Vec<(&[&[u8]], &[u8])> =
            chains.iter().zip(&list).map(|(chain, staged)| (chain.as_slice(), staged.key_proof.0.as_slice())).collect();
        let written = write_staged(&parts).unwrap();
        (Expect { staged: Some(list), ..Expect::default() }, Some(written))
    })
}

fn candidates(octets: &[u8]) -> Read {
    read_candidates(octets).map_or_else(refused, |ids| {
        let written = write_candidates(&ids).unwrap();
        let ids = ids.iter().map(|id| Hex(id.to_vec())).collect();
        (Expect { candidates: Some(ids), ..Expect::default() }, Some(written))
    })
}
