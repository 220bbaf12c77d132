//! A machine on a person's terminal, or on a pipe.
//!
//! **Terminal.** It is put into raw mode, so that every key reaches the machine, and
//! back when the machine ends. Ctrl-a is the escape key, as in QEMU: Ctrl-a x quits,
//! Ctrl-a p presses the power button, Ctrl-a h helps, Ctrl-a Ctrl-a sends one Ctrl-a.
//!
//! **Pipe or file.** What comes in is kept until the guest has said something and
//! waits, then is given to it line by line, each after the machine has taken the one
//! before and has gone quiet. When the input ends, the guest is sent Ctrl-D, and again
//! whenever it has gone quiet (the first may end but a program that reads); if the
//! machine then goes on in silence, its power button is pressed; if that does not
//! help either, it is stopped, with a message and status 124. So this always ends.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ChildStdin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::qemu::{Config, Qemu};
use crate::verdict::Verdict;

/// Ctrl-a.
const ESCAPE: u8 = 0x01;
/// Ctrl-D, the end of input on a Unix terminal.
const END_OF_INPUT: u8 = 0x04;
/// Input goes to the machine in pieces of at most this: the 16550's FIFO.
const PIECE: usize = 16;
/// Silence after which a guest is taken to wait for input.
const QUIET: Duration = Duration::from_millis(60);
/// Silence after which any guest is taken to be ready for its first input.
const LONG_QUIET: Duration = Duration::from_secs(3);
/// Silence after which a guest is told again that its input has ended.
const REMINDER: Duration = Duration::from_secs(1);
/// How long a guest that keeps talking may go on after its input's end, in graces.
const TALKATIVE: u32 = 20;

/// Runs a machine on our standard input and output until its end.
///
/// `grace` is how long the machine may be silent after its input's end, once before
/// its power button is pressed and once after.
pub fn run(config: &Config, grace: Duration) -> Result<Verdict> {
    let (signal, on_signal) = UnixStream::pair()?;
    for number in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::low_level::pipe::register(number, on_signal.try_clone()?)?;
    }
    let interactive = rustix::termios::isatty(std::io::stdin());
    let mut qemu = config.start()?;
    let input = qemu.input.take().context("QEMU has no input")?;
    let raw = if interactive {
        eprintln!("(Ctrl-a x quits, Ctrl-a h helps)");
        Some(RawMode::new()?)
    } else {
        None
    };
    let mut session = Session {
        grace,
        interactive,
        qemu,
        feeder: Feeder::new(input, !interactive),
        escaped: false,
        farewell: Farewell::No,
    };
    let verdict = session.run(signal);
    drop(raw);
    verdict
}

struct Session {
    grace: Duration,
    interactive: bool,
    qemu: Qemu,
    feeder: Feeder,
    /// The last key was the escape key.
    escaped: bool,
    farewell: Farewell,
}

/// How far the end of a machine with no more input has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Farewell {
    No,
    /// Ctrl-D was delivered then.
    EndOfInput(Instant),
    /// The power button was pressed then.
    PowerButton(Instant),
}

impl Session {
    fn run(&mut self, signal: UnixStream) -> Result<Verdict> {
        let mut output = self.qemu.output.take().context("QEMU has no output")?;
        let stdin = std::io::stdin();
        let mut listening = true;
        let mut buffer = [0; 4096];
        loop {
            let mut fds = vec![
                PollFd::new(&output, PollFlags::IN),
                PollFd::new(&signal, PollFlags::IN),
            ];
            if listening && self.feeder.wants_more() {
                fds.push(PollFd::new(&stdin, PollFlags::IN));
            }
            let tick = Timespec {
                tv_sec: 0,
                tv_nsec: if self.feeder.idle() && listening {
                    500_000_000
                } else {
                    10_000_000
                },
            };
            match poll(&mut fds, Some(&tick)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            drop(fds);

            if ready[0] {
                match output.read(&mut buffer)? {
                    0 => return self.ended(),
                    count => {
                        self.feeder.heard(&buffer[..count]);
                        if !shown(&buffer[..count]) {
                            return Ok(Verdict::Stopped);
                        }
                    }
                }
            }
            if ready[1] {
                return Ok(Verdict::Stopped);
            }
            if ready.get(2) == Some(&true) {
                let count = read(stdin.as_fd(), &mut buffer)?;
                if count == 0 {
                    listening = false;
                } else if self.interactive {
                    if self.keys(&buffer[..count])? {
                        return Ok(Verdict::Quit);
                    }
                } else {
                    self.feeder.push(&buffer[..count]);
                }
            }
            self.feeder.feed()?;
            if !listening && let Some(verdict) = self.say_farewell()? {
                return Ok(verdict);
            }
        }
    }

    /// The serial line closed: QEMU has ended or is about to.
    fn ended(&mut self) -> Result<Verdict> {
        match self.qemu.wait(Duration::from_secs(10))? {
            Some(verdict) => Ok(verdict),
            None => bail!("QEMU closed the serial line but goes on"),
        }
    }

    /// Takes keys from the terminal; true: quit.
    fn keys(&mut self, keys: &[u8]) -> Result<bool> {
        for &key in keys {
            if !self.escaped {
                if key == ESCAPE {
                    self.escaped = true;
                } else {
                    self.feeder.push(&[key]);
                }
                continue;
            }
            self.escaped = false;
            match key {
                b'x' | b'q' => return Ok(true),
                b'p' => self.qemu.press_power_button()?,
                ESCAPE | b'a' => self.feeder.push(&[ESCAPE]),
                _ => eprintln!(
                    "\r\nCtrl-a x  quit\r\nCtrl-a p  press the power button\r\n\
                     Ctrl-a a  send Ctrl-a\r\nCtrl-a h  this help\r"
                ),
            }
        }
        Ok(false)
    }

    /// The input has ended: the machine is to end too, in order if it can.
    fn say_farewell(&mut self) -> Result<Option<Verdict>> {
        let silence = self.feeder.heard_at.elapsed();
        match self.farewell {
            Farewell::No => {
                if self.feeder.end() {
                    self.farewell = Farewell::EndOfInput(Instant::now());
                }
            }
            Farewell::EndOfInput(since) => {
                let quiet = silence.min(since.elapsed()) >= self.grace;
                if quiet || since.elapsed() >= self.grace * TALKATIVE {
                    eprintln!(
                        "\nxenolith-ci: the input has ended and the machine goes on: \
                         pressing its power button"
                    );
                    self.qemu.press_power_button()?;
                    self.farewell = Farewell::PowerButton(Instant::now());
                } else {
                    self.feeder.remind();
                }
            }
            Farewell::PowerButton(since) => {
                if since.elapsed() >= self.grace {
                    return Ok(Some(Verdict::TimedOut));
                }
            }
        }
        Ok(None)
    }
}

/// Gives input to the machine no faster than the machine takes it.
struct Feeder {
    line: ChildStdin,
    waiting: VecDeque<u8>,
    /// Wait for the guest to be ready, and between lines.
    polite: bool,
    ready: bool,
    ended: bool,
    /// Nothing may be sent before the machine has been quiet: a line was completed.
    pause: bool,
    heard_at: Instant,
    fed_at: Instant,
    started: bool,
    output: Lines,
}

impl Feeder {
    fn new(line: ChildStdin, polite: bool) -> Feeder {
        let now = Instant::now();
        Feeder {
            line,
            waiting: VecDeque::new(),
            polite,
            ready: !polite,
            ended: false,
            pause: false,
            heard_at: now,
            fed_at: now,
            started: false,
            output: Lines::default(),
        }
    }

    /// Not so much is kept that a large input would be read whole into memory.
    fn wants_more(&self) -> bool {
        self.waiting.len() < 64 * 1024
    }

    fn idle(&self) -> bool {
        self.waiting.is_empty()
    }

    fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend(bytes);
    }

    fn heard(&mut self, bytes: &[u8]) {
        self.heard_at = Instant::now();
        self.started = true;
        self.output.take(bytes);
    }

    /// Queues the end of input behind the rest; true once the machine has taken all.
    fn end(&mut self) -> bool {
        if !self.ended {
            self.ended = true;
            self.waiting.push_back(END_OF_INPUT);
        }
        self.waiting.is_empty()
    }

    /// Says once more that the input has ended, if it has been quiet for a while.
    fn remind(&mut self) {
        let quiet = self.heard_at.elapsed().min(self.fed_at.elapsed());
        if self.waiting.is_empty() && quiet >= REMINDER {
            self.waiting.push_back(END_OF_INPUT);
        }
    }

    fn feed(&mut self) -> Result<()> {
        if self.waiting.is_empty() || !self.may_send()? {
            return Ok(());
        }
        let mut piece: Vec<u8> = self.waiting.iter().take(PIECE).copied().collect();
        if self.polite {
            // Up to a line's end; the end of input goes by itself.
            if let Some(end) = piece.iter().position(|b| *b == b'\n') {
                piece.truncate(end + 1);
                self.pause = true;
            }
            if piece.len() > 1 && piece.last() == Some(&END_OF_INPUT) {
                piece.pop();
                self.pause = true;
            }
        }
        self.waiting.drain(..piece.len());
        self.fed_at = Instant::now();
        match self.line.write_all(&piece) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            // QEMU has ended; its output's end tells the rest.
            _ => Ok(()),
        }
    }

    fn may_send(&mut self) -> Result<bool> {
        let silence = self.heard_at.elapsed();
        if !self.ready {
            self.ready = self.started
                && (silence >= LONG_QUIET || silence >= QUIET * 3 && self.output.guest_spoke);
            if !self.ready {
                return Ok(false);
            }
        }
        // What QEMU has not yet taken from the pipe does not fit into the 16550.
        if rustix::io::ioctl_fionread(&self.line)? > 0 {
            return Ok(false);
        }
        if self.pause {
            if silence.min(self.fed_at.elapsed()) < QUIET {
                return Ok(false);
            }
            self.pause = false;
        }
        Ok(true)
    }
}

/// Watches output for the first line that is not the hypervisor's own.
#[derive(Default)]
struct Lines {
    start: Vec<u8>,
    hypervisor_spoke: bool,
    guest_spoke: bool,
}

impl Lines {
    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.start.clear();
            } else if byte != b'\r' && self.start.len() < 6 {
                self.start.push(byte);
                let own = [&b"(XL) "[..], b"(XEN) "];
                if own.iter().any(|own| self.start == *own) {
                    self.hypervisor_spoke = true;
                } else if !own
                    .iter()
                    .any(|own| own.starts_with(&self.start) || self.start.starts_with(own))
                {
                    // Firmware speaks before the hypervisor, guests after it.
                    self.guest_spoke |= self.hypervisor_spoke;
                }
            }
        }
    }
}

/// Passes output on; false when nobody reads it any more.
fn shown(bytes: &[u8]) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

/// Unbuffered, since `poll` knows nothing of a buffer of ours.
fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    match rustix::io::read(fd, buffer) {
        Ok(count) => Ok(count),
        // EIO: the terminal has gone, which ends the input.
        Err(rustix::io::Errno::IO) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// The terminal in raw mode, until dropped.
struct RawMode(Termios);

impl RawMode {
    fn new() -> Result<RawMode> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        // A lone line feed from a guest still starts a new line.
        raw.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
        tcsetattr(&stdin, OptionalActions::Drain, &raw)?;
        Ok(RawMode(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest_spoke(output: &str) -> bool {
        let mut lines = Lines::default();
        // In pieces, as it comes from a serial line.
        for piece in output.as_bytes().chunks(3) {
            lines.take(piece);
        }
        lines.guest_spoke
    }

    #[test]
    fn only_a_line_after_and_not_of_the_hypervisor_is_a_guests() {
        assert!(!guest_spoke("SeaBIOS\r\n"));
        assert!(!guest_spoke("(XL) one\r\n(XL) two\r\n"));
        assert!(guest_spoke("(XL) one\r\nhello"));
        assert!(guest_spoke("(XEN) one\n[0.0] Linux"));
        assert!(!guest_spoke("(XL) one\r\n\r\n(X"));
    }
}
