//! The few words of QEMU's monitor protocol (QMP) that are needed.
//!
//! QMP is one JSON object a line. All that is sent is constant, and all that is
//! looked for is an event's name, so lines are kept as text.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// A connection to a QEMU's monitor. A thread collects what QEMU says.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Qmp {
    /// Connects to the socket that a QEMU was told to open, waiting up to `patience` for it.
    ///
    /// `alive` is asked between the tries: an error of its own ends the wait.
    pub fn connect(
        socket: &Path,
        patience: Duration,
        mut alive: impl FnMut() -> Result<()>,
    ) -> Result<Qmp> {
        let deadline = Instant::now() + patience;
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() >= deadline => {
                    return Err(error).context("QEMU did not open its monitor in time");
                }
                Err(_) => alive()?,
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let lines = Arc::new(Mutex::new(Vec::new()));
        let input = BufReader::new(stream.try_clone()?);
        let sink = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in input.lines().map_while(Result::ok) {
                sink.lock().expect("no holder panics").push(line);
            }
        });
        let mut qmp = Qmp {
            stream,
            lines,
            reader: Some(reader),
        };
        qmp.execute("qmp_capabilities")?;
        Ok(qmp)
    }

    /// Asks for a command that takes no arguments; the answer is not waited for.
    pub fn execute(&mut self, command: &str) -> Result<()> {
        writeln!(self.stream, "{{\"execute\": \"{command}\"}}")
            .with_context(|| format!("QEMU's monitor did not take `{command}`"))
    }

    /// Everything said so far. After QEMU has ended: everything it ever said.
    pub fn finish(&mut self) -> Vec<String> {
        if let Some(reader) = self.reader.take() {
            // QEMU has ended, so the stream is at its end and the thread with it.
            let _ = reader.join();
        }
        self.lines.lock().expect("no holder panics").clone()
    }
}
