//! A 16550 UART at I/O ports.

use crate::port;
use xenolith_rules::cmdline::Serial;

// Register offsets and bits (National Semiconductor PC16550D data sheet).
const DATA: u16 = 0;
const INTERRUPT_ENABLE: u16 = 1;
const FIFO_CONTROL: u16 = 2;
const LINE_CONTROL: u16 = 3;
const MODEM_CONTROL: u16 = 4;
const LINE_STATUS: u16 = 5;
const SCRATCH: u16 = 7;
const DIVISOR_LATCH: u8 = 1 << 7;
const FIFO_ON_CLEARED: u8 = 0b111;
const DTR_RTS_OUT2: u8 = 0b1011;
const DATA_READY: u8 = 1 << 0;
const TRANSMITTER_EMPTY: u8 = 1 << 5;
const RECEIVED_INTERRUPT: u8 = 1 << 0;
/// Polls of the line status before a byte is given up: far longer than a byte takes
/// at 300 baud, so that a dead port cannot stop the machine.
const PATIENCE: u32 = 1_000_000;

/// One UART. Owns its ports.
#[derive(Debug)]
pub struct Uart {
    base: u16,
}

impl Uart {
    /// Sets the line up with its interrupts off, or finds that no UART answers there.
    pub fn open(settings: &Serial) -> Option<Self> {
        let uart = Self {
            base: settings.io_base,
        };
        // What is written to the scratch register of an absent device is not read back.
        for probe in [0x5a, 0xa5] {
            uart.write(SCRATCH, probe);
            if uart.read(SCRATCH) != probe {
                return None;
            }
        }
        uart.write(INTERRUPT_ENABLE, 0);
        let line = settings.line_control();
        if let Some(divisor) = settings.divisor() {
            uart.write(LINE_CONTROL, line | DIVISOR_LATCH);
            uart.write(DATA, divisor as u8);
            uart.write(INTERRUPT_ENABLE, (divisor >> 8) as u8);
        }
        uart.write(LINE_CONTROL, line);
        uart.write(FIFO_CONTROL, FIFO_ON_CLEARED);
        uart.write(MODEM_CONTROL, DTR_RTS_OUT2);
        Some(uart)
    }

    /// Lets the device raise its interrupt line when bytes have come.
    pub fn enable_receive_interrupt(&self) {
        self.write(INTERRUPT_ENABLE, RECEIVED_INTERRUPT);
    }

    /// Sends one byte; waits for room, though not for ever.
    pub fn send(&self, byte: u8) {
        for _ in 0..PATIENCE {
            if self.read(LINE_STATUS) & TRANSMITTER_EMPTY != 0 {
                break;
            }
            core::hint::spin_loop();
        }
        self.write(DATA, byte);
    }

    /// Takes a received byte, if there is one.
    pub fn receive(&self) -> Option<u8> {
        (self.read(LINE_STATUS) & DATA_READY != 0).then(|| self.read(DATA))
    }

    fn read(&self, register: u16) -> u8 {
        // SAFETY: `self` owns the ports of a UART, which transfers no memory.
        unsafe { port::read_u8(self.base + register) }
    }

    fn write(&self, register: u16, value: u8) {
        // SAFETY: as for `read`.
        unsafe { port::write_u8(self.base + register, value) }
    }
}
