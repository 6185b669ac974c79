//! What the commands print: results to standard output, errors to standard error, one sentence each.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::exit::Exit;

/// Prints a result. A reader that has read enough (`mecai show FILE | head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), std::io::Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Prints a result for programs.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), std::io::Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(std::io::Error::other)?;
    text.push('\n');
    print(&text)
}

/// Tells why a command failed.
pub(crate) fn fail(error: impl Display) -> Exit {
    tell(error, Exit::Failed)
}

/// Tells why a command ends as it does.
pub(crate) fn tell(error: impl Display, exit: Exit) -> Exit {
    eprintln!("mecai: {error}");
    exit
}

/// Tells of something that a command goes on in spite of.
pub(crate) fn warn(what: &str) {
    eprintln!("mecai: warning: {what}");
}

/// A table without lines. A hash that is wider than the terminal stays in one piece.
pub(crate) fn table<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let header: Vec<&str> = header.into_iter().collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// The text of a table, each line indented.
pub(crate) fn indented(table: &Table, indent: &str) -> String {
    table.lines().map(|line| format!("{indent}{}\n", line.trim_end())).collect()
}

/// A text from outside, without what would move a terminal's cursor or turn its text around.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(is_harmful) { text.replace(is_harmful, "\u{fffd}").into() } else { text.into() }
}

/// Seconds in words: the two greatest units, `2 h 5 min`.
pub(crate) fn duration(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, unit) in UNITS {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// `one thing`, `2 things`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7_500, "2 h 5 min"), (86_401, "1 d"), (93_600, "1 d 2 h")]
        {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        assert_eq!(plain("Operator\x1b[2J\nB\u{202e}"), "Operator\u{fffd}[2J\u{fffd}B\u{fffd}");
        assert_eq!(plain("Opérateur"), "Opérateur");
    }
}
