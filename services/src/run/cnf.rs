//! The temporary openssl.cnf: the system's, and the mecai section.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::Options;
use crate::openssl_cnf::{CnfError, OpensslCnf, Section};

/// A written file; it is removed when this is dropped.
pub(super) struct Cnf {
    path: TempPath,
    module: PathBuf,
}

/// Why the program cannot be run with the module.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    System(#[from] CnfError),
    #[error("there is no module: give --module FILE (looked for {MODULE} in {looked})")]
    NoModule { looked: String },
    #[error("{} is not a module: {problem}", path.display())]
    Module { path: PathBuf, problem: String },
    #[error("{key} = {value:?}: openssl.cnf cannot hold a line break")]
    LineBreak { key: String, value: String },
    #[error("the temporary openssl.cnf cannot be written: {0}")]
    Write(std::io::Error),
}

const MODULE: &str = "mecai_openssl.so";
/// The section of modules if the system's file names none, and our own.
const MODULES: &str = "mecai_run_modules";
const SECTION: &str = "mecai_run";

impl Cnf {
    pub(super) fn write(options: &Options) -> Result<Self, Error> {
        let system = match OpensslCnf::default_path().filter(|path| path.exists()) {
            Some(path) => Some((OpensslCnf::read(&path)?, path)),
            None => None,
        };
        let mut section = system.as_ref().and_then(|(file, _)| file.mecai()).unwrap_or_default();
        override_section(&mut section, options)?;
        let module = PathBuf::from(value(&section, "path").unwrap_or_default());
        let text = compose(system.as_ref(), &section)?;
        let write = || {
            let mut file = tempfile::Builder::new().prefix("mecai-run-").suffix(".cnf").tempfile()?;
            file.write_all(text.as_bytes())?;
            // Programs that change their user read it too; there is nothing secret in it.
            file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
            Ok(file.into_temp_path())
        };
        Ok(Self { path: write().map_err(Error::Write)?, module })
    }

    /// Where `OPENSSL_CONF` points.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The module that the file loads.
    pub(super) fn module(&self) -> &Path {
        &self.module
    }
}

/// Reads `KEY=VALUE`.
pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    let is_key = !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_');
    if is_key { Ok((key.to_owned(), value.to_owned())) } else { Err(format!("{key:?} is not a key of a-z _")) }
}

/// The options, over what the section says.
fn override_section(section: &mut Section, options: &Options) -> Result<(), Error> {
    let mut set = |key: &str, value: String| {
        section.retain(|(own, _)| own != key);
        section.push((key.to_owned(), value));
    };
    for (key, value) in &options.settings {
        set(key, value.clone());
    }
    // The module wants whole paths: programs change their directory.
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    for (key, path) in [("authorities", &options.authorities), ("state", &options.state), ("path", &options.module)] {
        if let Some(path) = path {
            set(key, whole(path));
        }
    }
    if let Some(keys) = &options.authorities_keys {
        set("authorities_keys", keys.clone());
    }
    if let Some(mode) = options.mode {
        set("mode", mode.as_str().to_owned());
    }
    if let Some(log) = &options.log {
        let is_word = ["off", "stderr", "syslog"].contains(&log.as_str());
        set("log", if is_word { log.clone() } else { whole(Path::new(log)) });
    }
    if value(section, "path").is_none() {
        section.push(("path".to_owned(), find_module()?.display().to_string()));
    }
    // Who runs one command by hand wants to see the verdict.
    if value(section, "log").is_none() {
        section.push(("log".to_owned(), "stderr".to_owned()));
    }
    // A program goes on silently without a module that cannot be loaded: this is the last chance to notice.
    check_module(Path::new(value(section, "path").unwrap_or_default()))
}

fn value<'a>(section: &'a Section, key: &str) -> Option<&'a str> {
    section.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
}

/// The module that is installed, or was built, beside this program.
fn find_module() -> Result<PathBuf, Error> {
    let program = std::env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
    let directory = program.parent().unwrap_or(Path::new("/"));
    let places = [directory.join("../lib/mecai").join(MODULE), directory.join(MODULE)];
    let found = places.iter().find(|place| place.is_file()).and_then(|place| fs::canonicalize(place).ok());
    found.ok_or_else(|| {
        let looked = places.iter().map(|place| place.parent().unwrap_or(place).display().to_string());
        Error::NoModule { looked: looked.collect::<Vec<_>>().join(", ") }
    })
}

fn check_module(path: &Path) -> Result<(), Error> {
    let wrong = |problem: String| Error::Module { path: path.to_owned(), problem };
    let mut magic = [0; 4];
    let read = fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut magic));
    match read {
        Err(error) => Err(wrong(error.to_string())),
        Ok(()) if magic != *b"\x7fELF" => Err(wrong("not a shared object".to_owned())),
        Ok(()) => Ok(()),
    }
}

/// The text of the file. What the system's file switches on stays on; a mecai section there gives way to ours.
fn compose(system: Option<&(OpensslCnf, PathBuf)>, section: &Section) -> Result<String, Error> {
    let modules = |kind| system.and_then(|(file, _)| file.modules(kind));
    let of_programs = modules("openssl_conf").unwrap_or_else(|| MODULES.to_owned());
    // Node.js looks for a name of its own.
    let of_node = modules("nodejs_conf").unwrap_or_else(|| of_programs.clone());

    let mut text = "# Made by mecai run; it goes when the program ends.\n".to_owned();
    let _ = write!(text, "openssl_conf = {of_programs}\nnodejs_conf = {of_node}\n");
    if let Some((_, path)) = system {
        let _ = writeln!(text, ".include = {}", quoted("include", &path.display().to_string())?);
    }
    let mut sections = vec![of_programs, of_node];
    sections.dedup();
    for modules in sections {
        let known = system.and_then(|(file, _)| file.mecai_of(&modules)).map(|(name, _)| name);
        let name = known.as_deref().unwrap_or("mecai");
        let _ = write!(text, "\n[ {modules} ]\n{name} = {SECTION}\n");
    }
    let _ = write!(text, "\n[ {SECTION} ]\n");
    for (key, value) in section {
        let _ = writeln!(text, "{key} = {}", quoted(key, value)?);
    }
    Ok(text)
}

/// A value as openssl.cnf reads it back: everything that has a meaning there is escaped.
fn quoted(key: &str, value: &str) -> Result<String, Error> {
    if value.contains(['\n', '\r']) {
        return Err(Error::LineBreak { key: key.to_owned(), value: value.to_owned() });
    }
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | '$' | '#' | '"' | '\'' | '`' | ';') {
            text.push('\\');
        }
        text.push(letter);
    }
    Ok(text)
}
