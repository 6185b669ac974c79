//! Builds a release of OpenSSL from the sources that the crate `openssl-src` carries: shared libraries, headers and the
//! program `openssl`. What was built before stays as it is. Prints where it is installed.
//!
//! usage: mecai-openssls 1.1.1|3.5|4.0 DIRECTORY

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs, thread};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(prefix) => {
            println!("{}", prefix.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mecai-openssls: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<PathBuf> {
    // The crate leaves out what the provider `legacy` is made of. With zlib, 3.2 and later compress certificates.
    const OF_3: &[&str] = &["no-tests", "no-docs", "no-legacy", "zlib-dynamic"];
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [release, directory] = &arguments[..] else {
        return Err("usage: mecai-openssls 1.1.1|3.5|4.0 DIRECTORY".into());
    };
    let (version, source, options) = match release.as_str() {
        "1.1.1" => (openssl_1_1_1::version(), openssl_1_1_1::source_dir(), &["no-tests"][..]),
        "3.5" => (openssl_3_5::version(), openssl_3_5::source_dir(), OF_3),
        "4.0" => (openssl_4_0::version(), openssl_4_0::source_dir(), OF_3),
        _ => return Err(format!("release {release} is not known: 1.1.1, 3.5 and 4.0 are").into()),
    };
    fs::create_dir_all(directory)?;
    let directory = fs::canonicalize(directory)?;
    let prefix = directory.join(release);
    let configuration = configuration(&prefix, options);
    let (stamp, written) = (prefix.join("configuration"), format!("{version}\n{}\n", configuration.join("\n")));
    if !fs::read_to_string(&stamp).is_ok_and(|before| before == written) {
        let build = Build {
            directory: directory.join(format!("{release}-build")),
            log: directory.join(format!("{release}.log")),
        };
        build.install(&source, &configuration, &prefix)?;
        fs::write(stamp, written)?;
    }
    Ok(prefix)
}

/// The arguments of OpenSSL's `config`.
fn configuration(prefix: &Path, options: &[&str]) -> Vec<String> {
    let own = [
        "shared".to_owned(),
        "--libdir=lib".to_owned(),
        format!("--prefix={}", prefix.display()),
        format!("--openssldir={}", prefix.join("ssl").display()),
        // The program finds its own libraries, whoever starts it.
        format!("-Wl,-rpath,{}", prefix.join("lib").display()),
    ];
    own.into_iter().chain(options.iter().map(ToString::to_string)).collect()
}

struct Build {
    directory: PathBuf,
    log: PathBuf,
}

impl Build {
    fn install(&self, source: &Path, configuration: &[String], prefix: &Path) -> Result<()> {
        for directory in [prefix, &self.directory] {
            if directory.exists() {
                fs::remove_dir_all(directory)?;
            }
        }
        self.step(Command::new("cp").arg("-r").arg(source).arg(&self.directory))?;
        let mkdef = self.directory.join("util/mkdef.pl");
        if !mkdef.exists() {
            fs::write(mkdef, include_str!("../mkdef.pl"))?;
        }
        self.step(self.here("sh").arg("config").args(configuration))?;
        self.step(self.here("make").arg(format!("-j{}", thread::available_parallelism()?)))?;
        self.step(self.here("make").arg("install_sw"))?;
        Ok(fs::remove_dir_all(&self.directory)?)
    }

    fn here(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory);
        command
    }

    /// Runs one program; what it says goes to the log.
    fn step(&self, command: &mut Command) -> Result<()> {
        let log = fs::File::create(&self.log)?;
        let status = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).status()?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{} ended with {status}: see {}", command.get_program().display(), self.log.display()).into())
    }
}
