//! `com1=` and `com2=`: how a serial port is set.

use super::value::number;

/// Bits per second of a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baud {
    /// What the firmware has set (`auto`, or 0).
    AsFound,
    /// This rate.
    Rate(u32),
}

/// The parity bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// `n`
    None,
    /// `o`
    Odd,
    /// `e`
    Even,
    /// `m`
    Mark,
    /// `s`
    Space,
}

/// How many stop bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopBits {
    /// `1`
    One,
    /// `2`
    Two,
}

/// A serial port: rate, frame, where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial {
    /// The line's rate.
    pub baud: Baud,
    /// The clock's rate divided by 16, in Hz: 115200 on a PC.
    pub clock_hz: u32,
    /// Bits per character, 5 to 8.
    pub data_bits: u8,
    /// The parity bit.
    pub parity: Parity,
    /// The stop bits.
    pub stop_bits: StopBits,
    /// First I/O port.
    pub io_base: u16,
    /// ISA interrupt, 0 to poll.
    pub irq: u8,
}

/// The accepted form, for complaints.
pub const FORM: &str = "<baud>|auto[/<clock>][,<data><n|o|e|m|s><stop>[,<io-base>[,<irq>]]], \
                        for example 115200,8n1,0x3f8,4";

impl Serial {
    /// The PC's first port, 115200 8n1.
    pub const COM1: Self = Self {
        baud: Baud::Rate(115_200),
        clock_hz: 115_200,
        data_bits: 8,
        parity: Parity::None,
        stop_bits: StopBits::One,
        io_base: 0x3f8,
        irq: 4,
    };
    /// The PC's second port, 115200 8n1.
    pub const COM2: Self = Self {
        io_base: 0x2f8,
        irq: 3,
        ..Self::COM1
    };

    /// The value to load into the divisor latch; `None` to leave the latch alone.
    pub fn divisor(&self) -> Option<u16> {
        match self.baud {
            Baud::AsFound => None,
            Baud::Rate(rate) => {
                let divisor = self.clock_hz.checked_div(rate)?.max(1);
                Some(u16::try_from(divisor).unwrap_or(u16::MAX))
            }
        }
    }

    /// The line control register (bits, stop, parity).
    pub fn line_control(&self) -> u8 {
        let parity = match self.parity {
            Parity::None => 0,
            Parity::Odd => 1,
            Parity::Even => 3,
            Parity::Mark => 5,
            Parity::Space => 7,
        };
        let stop = match self.stop_bits {
            StopBits::One => 0,
            StopBits::Two => 4,
        };
        (self.data_bits - 5) | stop | (parity << 3)
    }

    /// Reads Xen's comma list over the defaults in `self`; empty parts keep them.
    pub fn parse(self, text: &str) -> Option<Self> {
        let mut port = self;
        let mut parts = text.split(',');
        if let Some(rate) = parts.next().filter(|part| !part.is_empty()) {
            let (rate, clock) = match rate.split_once('/') {
                Some((rate, clock)) => (rate, Some(clock)),
                None => (rate, None),
            };
            port.baud = match rate {
                "auto" | "0" => Baud::AsFound,
                _ => Baud::Rate(u32::try_from(number(rate)?).ok()?),
            };
            if let Some(clock) = clock {
                // Xen takes the clock itself; the divisor counts sixteenths of it.
                port.clock_hz = u32::try_from(number(clock)? >> 4)
                    .ok()
                    .filter(|&hz| hz > 0)?;
            }
        }
        if let Some(frame) = parts.next().filter(|part| !part.is_empty()) {
            let &[data, parity, stop] = frame.as_bytes() else {
                return None;
            };
            port.data_bits = match data {
                b'5'..=b'8' => data - b'0',
                _ => return None,
            };
            port.parity = match parity {
                b'n' => Parity::None,
                b'o' => Parity::Odd,
                b'e' => Parity::Even,
                b'm' => Parity::Mark,
                b's' => Parity::Space,
                _ => return None,
            };
            port.stop_bits = match stop {
                b'1' => StopBits::One,
                b'2' => StopBits::Two,
                _ => return None,
            };
        }
        if let Some(base) = parts.next().filter(|part| !part.is_empty()) {
            port.io_base = u16::try_from(number(base)?)
                .ok()
                .filter(|&base| base != 0)?;
        }
        if let Some(irq) = parts.next().filter(|part| !part.is_empty()) {
            port.irq = u8::try_from(number(irq)?).ok().filter(|&irq| irq < 16)?;
        }
        parts.next().is_none().then_some(port)
    }
}
