//! `mecai authority` as its operator runs it: processes, signals, exit status.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use authority_support::{Ask, Authority, HOST, Stand, same_port};
use mecai::endorsement::Endorsement;
use mecai_services::lab::{Leaf, Process};

const DEADLINE: Duration = Duration::from_secs(20);

fn mecai(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mecai"));
    command.arg("authority").args(arguments);
    command
}

fn output(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = mecai(arguments).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// Starts a server whose configuration says port 0, and reads from its first line where it listens.
fn serve(config: &Path, log: &Path) -> (Process, Authority) {
    let mut process =
        Process::start("authority", mecai(&["serve", "--config", config.to_str().unwrap()]), log).unwrap();
    let listens = || {
        let text = std::fs::read_to_string(log).ok()?;
        text.lines().rev().find_map(|line| line.split_once(" answers at http://")?.1.trim_end_matches('/').parse().ok())
    };
    process.wait_until("it says where it listens", DEADLINE, || listens().is_some()).unwrap();
    (process, Authority::at(listens().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn init_serve_distrust_and_the_end() {
    let stand = Stand::new(2);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let site = stand.site(&issued, "");
    stand.config(1, &[site.address.port()], "");
    let config = stand.database(1).with_file_name("authority.test.toml");
    let log = stand.directory.path().join("authority.log");
    let (mut process, authority) = serve(&config, &log);
    let ask = Ask::new(site.address.port(), issued.certificate());
    authority.ask(&ask).await.endorsed(&ask, &stand.key(1));

    let config = config.to_str().unwrap();
    let subject = ["--operator", "operator-a", "--config", config];
    let (status, text) = output(&[&["distrust", "add", "--reason", "hacked"], &subject[..]].concat());
    assert_eq!((status, text.as_str()), (Some(0), "operator operator-a is distrusted from now on\n"));
    let (code, detail) = authority.ask(&ask).await.problem();
    assert!(code == "distrusted" && detail.contains("hacked"), "{detail}");
    let (status, text) = output(&["distrust", "list", "--config", config]);
    assert!(status == Some(0) && text.contains("operator-a") && text.contains("hacked"), "{text}");
    assert_eq!(output(&[&["distrust", "remove"], &subject[..]].concat()).0, Some(0));
    authority.ask(&ask).await.endorsed(&ask, &stand.key(1));
    assert_eq!(output(&[&["distrust", "remove"], &subject[..]].concat()).0, Some(1));
    assert_eq!(output(&["distrust", "add", "--config", config]).0, Some(2));

    process.signal(libc::SIGTERM).unwrap();
    assert!(process.stop().unwrap().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("outcome=\"endorsed\"") && log.contains("outcome=\"distrusted\""), "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[test]
fn init_makes_what_serve_needs() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().join("va");
    let dir = dir.to_str().unwrap();
    let arguments =
        ["init", "--operator", "operator-a", "--country", "DE", "--url", "https://va.a.example/", "--dir", dir];
    let (status, text) = output(&arguments);
    assert_eq!(status, Some(0), "{text}");
    for word in ["authority.key", "authority.toml", "list-entry.json", "ca_keys", "authorities_keys"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let (status, text) = output(&arguments);
    assert!(status == Some(1) && text.contains("authority.key: File exists"), "{text}");
    let (status, text) = output(&["serve", "--config", &format!("{dir}/authority.toml")]);
    assert!(status == Some(1) && text.contains("missing field `authorities_keys`"), "{text}");
    assert_eq!(output(&["init", "--operator", "operator-a"]).0, Some(2));
}

/// What requesters have in hands is in the journal, whenever the authority dies.
#[tokio::test(flavor = "multi_thread")]
async fn sigkill_under_load_leaves_no_endorsement_unrecorded() {
    let stand = Stand::new(2);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let [port] = same_port([authority_support::IP]);
    stand.world.dns().set(HOST, &[port.address().ip()]);
    let site = stand.site_at(&port, &[&issued], "");
    let limits = "[limits]\nhost_per_minute = 100000\nrequester_per_minute = 100000\naddress_per_minute = 100000";
    stand.config(1, &[site.address.port()], limits);
    let config = stand.database(1).with_file_name("authority.test.toml");
    let mut received: Vec<Vec<u8>> = Vec::new();
    for round in 0..5 {
        let log = stand.directory.path().join(format!("authority-{round}.log"));
        let (mut process, authority) = serve(&config, &log);
        let authority = std::sync::Arc::new(authority);
        let clients = (0..8).map(|client| {
            let (authority, port, certificate) =
                (authority.clone(), site.address.port(), issued.certificate().to_vec());
            tokio::spawn(async move {
                let mut endorsements = Vec::new();
                for count in 0.. {
                    // Each request differs from all others, so that each is signed.
                    let mut ask = Ask::new(port, &certificate);
                    ask.lifetime = 1_000 + client * 1_000 + count;
                    match authority.try_ask(&ask).await {
                        Some(answer) if answer.status == 200 => endorsements.push(answer.body),
                        Some(answer) => panic!("{:?}", answer.problem()),
                        None => break,
                    }
                }
                endorsements
            })
        });
        let clients: Vec<_> = clients.collect();
        let journal = rusqlite::Connection::open(stand.database(1)).unwrap();
        let wanted = received.len() as i64 + 20 + round * 7;
        let start = Instant::now();
        let rows = || journal.query_row("SELECT count(*) FROM requests", (), |row| row.get::<_, i64>(0)).unwrap();
        while rows() < wanted {
            assert!(start.elapsed() < DEADLINE, "the authority answers too slowly");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.signal(libc::SIGKILL).unwrap();
        for client in clients {
            received.extend(client.await.unwrap());
        }
    }
    assert!(received.len() >= 50, "{}", received.len());
    let journal = rusqlite::Connection::open(stand.database(1)).unwrap();
    let mut recorded = journal.prepare("SELECT count(*) FROM requests WHERE endorsement = ?1").unwrap();
    for endorsement in &received {
        assert!(Endorsement::from_der(endorsement, 1).is_ok());
        assert_eq!(recorded.query_row([endorsement], |row| row.get::<_, i64>(0)).unwrap(), 1);
    }
}
