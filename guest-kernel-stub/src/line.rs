//! One line of input: echo, backspace, end of line, end of input.
//!
//! Pure: bytes go in, what to show and what happened comes out. The shell and the
//! programs' standard input share it.

use alloc::string::String;

/// Longest line in bytes; further characters are not taken.
const LIMIT: usize = 512;

/// The line so far.
#[derive(Default)]
pub struct Line {
    text: String,
    /// Inside an escape sequence, as cursor keys send it: skipped.
    escape: Escape,
    /// The byte before was a carriage return: a line feed after it is no second line.
    after_return: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    No,
    Begun,
    Inside,
}

/// What one byte of input led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to show.
    Nothing,
    /// Show this.
    Echo(&'static str),
    /// Show the character that was typed.
    EchoByte(u8),
    /// The line is complete.
    Done(String),
    /// Ctrl-C: the line is given up.
    Interrupted,
    /// Ctrl-D on an empty line.
    EndOfInput,
}

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Self {
            text: String::new(),
            escape: Escape::No,
            after_return: false,
        }
    }

    /// Takes one byte.
    pub fn take(&mut self, byte: u8) -> Step {
        let after_return = core::mem::replace(&mut self.after_return, byte == b'\r');
        match (self.escape, byte) {
            (Escape::Begun, b'[' | b'O') => {
                self.escape = Escape::Inside;
                return Step::Nothing;
            }
            (Escape::Inside, byte) => {
                if byte.is_ascii_alphabetic() || byte == b'~' {
                    self.escape = Escape::No;
                }
                return Step::Nothing;
            }
            _ => self.escape = Escape::No,
        }
        match byte {
            b'\n' if after_return => Step::Nothing,
            b'\r' | b'\n' => Step::Done(core::mem::take(&mut self.text)),
            0x1b => {
                self.escape = Escape::Begun;
                Step::Nothing
            }
            0x08 | 0x7f => match self.text.pop() {
                Some(_) => Step::Echo("\x08 \x08"),
                None => Step::Nothing,
            },
            0x03 => {
                self.text.clear();
                Step::Interrupted
            }
            0x04 if self.text.is_empty() => Step::EndOfInput,
            0x15 => {
                self.text.clear();
                Step::Echo("\r\x1b[K")
            }
            b' '..=b'~' if self.text.len() < LIMIT => {
                self.text.push(char::from(byte));
                Step::EchoByte(byte)
            }
            _ => Step::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(bytes: &[u8]) -> Vec<Step> {
        let mut line = Line::new();
        let steps = bytes.iter().map(|byte| line.take(*byte));
        steps
            .filter(|step| !matches!(step, Step::Nothing | Step::Echo(_) | Step::EchoByte(_)))
            .collect()
    }

    fn done(text: &str) -> Step {
        Step::Done(text.into())
    }

    #[test]
    fn lines_end_by_either_character_or_both() {
        assert_eq!(
            type_in(b"a\rb\nc\r\nd\r"),
            [done("a"), done("b"), done("c"), done("d")]
        );
        assert_eq!(type_in(b"\r\r"), [done(""), done("")]);
    }

    #[test]
    fn backspace_takes_back_and_stops_at_the_start() {
        assert_eq!(type_in(b"x\x7f\x7fmeen\x08m\r"), [done("meem")]);
    }

    #[test]
    fn cursor_keys_leave_no_trace() {
        assert_eq!(type_in(b"l\x1b[A\x1bOP\x1b[3~s\r"), [done("ls")]);
    }

    #[test]
    fn end_of_input_only_on_an_empty_line() {
        assert_eq!(type_in(b"\x04"), [Step::EndOfInput]);
        assert_eq!(type_in(b"a\x04\r"), [done("a")]);
        assert_eq!(
            type_in(b"abc\x03\x04"),
            [Step::Interrupted, Step::EndOfInput]
        );
    }
}
