//! The vouchers of one certificate, and every file that holds them: in the store, in its copies, as serverinfo. What is
//! kept here is never lost to a file that cannot be written: that is tried again.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mecai::Sha256;
use mecai::chain::certificate_digest;
use mecai::store::{
    Answers, Contents, LeftOut, NO_VOUCHERS, Store, StoreCause, StoreError, StoredAlternate, StoredBundle,
    StoredStaged, serverinfo_text, write_serverinfo,
};
use mecai::time::UnixTime;

use super::target::Key;
use super::trouble::Trouble;

/// A file that could not be written is tried again after so many seconds.
const RETRY: u64 = 5;

/// The vouchers of one certificate.
pub(super) struct Shelf {
    contents: Contents,
    /// SHA-256 of the second certificate.
    alternate: Option<Sha256>,
    answers: Answers,
    directories: Vec<Outlet>,
    serverinfos: Vec<Outlet>,
}

/// A place where the vouchers are written.
struct Outlet {
    path: PathBuf,
    /// Whether the place has what it should have.
    is_written: bool,
    retry_at: UnixTime,
    trouble: Option<Trouble>,
}

impl Shelf {
    /// Reads what the directories have, every one of them: what one lost another may still have. A file that cannot be
    /// used is set aside.
    pub(super) fn open(certificate: &Sha256, directories: &[PathBuf], now: UnixTime) -> Result<Self, Trouble> {
        let mut contents = Contents::new(*certificate, Vec::new(), None, Vec::new()).map_err(malformed)?;
        let mut found = Vec::new();
        for directory in directories {
            let read = read_or_set_aside(&Store::new(directory), certificate);
            if let Some(read) = &read {
                let base = if has_more(read, &contents) { read.clone() } else { contents.clone() };
                let of_alternate = |of: &Contents| match (digest_of(base.alternate()), of.alternate()) {
                    (Some(digest), Some(alternate)) if digest_of(Some(alternate)) == Some(digest) => {
                        alternate.bundles.clone()
                    }
                    _ => Vec::new(),
                };
                let mut bundles: Vec<_> = contents.bundles().iter().chain(read.bundles()).cloned().collect();
                bundles.extend(of_alternate(&contents).into_iter().chain(of_alternate(read)));
                contents = base.merge(bundles, now).map_err(malformed)?.0;
            }
            found.push(read);
        }
        let outlets = directories.iter().zip(&found).map(|(directory, read)| {
            // Whoever has nothing needs nothing while there is nothing.
            let has_it = read.as_ref().map_or(contents.bundles().is_empty(), |read| *read == contents);
            Outlet::new(directory.clone(), has_it)
        });
        let directories = outlets.collect();
        let alternate = digest_of(contents.alternate());
        let answers = Answers::build(&contents, now);
        Ok(Self { contents, alternate, answers, directories, serverinfos: Vec::new() })
    }

    /// The serverinfo files to write; a file that is there already is not written while it says the same.
    pub(super) fn set_serverinfos(&mut self, paths: BTreeSet<PathBuf>) {
        let outlet = |path| match self.serverinfos.iter().position(|outlet| outlet.path == path) {
            Some(index) => self.serverinfos.swap_remove(index),
            None => Outlet::new(path, false),
        };
        self.serverinfos = paths.into_iter().map(outlet).collect();
    }

    /// The second certificate to show beside this one, its chain; its bundles stay while it is the same.
    pub(super) fn set_alternate(&mut self, chain: Option<&[Vec<u8>]>, now: UnixTime) -> Result<(), Trouble> {
        let contents = self.contents.with_alternate(chain).map_err(malformed)?;
        self.replace(contents, now);
        Ok(())
    }

    /// The coming certificates to show beside this one, to authorities only.
    pub(super) fn set_staged(&mut self, staged: Vec<StoredStaged>, now: UnixTime) -> Result<(), Trouble> {
        let (own, alternate) = (self.contents.bundles().to_vec(), self.contents.alternate().cloned());
        let contents = Contents::new(*self.contents.certificate(), own, alternate, staged).map_err(malformed)?;
        self.replace(contents, now);
        Ok(())
    }

    /// SHA-256 of the second certificate.
    pub(super) fn alternate(&self) -> Option<Sha256> {
        self.alternate
    }

    /// The second certificate and those that go with it.
    pub(super) fn alternate_chain(&self) -> Option<&[Vec<u8>]> {
        self.contents.alternate().map(|alternate| &alternate.chain[..])
    }

    /// Every bundle of a certificate, which is this one or the second.
    pub(super) fn all(&self, certificate: &Sha256) -> &[StoredBundle] {
        match self.contents.alternate() {
            _ if certificate == self.contents.certificate() => self.contents.bundles(),
            Some(alternate) if self.alternate.as_ref() == Some(certificate) => &alternate.bundles,
            _ => &[],
        }
    }

    /// The bundles of a certificate, host and port that are in force, freshest first.
    pub(super) fn bundles(&self, key: &Key, now: UnixTime) -> impl Iterator<Item = &StoredBundle> {
        let of_key = move |bundle: &&StoredBundle| {
            bundle.host() == key.host && bundle.port() == key.port && now <= bundle.not_after()
        };
        self.all(&key.certificate).iter().filter(of_key)
    }

    /// What of a certificate, host and port is in force but does not fit an answer.
    pub(super) fn left_out_of(&self, key: &Key) -> impl Iterator<Item = &LeftOut> {
        let is_ours = |out: &LeftOut| {
            let is_it = |bundle: &StoredBundle| bundle.host() == out.host && bundle.produced_at() == out.produced_at;
            self.all(&key.certificate).iter().any(is_it)
        };
        let of_key = |out: &&LeftOut| out.host == key.host && out.port == key.port;
        self.answers.left_out().iter().filter(of_key).filter(move |out| is_ours(out))
    }

    /// Adds bundles; gives those that a file has no room for.
    pub(super) fn add(&mut self, bundles: Vec<StoredBundle>, now: UnixTime) -> Result<Vec<StoredBundle>, Trouble> {
        let (contents, left_out) = self.contents.merge(bundles, now).map_err(malformed)?;
        self.replace(contents, now);
        Ok(left_out)
    }

    fn replace(&mut self, contents: Contents, now: UnixTime) {
        if contents != self.contents {
            self.alternate = digest_of(contents.alternate());
            self.contents = contents;
            self.answers = Answers::build(&self.contents, now);
            for outlet in self.directories.iter_mut().chain(&mut self.serverinfos) {
                outlet.is_written = false;
            }
        }
    }

    /// Writes what is not written yet; gives the serverinfo files that servers should read again.
    pub(super) fn write(&mut self, now: UnixTime) -> Vec<PathBuf> {
        for outlet in &mut self.directories {
            outlet.write(now, |directory| Store::new(directory).write(&self.contents).map(|()| true));
        }
        if self.answers.is_stale(now) {
            self.answers = Answers::build(&self.contents, now);
            for outlet in &mut self.serverinfos {
                outlet.is_written = false;
            }
        }
        let mut changed = Vec::new();
        let mut text = None;
        for outlet in &mut self.serverinfos {
            let has_changed = outlet.write(now, |path| {
                let text = text.get_or_insert_with(|| serverinfo_text(&self.answers));
                let before = fs::read(path).ok();
                if before.as_deref() == Some(text.as_bytes()) {
                    return Ok(false);
                }
                // Nobody can have read a file that was not there, and without vouchers nobody needs to.
                let matters = before.is_some() || text != NO_VOUCHERS;
                write_serverinfo(path, text).map(|()| matters)
            });
            if has_changed {
                changed.push(outlet.path.clone());
            }
        }
        changed
    }

    /// What cannot be written.
    pub(super) fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        self.directories.iter().chain(&self.serverinfos).filter_map(|outlet| outlet.trouble.as_ref())
    }
}

impl Outlet {
    fn new(path: PathBuf, is_written: bool) -> Self {
        Self { path, is_written, retry_at: UnixTime(0), trouble: None }
    }

    /// Writes unless that was done or failed just now; says whether the file is another one than before.
    fn write(&mut self, now: UnixTime, write: impl FnOnce(&Path) -> Result<bool, StoreError>) -> bool {
        if self.is_written || (self.trouble.is_some() && now < self.retry_at && self.retry_at.since(now) <= RETRY) {
            return false;
        }
        match write(&self.path) {
            Ok(changed) => {
                if self.trouble.take().is_some() {
                    tracing::info!("{} is written again", self.path.display());
                }
                self.is_written = true;
                changed
            }
            Err(error) => {
                let trouble = trouble(&error);
                if self.trouble.as_ref() != Some(&trouble) {
                    tracing::error!(
                        code = trouble.code,
                        "{}; the vouchers are kept, and it is tried again",
                        trouble.sentence
                    );
                }
                self.trouble = Some(trouble);
                self.retry_at = now.plus(RETRY);
                false
            }
        }
    }
}

/// The same sentence for the same trouble: what the system says may name a temporary file.
fn trouble(error: &StoreError) -> Trouble {
    let sentence = match &error.cause {
        StoreCause::Write(cause) => format!("{}: cannot be written: {}", error.path.display(), cause.kind()),
        _ => error.to_string(),
    };
    Trouble::new(error.code(), sentence)
}

fn malformed(error: mecai::statement::DecodeError) -> Trouble {
    Trouble::new("store_malformed", error.to_string())
}

fn digest_of(alternate: Option<&StoredAlternate>) -> Option<Sha256> {
    alternate?.chain.first().map(|der| certificate_digest(der))
}

/// An alternate or staged certificates, which only one of the files may have.
fn has_more(read: &Contents, than: &Contents) -> bool {
    (than.alternate().is_none() && read.alternate().is_some())
        || (than.staged().is_empty() && !read.staged().is_empty())
}

/// None where there is no file, or none that can be used.
pub(super) fn read_or_set_aside(store: &Store, certificate: &Sha256) -> Option<Contents> {
    let error = match store.read(certificate) {
        Ok(contents) => return contents,
        Err(error) => error,
    };
    // A directory that is not there or not ours has no file to set aside.
    if let StoreCause::Unreadable(cause) = &error.cause
        && cause.kind() == ErrorKind::NotADirectory
    {
        return None;
    }
    let mut aside = error.path.clone().into_os_string();
    aside.push(".damaged");
    let aside = PathBuf::from(aside);
    match fs::rename(&error.path, &aside) {
        Ok(()) => tracing::error!(code = error.code(), "{error}; it is now {}", aside.display()),
        Err(cause) => tracing::error!(code = error.code(), "{error}; it cannot be set aside: {cause}"),
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use mecai::bundle::assemble;
    use mecai::endorsement::{Evidence, Seen, endorse};
    use mecai::signature::SigningKey;
    use mecai::statement::{Proposal, Statement};

    use super::*;

    const NOW: UnixTime = UnixTime(1_795_478_400);
    const CERTIFICATE: Sha256 = [7; 32];

    fn bundle(host: &str, produced_at: UnixTime) -> StoredBundle {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        let proposal = Proposal {
            host,
            port: 443,
            addresses: &["192.0.2.1".parse().unwrap()],
            certificate: CERTIFICATE,
            produced_at,
            not_after: produced_at.plus(100),
            stay: None,
        };
        let der = proposal.to_der().unwrap();
        let statement = Statement::from_der(&der).unwrap();
        let endorsement = endorse(&key, &statement, Seen::from_indices([0]).unwrap(), Evidence::ShortLived).unwrap();
        StoredBundle::from_der(&assemble(&der, &[&endorsement]).unwrap()).unwrap()
    }

    fn key() -> Key {
        Key { host: "a.example".to_owned(), port: 443, certificate: CERTIFICATE }
    }

    struct Places {
        root: tempfile::TempDir,
        directories: Vec<PathBuf>,
    }

    impl Places {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let directories = vec![root.path().join("store"), root.path().join("copy")];
            for directory in &directories {
                fs::create_dir(directory).unwrap();
            }
            Self { root, directories }
        }

        fn open(&self) -> Shelf {
            Shelf::open(&CERTIFICATE, &self.directories, NOW).unwrap()
        }

        fn file(&self, directory: usize) -> PathBuf {
            Store::new(&self.directories[directory]).path(&CERTIFICATE)
        }
    }

    #[test]
    fn every_directory_gets_the_same_file_and_any_of_them_gives_it_back() {
        let places = Places::new();
        let mut shelf = places.open();
        shelf.write(NOW);
        assert!(!places.file(0).exists(), "nothing to write yet");
        shelf.add(vec![bundle("a.example", NOW)], NOW).unwrap();
        shelf.write(NOW);
        let octets = fs::read(places.file(0)).unwrap();
        assert_eq!(fs::read(places.file(1)).unwrap(), octets);

        fs::write(places.file(0), &octets[..50]).unwrap();
        let mut shelf = places.open();
        assert_eq!(shelf.bundles(&key(), NOW).count(), 1);
        let aside = places.file(0).with_extension("vouchers.damaged");
        assert_eq!(fs::read(aside).unwrap(), &octets[..50]);
        shelf.write(NOW);
        assert_eq!(fs::read(places.file(0)).unwrap(), octets);
    }

    #[test]
    fn a_directory_that_is_not_there_is_reported_and_tried_again() {
        let places = Places::new();
        fs::remove_dir(&places.directories[1]).unwrap();
        let mut shelf = places.open();
        shelf.add(vec![bundle("a.example", NOW)], NOW).unwrap();
        shelf.write(NOW);
        assert_eq!(shelf.troubles().map(|trouble| trouble.code).collect::<Vec<_>>(), ["store_not_written"]);
        assert!(places.file(0).exists());
        fs::create_dir(&places.directories[1]).unwrap();
        shelf.write(NOW.plus(RETRY - 1));
        assert!(!places.file(1).exists());
        shelf.write(NOW.plus(RETRY));
        assert!(places.file(1).exists());
        assert_eq!(shelf.troubles().count(), 0);
    }

    #[test]
    fn serverinfo_is_there_before_between_and_after_vouchers() {
        let places = Places::new();
        let path = places.root.path().join("shop.serverinfo");
        let mut shelf = places.open();
        shelf.set_serverinfos(BTreeSet::from([path.clone()]));
        assert_eq!(shelf.write(NOW), [] as [PathBuf; 0], "nothing that a server should read again");
        assert_eq!(fs::read_to_string(&path).unwrap(), NO_VOUCHERS);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);

        shelf.add(vec![bundle("a.example", NOW)], NOW).unwrap();
        assert_eq!(shelf.write(NOW), std::slice::from_ref(&path));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("-----BEGIN SERVERINFOV2 FOR MECAI-----\nAAARgP9N"), "{text}");
        assert_eq!(shelf.write(NOW.plus(100)), [] as [PathBuf; 0]);

        let mut again = places.open();
        again.set_serverinfos(BTreeSet::from([path.clone()]));
        assert_eq!(again.write(NOW), [] as [PathBuf; 0], "the file says it already");

        assert_eq!(shelf.write(NOW.plus(101)), std::slice::from_ref(&path));
        assert_eq!(fs::read_to_string(&path).unwrap(), NO_VOUCHERS);
    }
}
