//! minisign secret keys and their passwords.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use minisign::{SecretKey, SecretKeyBox};

use super::Error;

/// Reads a secret key. One that is encrypted needs its password: the first line of a file, or asked for on the terminal.
pub(super) fn read(path: &Path, password_file: Option<&PathBuf>) -> Result<SecretKey, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
    let is_no_key = || Error::Refused(format!("{} is not a minisign secret key", path.display()));
    let octets =
        text.lines().nth(1).and_then(|line| BASE64.decode(line.trim().as_bytes()).ok()).ok_or_else(is_no_key)?;
    // Not through `SecretKeyBox`: it wants a checksum in keys without a password too, where minisign 0.11 writes none.
    let key = SecretKey::from_bytes(&octets).map_err(|_| is_no_key())?;
    if !key.is_encrypted() {
        return Ok(key);
    }
    if password_file.is_none() {
        eprintln!("mecai: {} is encrypted", path.display());
    }
    let sealed = SecretKeyBox::from_string(&text).map_err(Error::key(path))?;
    sealed.into_secret_key(password(password_file)?).map_err(Error::key(path))
}

/// The password in a file; none to have it asked for.
pub(super) fn password(file: Option<&PathBuf>) -> Result<Option<String>, Error> {
    let Some(path) = file else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(Error::file(path))?;
    Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
}
