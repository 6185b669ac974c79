//! What a person reads: numbered steps, what happens, and what the programs said.

use std::io::{self, Write};
use std::time::Instant;

use super::client::Visit;

/// Writes the story. A reader that has gone away does not stop it: what counts is the exit status.
pub(super) struct Story<'o> {
    out: &'o mut dyn Write,
    begun: Instant,
    step_begun: Instant,
}

impl<'o> Story<'o> {
    pub(super) fn new(out: &'o mut dyn Write) -> Self {
        Self { out, begun: Instant::now(), step_begun: Instant::now() }
    }

    /// A line that belongs to no step.
    pub(super) fn say(&mut self, text: &str) {
        self.line(text);
    }

    /// The beginning of a step.
    pub(super) fn step(&mut self, number: usize, title: &str) {
        self.step_begun = Instant::now();
        self.line(&format!("\n{number}. {title}"));
    }

    /// What is done.
    pub(super) fn tell(&mut self, text: &str) {
        self.line(&format!("   {text}"));
    }

    /// What came of it, as told by a program.
    pub(super) fn tick(&mut self, text: &str) {
        self.line(&format!("   ✓ {text}"));
    }

    /// What came of it, and what the module in that program logged.
    pub(super) fn tick_with_log(&mut self, text: &str, visit: &Visit) {
        self.tick(text);
        for judgement in &visit.log {
            self.line(&format!("     {judgement}"));
        }
    }

    /// What did not come of it.
    pub(super) fn cross(&mut self, text: &str) {
        self.line(&format!("   ✗ {text}"));
    }

    /// Seconds since this step began.
    pub(super) fn step_seconds(&self) -> u64 {
        self.step_begun.elapsed().as_secs()
    }

    /// Seconds since the beginning.
    pub(super) fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    fn line(&mut self, text: &str) {
        let write = |out: &mut dyn Write| -> io::Result<()> {
            writeln!(out, "{text}")?;
            out.flush()
        };
        let _ = write(self.out);
    }
}
