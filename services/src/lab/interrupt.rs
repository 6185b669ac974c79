//! Ctrl-C and SIGTERM: the processes of the world end with this one, and a temporary directory goes too.

use std::fs;
use std::path::PathBuf;
use std::process::exit;

use tokio::signal::unix::{SignalKind, signal};

use super::Error;
use super::server_thread::ServerThread;

/// As a shell says that SIGINT ended a program.
const INTERRUPTED: i32 = 130;

const ATTEMPTS: usize = 100;

/// While this lives, a signal deletes `temporary` and ends the program with status 130.
pub(super) fn on_signal(temporary: Option<PathBuf>) -> Result<ServerThread, Error> {
    ServerThread::spawn("signals", async move || {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            // Then a signal ends the program at once, and the directory stays.
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // The story goes on meanwhile and may write new files.
        if let Some(directory) = temporary {
            let _ = (0..ATTEMPTS).find(|_| fs::remove_dir_all(&directory).is_ok());
        }
        exit(INTERRUPTED);
    })
}
