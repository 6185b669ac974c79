//! How the module gets into one program alone: what stands in packaging/enable, for the file `config`.

use std::process::Command;

use crate::world::said;

/// The variable that systemd gives to the program of a unit with the drop-in.
pub(crate) fn systemd(config: &str) -> String {
    let text = filled(include_str!("../../../../../packaging/enable/systemd.conf"), config);
    value_of(&text, "Environment=OPENSSL_CONF=")
}

/// The lines of nginx.conf, which gets the variable by a drop-in.
pub(crate) const NGINX: &str = include_str!("../../../../../packaging/enable/nginx.conf");

/// The variable that apachectl exports, by a script.
pub(crate) fn apache2(config: &str) -> String {
    let script = filled(include_str!("../../../../../packaging/enable/apache2.envvars"), config);
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", &format!("{script}\nenv")]).env_remove("OPENSSL_CONF").output().unwrap();
    value_of(&said(&output), "OPENSSL_CONF=")
}

/// The lines of main.cf.
pub(crate) fn postfix(config: &str) -> String {
    filled(POSTFIX, config)
}

/// The same, with @FILE@ for the file.
pub(crate) const POSTFIX: &str = include_str!("../../../../../packaging/enable/postfix.cf");

/// The lines of local.conf.
pub(crate) fn dovecot(config: &str) -> String {
    filled(include_str!("../../../../../packaging/enable/dovecot.conf"), config)
}

/// The variable that Debian's pg_ctlcluster gives to a server.
pub(crate) fn postgresql(config: &str) -> String {
    let text = filled(include_str!("../../../../../packaging/enable/postgresql.environment"), config);
    value_of(&text, "OPENSSL_CONF = ").trim_matches('\'').to_owned()
}

fn filled(snippet: &str, config: &str) -> String {
    snippet.replace("@FILE@", config)
}

fn value_of(text: &str, start: &str) -> String {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(start));
    let value = lines.next().unwrap_or_else(|| panic!("no line begins with {start}: {text}"));
    assert_eq!(lines.next(), None, "more than one line begins with {start}");
    value.to_owned()
}
