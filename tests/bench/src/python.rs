//! What the Python package costs a request: http.client with MECAI against without, in one process.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::daemon::{Daemon, NGINX, Site};
use crate::figures::Figures;
use crate::world::{HOST, World};

/// The ratio of medians says little of fewer requests.
const REQUESTS_MIN: usize = 2000;

/// So many endorsements the server sends.
const AUTHORITIES: usize = 8;

const SCRIPT: &str = include_str!("python.py");

/// Installs the wheel for the machine's python3 and makes requests of an nginx that shows vouchers.
pub(crate) fn figures(world: &World, wheel: &Path, requests: usize) -> Result<Figures, Box<dyn Error>> {
    let environment = world.path("python");
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let python = environment.join("bin/python");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(pip).arg(wheel))?;

    let files = world.site(AUTHORITIES);
    let site = Site { host: HOST.to_owned(), chain: files.chain, key: files.key };
    let mut daemon = Daemon::spawn(&NGINX, &world.path("python-nginx"), &[site], &world.configuration())?;
    daemon.wait()?;
    let mut command = Command::new(&python);
    command.args(["-c", SCRIPT]).arg(world.roots()).args([HOST, &daemon.address.port().to_string()]);
    command.arg(requests.max(REQUESTS_MIN).to_string());
    command.args([world.path("authorities.json"), world.path("list.key"), world.path("state")]);
    Ok(serde_json::from_slice(&run(&mut command)?)?)
}

/// What a program writes that ends well.
fn run(command: &mut Command) -> Result<Vec<u8>, Box<dyn Error>> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", command.get_program().display(), output.status).into());
    }
    Ok(output.stdout)
}
