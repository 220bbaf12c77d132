//! The old interval timer, channel 2: a ruler for the TSC where there is no better one.

use crate::port;

const CHANNEL_2: u16 = 0x42;
const MODE: u16 = 0x43;
/// Gate of channel 2 (bit 0), speaker (bit 1), output of channel 2 (bit 5).
const GATE: u16 = 0x61;
const GATE_ON: u8 = 1;
const SPEAKER: u8 = 1 << 1;
const OUTPUT: u8 = 1 << 5;
/// Channel 2, low then high byte, mode 0: the output rises at the end of the count.
const ONE_SHOT: u8 = 0b1011_0000;
const HZ: u64 = 1_193_182;

/// Waits for about `ns` (at most 54 ms) and tells how many nanoseconds it really was meant to be.
pub fn wait(ns: u64) -> u64 {
    let count = (ns * HZ / 1_000_000_000).clamp(1, 0xffff);
    // SAFETY: the timer's ports, which transfer no memory; the speaker stays off.
    unsafe {
        let gate = port::read_u8(GATE) & !SPEAKER;
        port::write_u8(GATE, gate & !GATE_ON);
        port::write_u8(MODE, ONE_SHOT);
        port::write_u8(CHANNEL_2, count as u8);
        port::write_u8(CHANNEL_2, (count >> 8) as u8);
        port::write_u8(GATE, gate | GATE_ON);
        while port::read_u8(GATE) & OUTPUT == 0 {
            core::hint::spin_loop();
        }
    }
    count * 1_000_000_000 / HZ
}
