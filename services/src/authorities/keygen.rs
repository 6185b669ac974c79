//! `mecai authorities keygen`: a minisign key pair, as the program minisign makes it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use minisign::KeyPair;

use super::{Error, key};
use crate::output;

/// Makes a minisign key pair for signing authority lists.
#[derive(Args)]
pub struct Options {
    /// The secret key, a new file that only you can read
    #[arg(long, value_name = "FILE", default_value = "minisign.key")]
    secret_key: PathBuf,
    /// The public key, a new file
    #[arg(long, value_name = "FILE", default_value = "minisign.pub")]
    public_key: PathBuf,
    /// Do not encrypt the secret key (for labs)
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
    /// Take the password from the first line of this file instead of asking for it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<(), Error> {
    // Both files first: no password is asked for in vain.
    let mut secret_file = create(&options.secret_key, 0o600)?;
    let mut public_file = create(&options.public_key, 0o644).inspect_err(|_| discard(&options.secret_key))?;
    let made = make(options, &mut secret_file, &mut public_file);
    let public_key = made.inspect_err(|_| {
        discard(&options.secret_key);
        discard(&options.public_key);
    })?;
    output::print(&format!(
        "secret key: {}\npublic key: {}\nauthorities_keys = {public_key}\n",
        options.secret_key.display(),
        options.public_key.display(),
    ))?;
    Ok(())
}

fn make(options: &Options, secret_file: &mut File, public_file: &mut File) -> Result<String, Error> {
    let pair = if options.no_password {
        KeyPair::generate_unencrypted_keypair()
    } else {
        KeyPair::generate_encrypted_keypair(key::password(options.password_file.as_ref())?)
    };
    let failed = Error::key(&options.secret_key);
    let KeyPair { pk, sk } = pair.map_err(&failed)?;
    let secret_box = sk.to_box(None).map_err(&failed)?;
    secret_file.write_all(&secret_box.to_bytes()).map_err(Error::file(&options.secret_key))?;
    let public_box = pk.to_box().map_err(&failed)?;
    public_file.write_all(&public_box.to_bytes()).map_err(Error::file(&options.public_key))?;
    Ok(pk.to_base64())
}

/// Creates a file that must be new: a secret key is never overwritten.
fn create(path: &Path, mode: u32) -> Result<File, Error> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(Error::file(path))
}

/// Removes a file that this run created.
fn discard(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        eprintln!("mecai: {} is left over: {error}", path.display());
    }
}
