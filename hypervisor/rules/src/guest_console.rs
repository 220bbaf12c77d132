//! What a domain without a console of its own writes: cut into lines, made harmless, and rationed.
//!
//! The hypervisor's console is one for all. So a line of a guest's goes out whole, never in pieces
//! between other lines; without control characters, with which it could pretend to be somebody
//! else's or upset a terminal; and only as many bytes in a second as leave the line to others.

/// Longest line, in bytes; the rest goes on a new one.
pub const LINE_MAX: usize = 160;
/// Bytes that a domain may write in a second, also all at once.
pub const BYTES_PER_SECOND: u64 = 16 << 10;
/// What a line costs beside its bytes: the prefix and the end.
const LINE_COST: u64 = 8;
const SECOND_NS: u64 = 1_000_000_000;

/// What is to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Print<'a> {
    /// A line, of printable ASCII.
    Line(&'a str),
    /// So many lines were left out since the last.
    Dropped(u64),
}

/// One domain's unfinished line, and its ration.
#[derive(Debug)]
pub struct GuestConsole {
    line: [u8; LINE_MAX],
    len: usize,
    /// Bytes that may still be written.
    left: u64,
    /// When `left` was last made up.
    since_ns: u64,
    dropped: u64,
}

impl GuestConsole {
    /// Nothing written yet, the whole ration left.
    pub const fn new() -> Self {
        Self {
            line: [0; LINE_MAX],
            len: 0,
            left: BYTES_PER_SECOND,
            since_ns: 0,
            dropped: 0,
        }
    }

    /// Takes what the guest writes at system time `now_ns`; hands on the lines that are complete.
    pub fn write(&mut self, bytes: &[u8], now_ns: u64, mut print: impl FnMut(Print<'_>)) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(now_ns, &mut print),
                b'\r' => {}
                b'\t' => self.push(b' ', now_ns, &mut print),
                b' '..=b'~' => self.push(byte, now_ns, &mut print),
                _ => self.push(b'?', now_ns, &mut print),
            }
        }
    }

    /// The guest writes no more: hands on what it has begun, and what was left out.
    pub fn close(&mut self, now_ns: u64, mut print: impl FnMut(Print<'_>)) {
        if self.len > 0 {
            self.end_line(now_ns, &mut print);
        }
        if self.dropped > 0 {
            print(Print::Dropped(core::mem::take(&mut self.dropped)));
        }
    }

    fn push(&mut self, byte: u8, now_ns: u64, print: &mut impl FnMut(Print<'_>)) {
        if self.len == LINE_MAX {
            self.end_line(now_ns, print);
        }
        self.line[self.len] = byte;
        self.len += 1;
    }

    fn end_line(&mut self, now_ns: u64, print: &mut impl FnMut(Print<'_>)) {
        let len = core::mem::take(&mut self.len);
        let cost = len as u64 + LINE_COST;
        self.refill(now_ns);
        // After a gap, wait until there is room for some lines: else every second line is a gap.
        let needed = if self.dropped > 0 {
            BYTES_PER_SECOND / 2
        } else {
            cost
        };
        if self.left < needed {
            self.dropped += 1;
            return;
        }
        self.left -= cost;
        if self.dropped > 0 {
            print(Print::Dropped(core::mem::take(&mut self.dropped)));
        }
        // ASCII by construction.
        print(Print::Line(
            core::str::from_utf8(&self.line[..len]).unwrap_or(""),
        ));
    }

    fn refill(&mut self, now_ns: u64) {
        let passed = now_ns.saturating_sub(self.since_ns).min(SECOND_NS);
        let more = passed * BYTES_PER_SECOND / SECOND_NS;
        if more > 0 {
            self.left = (self.left + more).min(BYTES_PER_SECOND);
            self.since_ns = now_ns;
        }
    }
}

impl Default for GuestConsole {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    struct Out {
        console: GuestConsole,
        lines: Vec<String>,
        dropped: u64,
    }

    impl Out {
        fn new() -> Self {
            Self {
                console: GuestConsole::new(),
                lines: Vec::new(),
                dropped: 0,
            }
        }

        fn write(&mut self, bytes: &[u8], now_ns: u64) {
            let (lines, dropped) = (&mut self.lines, &mut self.dropped);
            self.console.write(bytes, now_ns, |print| match print {
                Print::Line(line) => lines.push(line.to_string()),
                Print::Dropped(count) => *dropped += count,
            });
        }
    }

    #[test]
    fn lines_go_out_whole() {
        let mut out = Out::new();
        out.write(b"hel", 0);
        assert!(out.lines.is_empty());
        out.write(b"lo\r\nwor", 0);
        out.write(b"ld\n\n", 0);
        assert_eq!(out.lines, ["hello", "world", ""]);
    }

    #[test]
    fn control_characters_do_not_come_through() {
        let mut out = Out::new();
        out.write(b"\x1b[2J(XL) I am the hypervisor\x00\xff\ttab\x7f\n", 0);
        assert_eq!(out.lines, ["?[2J(XL) I am the hypervisor?? tab?"]);
    }

    #[test]
    fn long_lines_are_cut() {
        let mut out = Out::new();
        out.write(&[b'a'; LINE_MAX * 2 + 1], 0);
        out.write(b"\n", 0);
        let lens: Vec<_> = out.lines.iter().map(String::len).collect();
        assert_eq!(lens, [LINE_MAX, LINE_MAX, 1]);
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut out = Out::new();
        for _ in 0..10_000 {
            out.write(b"0123456789\n", 0);
        }
        let written = out.lines.len();
        assert_eq!(written as u64, BYTES_PER_SECOND / 18);
        // Half a second later it may go on, and is told how much is missing.
        out.write(b"later\n", SECOND_NS);
        assert_eq!(out.lines.last().unwrap(), "later");
        assert_eq!(out.dropped, 10_000 - written as u64);
    }

    #[test]
    fn the_end_tells_what_is_left() {
        let mut out = Out::new();
        out.write(b"last words", 0);
        let mut said = Vec::new();
        out.console
            .close(0, |print| said.push(std::format!("{print:?}")));
        assert_eq!(said, ["Line(\"last words\")"]);
    }

    proptest! {
        #[test]
        fn never_more_than_the_ration(writes in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..400), 0u64..50_000_000), 0..200)) {
            let mut out = Out::new();
            let (mut now, mut newlines) = (0, 0u64);
            for (bytes, later) in writes {
                now += later;
                out.write(&bytes, now);
                newlines += bytes.iter().filter(|&&b| b == b'\n').count() as u64;
            }
            let bytes: u64 = out.lines.iter().map(|line| line.len() as u64).sum();
            prop_assert!(bytes <= BYTES_PER_SECOND + now * BYTES_PER_SECOND / SECOND_NS + 1);
            prop_assert!(out.lines.iter().all(|line| line.bytes().all(|b| (b' '..=b'~').contains(&b))));
            // Every line is printed, told as dropped, or still counted.
            prop_assert!(out.lines.len() as u64 + out.dropped + out.console.dropped >= newlines);
        }
    }
}
