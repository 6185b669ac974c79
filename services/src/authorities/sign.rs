//! `mecai authorities sign`: signs a list, and publishes one so that no reader sees a list without its signatures.

use std::path::{Path, PathBuf};

use clap::Args;
use mecai::authority_list::{AuthorityList, ListError, ListKeys};
use minisign::{PublicKey, SecretKey};

use super::signatures::{Signature, Signatures};
use super::{Error, durable, key, now, read_text_if_any, signatures_path};
use crate::output;

/// Signs an authority list; with --from, publishes a new one in its place.
///
/// Without --from, LIST is signed where it is: LIST.minisig gets one more signature, or a new one by the same key.
///
/// With --from NEW, the new list takes the place of LIST together with the signatures in NEW.minisig and those by the
/// keys given: first LIST.minisig gets the new signatures beside the old, then LIST is replaced. The old signatures are
/// dropped when the next list is published. Readers, who read LIST first, accept it at every moment.
#[derive(Args)]
pub struct Options {
    /// The list that readers read
    list: PathBuf,
    /// A minisign secret key (may be given several times)
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Take the password of encrypted keys from the first line of this file instead of asking for it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Publish this list in the place of LIST
    #[arg(long, value_name = "NEW")]
    from: Option<PathBuf>,
    /// The readers' keys, "M of KEY, KEY": refuse to publish what they would not accept
    #[arg(long, value_name = "TEXT", requires = "from")]
    authorities_keys: Option<ListKeys>,
}

pub(super) fn run(options: &Options) -> Result<(), Error> {
    let source = options.from.as_ref().unwrap_or(&options.list);
    let json = std::fs::read(source).map_err(Error::file(source))?;
    let list = AuthorityList::from_json(&json).map_err(Error::list(source))?;
    if now() > list.expires() {
        return Err(Error::Refused(format!("{} expired at {}: issue a new one", source.display(), list.expires())));
    }
    let mut signatures = Signatures::read(&read_text_if_any(&signatures_path(source))?);
    for path in &options.keys {
        let secret_key = key::read(path, options.password_file.as_ref())?;
        signatures.renew(sign(&secret_key, &json, &options.list).map_err(Error::key(path))?);
    }
    if signatures.is_empty() || (options.keys.is_empty() && options.from.is_none()) {
        return Err(Error::Refused(format!("nothing signs {}: give --key FILE", source.display())));
    }
    match &options.from {
        None => durable::replace(&signatures_path(&options.list), signatures.to_text().as_bytes())?,
        Some(new) => {
            check_publishable(options, new, &json, &list, &signatures)?;
            publish(&options.list, &json, &signatures)?;
        }
    }
    output::print(&format!(
        "{}: sequence {}, signed by {}\n",
        options.list.display(),
        list.sequence(),
        signatures.iter().map(Signature::key_id).collect::<Vec<_>>().join(", "),
    ))?;
    Ok(())
}

/// A prehashed signature, with the trusted comment that minisign writes.
fn sign(secret_key: &SecretKey, json: &[u8], list: &Path) -> minisign::Result<Signature> {
    let public_key = PublicKey::from_secret_key(secret_key)?;
    let name = list.file_name().unwrap_or_default().to_string_lossy();
    let comment = format!("timestamp:{}\tfile:{}\thashed", now().0, output::plain(&name));
    minisign::sign(Some(&public_key), secret_key, json, Some(&comment), None).map(|made| Signature::new(&made))
}

/// A list that goes back, or that readers would not accept, must not take the place of one that they do.
fn check_publishable(
    options: &Options,
    new: &Path,
    json: &[u8],
    list: &AuthorityList,
    signatures: &Signatures,
) -> Result<(), Error> {
    if let Some(keys) = &options.authorities_keys {
        AuthorityList::read(json, &signatures.to_text(), keys, 0).map_err(Error::list(new))?;
    }
    let published = match std::fs::read(&options.list) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(Error::file(&options.list))?,
    };
    // What is there now may be damaged; that is no reason not to replace it.
    match AuthorityList::from_json(&published) {
        Ok(before) if published != json && list.sequence() <= before.sequence() => Err(Error::Refused(format!(
            "{} has sequence {}, {} has {}: a new list needs a higher one",
            new.display(),
            list.sequence(),
            options.list.display(),
            before.sequence(),
        ))),
        Ok(_) | Err(ListError::Malformed(_)) => Ok(()),
        Err(error) => Err(Error::list(&options.list)(error)),
    }
}

/// The order of spec section 6: the signatures beside those of the list before, then the list. The signatures of the list
/// before are dropped when the next one is published, not now: a reader may have read that list, and not yet them.
fn publish(list: &Path, json: &[u8], signatures: &Signatures) -> Result<(), Error> {
    let beside = signatures_path(list);
    let earlier = Signatures::read(&read_text_if_any(&beside)?);
    durable::replace(&beside, signatures.and_the_last_of(&earlier).to_text().as_bytes())?;
    durable::replace(list, json)
}
