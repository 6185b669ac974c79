//! `openssl.cnf` files that load the module: what a person writes into `OPENSSL_CONF` of curl or nginx.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Error, World};

/// What OpenSSL itself reads.
const PATH: &str = "path";

/// The lines of the module's section, in their order; a key that is set twice has its last value.
#[derive(Clone, Debug)]
pub struct OpensslConf {
    lines: Vec<(&'static str, String)>,
}

impl OpensslConf {
    /// For programs that connect: `mode = require`, the world's authority list, and this directory for the secret of
    /// the pick, made by the module at need.
    pub fn client(world: &World, module: &Path, state: &Path) -> Self {
        Self::new(module, "client")
            .with("mode", "require")
            .with("authorities", world.list().path().display())
            .with("authorities_keys", world.list().keys())
            .with("state", state.display())
    }

    /// For programs that serve the vouchers in the directory `store`.
    pub fn server(module: &Path, store: &Path) -> Self {
        Self::new(module, "server").with("vouchers", store.display())
    }

    /// With this key and value, in the place of an earlier value.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.lines.retain(|(known, _)| *known != key);
        self.lines.push((key, value.to_string()));
        self
    }

    /// Writes the file, and gives its path.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, path: &Path) -> Result<PathBuf, Error> {
        fs::write(path, self.to_text()).map_err(Error::file("write", path))?;
        Ok(path.to_path_buf())
    }

    /// Every key but the module's path, with its value: what a program hands to `mecai_openssl_attach`.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.lines.iter().filter(|(key, _)| *key != PATH).map(|(key, value)| (*key, value.as_str()))
    }

    fn new(module: &Path, role: &str) -> Self {
        Self { lines: vec![(PATH, module.display().to_string()), ("role", role.to_owned())] }
    }

    fn to_text(&self) -> String {
        let width = self.lines.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
        let mut text =
            "openssl_conf = openssl_init\nnodejs_conf = openssl_init\n\n[openssl_init]\nmecai = mecai_section\n\n[mecai_section]\n".to_owned();
        for (key, value) in &self.lines {
            text += &format!("{key:width$} = {value}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_value_takes_the_place_of_an_earlier_one() {
        let conf = OpensslConf::server(Path::new("/m.so"), Path::new("/v")).with("role", "both").with("log", "stderr");
        let text = conf.to_text();
        let section = text.split_once("[mecai_section]\n").map(|(_, section)| section);
        assert_eq!(section, Some("path     = /m.so\nvouchers = /v\nrole     = both\nlog      = stderr\n"), "{text}");
        let settings: Vec<_> = conf.settings().collect();
        assert_eq!(settings, [("vouchers", "/v"), ("role", "both"), ("log", "stderr")]);
    }
}
