//! Judges handshakes by the core alone, without the C ABI: one JSON object a line comes in, one goes out.
//!
//! The first line is a file of vectors (tests/vectors/README.md, verify.json), of which the tables `lists` and `chains`
//! are kept. Every other line is a case as they stand there. What goes out: `bundles`, of each bundle of the answer `ok`
//! or why it cannot be read, null where the answer itself cannot be; and `outcome`, `code`, `alarm`, `notes`,
//! `good_until` of the verdict.

mod case;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};

use mecai::authority_list::AuthorityList;
use mecai::bundle::Bundle;
use mecai::chain::Chain;
use mecai::extension::read_bundles;
use mecai::host::Reference;
use mecai::pick::PickSecret;
use mecai::time::UnixTime;
use mecai::verdict::Cause;
use mecai::verify::{Client, Handshake, OwnVerification, verify};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::case::{Case, ListTable, hex};

/// What cases refer to.
#[derive(Deserialize)]
struct File {
    lists: BTreeMap<String, ListTable>,
    chains: BTreeMap<String, Vec<String>>,
}

struct World {
    lists: BTreeMap<String, AuthorityList>,
    chains: BTreeMap<String, Chain>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = stdin().lock().lines();
    let world = World::read(&lines.next().ok_or("there is no first line")??)?;
    let mut out = stdout().lock();
    for line in lines {
        let case: Case = serde_json::from_str(&line?)?;
        writeln!(out, "{}", world.judge(&case)?)?;
        out.flush()?;
    }
    Ok(())
}

impl World {
    fn read(text: &str) -> Result<Self, Box<dyn Error>> {
        let file: File = serde_json::from_str(text)?;
        // Lists that nobody accepts are no use here.
        let lists = file.lists.iter().filter_map(|(name, table)| Some((name.clone(), table.read()?))).collect();
        let mut chains = BTreeMap::new();
        for (name, certificates) in &file.chains {
            let certificates = certificates.iter().map(|der| hex(der)).collect::<Result<Vec<_>, _>>()?;
            if let Ok(chain) = Chain::from_der(certificates.iter().map(Vec::as_slice)) {
                chains.insert(name.clone(), chain);
            }
        }
        Ok(Self { lists, chains })
    }

    fn judge(&self, case: &Case) -> Result<Value, Box<dyn Error>> {
        let policy = case.policy.read()?;
        let list = self.lists.get(&case.list).ok_or("there is no such list")?;
        let chain = self.chains.get(&case.chain).ok_or("there is no such chain")?;
        let answer = case.answer.as_deref().map(hex).transpose()?;
        let secret = match (&case.secret, &case.machine_id) {
            (Some(secret), Some(machine)) => {
                let secret = hex(secret)?.try_into().map_err(|_| "a secret has 32 octets")?;
                Some(PickSecret::new(&secret, machine))
            }
            _ => None,
        };
        let references: Vec<Reference<'_>> =
            case.reference_identities.iter().map(|text| Reference::parse(text)).collect();
        let handshake = Handshake {
            own: OwnVerification::Accepted(chain),
            references: &references,
            sni: case.sni.as_deref(),
            peer: case.peer,
            port: case.port,
            answer: answer.as_deref(),
            remembered: false,
            now: UnixTime(case.now),
        };
        let client = Client { policy: &policy, list: Ok(list), secret: secret.as_ref() };
        let verdict = verify(&client, &handshake);
        let mut notes: Vec<&str> = verdict.notes().iter().map(|note| note.as_str()).collect();
        notes.sort_unstable();
        Ok(json!({
            "bundles": answer.as_deref().map(bundles),
            "outcome": verdict.outcome().as_str(),
            "code": verdict.code().as_str(),
            "alarm": verdict.alarm(),
            "notes": notes,
            "good_until": verdict.admission().map(|admission| admission.until.0),
        }))
    }
}

/// What each bundle of an answer is; null where the answer breaks its syntax.
fn bundles(answer: &[u8]) -> Value {
    let Ok(bundles) = read_bundles(answer) else { return Value::Null };
    let read = bundles
        .map(|octets| Bundle::from_der(octets).map_or_else(|error| Cause::Bundle(error).code().as_str(), |_| "ok"));
    read.collect::<Vec<_>>().into()
}
