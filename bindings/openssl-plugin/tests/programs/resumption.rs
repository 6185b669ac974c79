//! Programs that resume sessions by themselves: as long as the vouchers that admitted them are in force, and no longer.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::daemons::{Daemon, certificate, haproxy, nginx};
use crate::server::{config, store};
use crate::world::{HOST, Vouched, World, now};
use mecai::time::UnixTime;

/// Connects three times, offering the session of the time before; before the third time it waits for the gate. Prints
/// what the server says, or `refused`.
const PYTHON: &str = "
import socket, ssl, sys
root, port, gate = sys.argv[1:]
context = ssl.create_default_context(cafile=root)
session = None
for number in range(3):
    if number == 2: socket.create_connection(('127.0.0.1', int(gate))).recv(1)
    try:
        with socket.create_connection(('127.0.0.1', int(port))) as plain:
            with context.wrap_socket(plain, server_hostname='www.shop.example', session=session) as tls:
                tls.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
                answer = b''
                while octets := tls.recv(4096): answer += octets
                session = tls.session
                print(answer.decode().split()[-1])
    except ssl.SSLCertVerificationError: print('refused')
";

/// The same.
const NODE: &str = "
const net = require('net'), tls = require('tls'), fs = require('fs');
const [root, port, gate] = process.argv.slice(1);
let session;
const connect = () => new Promise(done => {
  let answer = '';
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'www.shop.example', ca: fs.readFileSync(root), session });
  socket.on('session', fresh => { session = fresh; });
  socket.on('secureConnect', () => socket.write('GET / HTTP/1.0\\r\\n\\r\\n'));
  socket.on('data', octets => { answer += octets; });
  socket.on('error', () => { answer = 'refused'; });
  socket.on('close', () => { console.log(answer.trim().split(/\\s+/).pop()); done(); });
});
const wait = () => new Promise(done => net.connect(gate, '127.0.0.1').resume().on('close', done));
connect().then(connect).then(wait).then(connect);
";

/// Answers nobody before `until` is over.
fn gate(until: UnixTime) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || {
                wait(until);
                let _ = stream.unwrap().write_all(b"HTTP/1.0 204 No Content\r\n\r\n");
            });
        }
    });
    port
}

fn wait(until: UnixTime) {
    while now() <= until {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a proxy answers, of which the last word counts.
fn get(proxy: &Daemon) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn last_word(answer: &str) -> String {
    answer.split_whitespace().last().unwrap_or_default().to_owned()
}

fn spawn(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A server with the module shows vouchers that end in some seconds, and says of each connection whether it was
/// resumed. All programs connect twice before that, and once afterwards.
fn resumed_until_the_vouchers_end(version: &str, tickets: &str) {
    const SECONDS: u64 = 8;
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let client = world.write_config("client", &[]);
    let block = format!(
        "server {{ listen 127.0.0.1:PORT ssl; ssl_protocols {version}; ssl_session_tickets {tickets}; {}\n\
         keepalive_timeout 0; return 200 $ssl_session_reused; }}",
        certificate(&site)
    );
    let server = nginx(&world, "server", &block, Some(&config(&world)));
    let (root, port) = (world.path("root.pem"), server.port.to_string());
    // In a zone the workers share their sessions.
    let proxy = format!(
        "upstream u {{ zone u 64k; server 127.0.0.1:{port}; }}\n\
         server {{ listen 127.0.0.1:PORT; location / {{ proxy_pass https://u;\n\
         proxy_ssl_verify on; proxy_ssl_trusted_certificate {root}; proxy_ssl_name {HOST}; proxy_ssl_server_name on;\n\
         proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_session_reuse on; }} }}"
    );
    let balancer = format!(
        "listen l\n    bind 127.0.0.1:PORT\n    http-reuse never\n    retries 0\n\
         \x20   server s 127.0.0.1:{port} ssl verify required ca-file {root} verifyhost {HOST} sni str({HOST})"
    );
    let proxies = [
        nginx(&world, "proxy", &proxy, Some(&client)),
        haproxy(&world, "balancer", "    nbthread 1", &balancer, Some(&client)),
    ];

    let until = now().plus(SECONDS);
    let lifetime = 120 + SECONDS;
    let vouched = Vouched { produced_at: UnixTime(until.0 - lifetime), lifetime, ..Vouched::for_site(&site) };
    store(&world, &site, &[world.bundle(&vouched)]);
    let gate = gate(until).to_string();
    let url = format!("https://{HOST}:{port}/");
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "30", "-H", "Connection: close", "-w", "\n", "--cacert", &root]);
    curl.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1"), &url, &url]);
    curl.args([&format!("http://127.0.0.1:{gate}/"), &url]);
    let mut python = Command::new("python3");
    python.args(["-c", PYTHON, &root, &port, &gate]);
    let mut node = Command::new("node");
    node.args(["-e", NODE, &root, &port, &gate]);
    let running = [curl, python, node].map(|mut command| {
        command.env("OPENSSL_CONF", &client);
        spawn(command)
    });

    for proxy in &proxies {
        assert_eq!([get(proxy), get(proxy)].map(|answer| last_word(&answer)), [".", "r"], "{}", proxy.said());
    }
    wait(until);
    for (proxy, status) in proxies.iter().zip(["502", "503"]) {
        let answer = get(proxy);
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}\n{}\n{}", proxy.said(), world.log());
    }
    let outputs = running.map(|child| child.wait_with_output().unwrap());
    for (output, name) in outputs.iter().zip(["curl", "python3", "node"]) {
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let words: Vec<&str> = said.split_whitespace().collect();
        let expected = if name == "curl" { &[".", "r"][..] } else { &[".", "r", "refused"] };
        assert_eq!(words, expected, "{name}: {errors}\n{}", world.log());
    }
    assert_eq!(outputs[0].status.code(), Some(60), "curl: {}", String::from_utf8_lossy(&outputs[0].stderr));

    // Each was judged when it first came, not when it resumed, and again when the vouchers had ended.
    let log = fs::read_to_string(world.path("log")).unwrap();
    for name in ["curl[", "python3", "node[", "nginx[", "haproxy["] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&format!("Z {name}"))).collect();
        let [accepted, refused] = lines[..] else { panic!("{name}: {log}") };
        assert!(accepted.contains(&format!("mecai: accepted {HOST}: ")), "{accepted}");
        assert!(refused.contains(&format!("mecai: refused {HOST}: no_voucher: ")), "{refused}");
    }
}

#[test]
fn tickets_of_tls_1_2_end_with_the_vouchers() {
    resumed_until_the_vouchers_end("TLSv1.2", "on");
}

#[test]
fn session_ids_of_tls_1_2_end_with_the_vouchers() {
    resumed_until_the_vouchers_end("TLSv1.2", "off");
}

#[test]
fn tickets_of_tls_1_3_end_with_the_vouchers() {
    resumed_until_the_vouchers_end("TLSv1.3", "on");
}

#[test]
fn stateful_sessions_of_tls_1_3_end_with_the_vouchers() {
    resumed_until_the_vouchers_end("TLSv1.3", "off");
}
