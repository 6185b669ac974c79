//! The subcommands that ask authorities, and the one that shows what came of it.

use std::path::Path;

use super::clock::now;
use super::config::Config;
use super::driver::{Agent, Signals, Wake, with_runtime};
use super::engine;
use super::status::{Role, Status};
use super::table;
use super::trouble::Trouble;
use super::watch::Watched;
use crate::exit::Exit;
use crate::output;

/// `mecai agent run`.
pub(super) fn keep_running(config: Config, path: &Path) -> Result<Exit, Trouble> {
    with_runtime(async {
        let mut signals = Signals::new()?;
        let mut watched = Watched::new(vec![path.to_path_buf()]);
        watched.refresh(|| Ok(()));
        let lock = engine::lock(&config.state())?;
        let mut agent = Agent::new(config, lock);
        loop {
            agent.step();
            let end = agent.wait(&mut signals).await;
            match end {
                Wake::Step => {}
                Wake::Hangup => {
                    tracing::info!("all files are read anew");
                    agent.engine.start_over(now());
                }
                Wake::Terminate => break,
            }
            let mut new = None;
            let read = || {
                new = Some(Config::read(path).map_err(|error| Trouble::new("configuration", error.to_string()))?);
                Ok(())
            };
            if watched.refresh(read)
                && let Some(config) = new
            {
                agent = agent.reconfigured(config);
            }
        }
        tracing::info!("the agent ends");
        agent.engine.finish(now());
        agent.write_status();
        Ok(Exit::Done)
    })
}

/// `mecai agent once`.
pub(super) fn once(config: Config, json: bool) -> Result<Exit, Trouble> {
    let status = with_runtime(async {
        let mut signals = Signals::new()?;
        let lock = engine::lock(&config.state())?;
        let mut agent = Agent::new(config, lock);
        agent.engine.want_one_round(now());
        loop {
            agent.step();
            if agent.engine.is_done() {
                break;
            }
            if let Wake::Terminate = agent.wait(&mut signals).await {
                agent.engine.finish(now());
                agent.write_status();
                return Err(Trouble::new("interrupted", "ended by a signal before all authorities had answered"));
            }
        }
        agent.engine.finish(now());
        agent.write_status();
        Ok(agent.engine.known)
    })?;
    let sites: String = status.sites.iter().map(|site| format!("{}\n", table::round(site, &status.sites))).collect();
    let troubles = status.troubles.iter().map(|trouble| format!("{} ({})\n", trouble.sentence, trouble.code));
    print(&if json { status.to_json() } else { sites + &troubles.collect::<String>() })?;
    Ok(exit(&status))
}

/// `mecai agent status`.
pub(super) fn show(config: &Config, json: bool) -> Result<Exit, Trouble> {
    let path = Status::path(&config.state());
    let missing = || {
        let sentence = format!("there is no {}: no agent with this configuration has run yet", path.display());
        Trouble::new("no_status", sentence)
    };
    let mut status = Status::read(&config.state())?.ok_or_else(missing)?;
    status.sites.iter_mut().for_each(|site| site.expire(now()));
    print(&if json { status.to_json() } else { table::status(&status) })?;
    Ok(exit(&status))
}

fn print(text: &str) -> Result<(), Trouble> {
    output::print(text).map_err(|cause| Trouble::new("not_printed", format!("the status cannot be printed: {cause}")))
}

/// Done when at most a quarter of the operators is missing at any site, and whatever was staged came into use. What is
/// staged is not in use yet, and what was there earlier need not be.
fn exit(status: &Status) -> Exit {
    let sites: Vec<_> =
        status.sites.iter().filter(|site| matches!(site.role, Role::Primary | Role::Alternate)).collect();
    let is_new = |site: &super::SiteStatus| site.trouble.is_none() && site.failing < site.operators;
    if !status.troubles.is_empty() {
        Exit::Failed
    } else if sites.iter().all(|site| site.vouching == 0) {
        Exit::NoVoucher
    } else if sites.iter().all(|site| site.is_well()) {
        if status.sites.iter().any(super::SiteStatus::is_overdue) { Exit::SomeFailed } else { Exit::Done }
    } else if sites.into_iter().any(is_new) {
        Exit::SomeFailed
    } else {
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use mecai::time::UnixTime;

    use super::*;
    use crate::agent::{Failing, SiteStatus};

    fn site(operators: usize, vouching: usize, failing: usize) -> SiteStatus {
        SiteStatus {
            host: "www.shop.example".to_owned(),
            port: 443,
            role: Role::Primary,
            certificate_file: "/shop.pem".into(),
            certificate: None,
            operators,
            vouching,
            failing,
            good_until: None,
            next_round: None,
            trouble: None,
            warnings: Vec::new(),
            authorities: Vec::new(),
        }
    }

    #[test]
    fn exit_statuses() {
        let of = |sites: &[SiteStatus]| exit(&Status { sites: sites.to_vec(), ..Status::new(UnixTime(0)) });
        assert_eq!(of(&[site(11, 11, 0)]), Exit::Done);
        assert_eq!(of(&[site(11, 9, 2)]), Exit::Done);
        assert_eq!(of(&[site(11, 8, 3)]), Exit::SomeFailed);
        assert_eq!(of(&[site(11, 11, 3)]), Exit::SomeFailed);
        assert_eq!(of(&[site(11, 11, 0), site(11, 0, 11)]), Exit::SomeFailed);
        assert_eq!(of(&[site(11, 11, 11)]), Exit::Failed);
        assert_eq!(of(&[site(11, 0, 11)]), Exit::NoVoucher);
        assert_eq!(of(&[site(11, 0, 11), SiteStatus { role: Role::Alternate, ..site(11, 11, 0) }]), Exit::SomeFailed);
        for role in [Role::Staged, Role::Earlier] {
            assert_eq!(of(&[site(11, 11, 0), SiteStatus { role, ..site(11, 0, 11) }]), Exit::Done);
            assert_eq!(of(&[site(11, 0, 11), SiteStatus { role, ..site(11, 11, 0) }]), Exit::NoVoucher);
        }
        let trouble = Failing::after(None, "store_not_written", "no space".to_owned(), UnixTime(0));
        let overdue = vec![Failing::after(None, "staged_not_deployed", "since long".to_owned(), UnixTime(0))];
        for vouching in [0, 11] {
            let staged = SiteStatus { role: Role::Staged, warnings: overdue.clone(), ..site(11, vouching, 0) };
            assert_eq!(of(&[site(11, 11, 0), staged]), Exit::SomeFailed);
        }
        let full = Status { sites: vec![site(11, 11, 0)], troubles: vec![trouble], ..Status::new(UnixTime(0)) };
        assert_eq!(exit(&full), Exit::Failed);
    }
}
