//! Waiting for the vouchers: of the agent that runs, or by doing its work where none does.

use std::fs::File;
use std::time::{Duration, Instant};

use mecai::time::UnixTime;

use super::super::clock::now;
use super::super::config::Config;
use super::super::driver::{Agent, Signals, Wake, with_runtime};
use super::super::engine;
use super::super::status::Status;
use super::super::trouble::Trouble;
use super::Staged;
use super::goal::Goal;
use crate::exit::Exit;
use crate::output;

/// The status of an agent that runs is looked at so often.
const LOOK: Duration = Duration::from_millis(500);
/// An agent writes its status once a minute at least: after so many seconds it may have ended.
const SILENT: u64 = 150;
/// So long the files that a deployment has replaced are looked for, where no other agent does.
const SETTLE: Duration = Duration::from_secs(5);

/// Waits until the goal is reached, then does the rest; gives up after so many seconds.
pub(super) fn until_ready(
    config: Config,
    goal: &Goal,
    within: u64,
    rest: impl Fn(&str) -> Result<(), Trouble>,
) -> Result<Exit, Trouble> {
    let late = Instant::now().checked_add(Duration::from_secs(within));
    let is_late = || late.is_some_and(|late| Instant::now() >= late);
    with_runtime(async {
        let mut signals = Signals::new()?;
        let waited = loop {
            match engine::lock(&config.state()) {
                Ok(lock) => break drive(&config, lock, goal, &is_late, &mut signals, &rest).await?,
                Err(trouble) if trouble.code == engine::AGENT_RUNNING => {}
                Err(trouble) => return Err(trouble),
            }
            // That agent may end meanwhile, and another process take its place, this one too.
            if let Some(waited) = follow(&config, goal, &is_late, &mut signals).await? {
                if let Waited::Ready(summary) = &waited {
                    rest(summary)?;
                }
                break waited;
            }
        };
        match waited {
            Waited::Ready(_) => Ok(Exit::Done),
            Waited::Late(why) => {
                let sentence = format!("not vouched for within {within} s: {why}");
                Ok(output::tell(Trouble::new("not_vouched", sentence), Exit::NoVoucher))
            }
        }
    })
}

enum Waited {
    Ready(String),
    Late(String),
}

/// Does an agent's work.
async fn drive(
    config: &Config,
    lock: File,
    goal: &Goal,
    is_late: &impl Fn() -> bool,
    signals: &mut Signals,
    rest: &impl Fn(&str) -> Result<(), Trouble>,
) -> Result<Waited, Trouble> {
    let mut agent = Agent::new(config.clone(), lock);
    let mut done = None;
    let waited = loop {
        agent.step();
        let known = &agent.engine.known;
        if goal.is_reached(known, now()) {
            let summary = goal.summary(known);
            done = Some(rest(&summary));
            break Waited::Ready(summary);
        }
        if is_late() {
            break Waited::Late(goal.missing(Some(known), now()));
        }
        if let Wake::Terminate = agent.wait(signals).await {
            done = Some(Err(interrupted()));
            break Waited::Late(String::new());
        }
    };
    let began = Instant::now();
    let settles = |agent: &Agent| began.elapsed() < SETTLE && is_staged(agent, goal);
    // What reads the new serverinfo is run to its end.
    while matches!(done, Some(Ok(()))) && (settles(&agent) || agent.engine.hooks.is_busy()) {
        agent.step();
        if let Wake::Terminate = agent.wait(signals).await {
            break;
        }
    }
    if let (Some(Ok(())), Some(trouble)) = (&done, agent.engine.hooks.troubles().next()) {
        done = Some(Err(trouble.clone()));
    }
    agent.engine.finish(now());
    agent.write_status();
    done.transpose().map(|_| waited)
}

/// Looks at what the agent that runs says; none when it seems to have ended.
async fn follow(
    config: &Config,
    goal: &Goal,
    is_late: &impl Fn() -> bool,
    signals: &mut Signals,
) -> Result<Option<Waited>, Trouble> {
    let began = now();
    let mut told = String::new();
    loop {
        let mut status = Status::read(&config.state())?;
        status.iter_mut().flat_map(|status| &mut status.sites).for_each(|site| site.expire(now()));
        if let Some(status) = status.as_ref().filter(|status| goal.is_reached(status, now())) {
            return Ok(Some(Waited::Ready(goal.summary(status))));
        }
        if is_late() {
            return Ok(Some(Waited::Late(goal.missing(status.as_ref(), now()))));
        }
        let progress = goal.progress(status.as_ref(), now());
        if progress != told {
            tracing::info!("{progress}");
            told = progress;
        }
        let written = status.and_then(|status| status.written.parse().ok()).unwrap_or(UnixTime(0));
        if now().since(written.max(began)) > SILENT {
            return Ok(None);
        }
        if signals.ended_within(LOOK).await {
            return Err(interrupted());
        }
    }
}

fn is_staged(agent: &Agent, goal: &Goal) -> bool {
    Staged::path(&agent.engine.config.state(), goal.certificate()).exists()
}

fn interrupted() -> Trouble {
    Trouble::new("interrupted", "ended by a signal before the staged certificate was vouched for")
}
