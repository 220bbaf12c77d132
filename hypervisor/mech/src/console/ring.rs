//! A ring of bytes that forgets its oldest ones.

/// The last `N` bytes that were pushed.
#[derive(Debug)]
pub struct Ring<const N: usize> {
    bytes: [u8; N],
    /// Bytes ever pushed, and ever taken or overwritten.
    pushed: u64,
    gone: u64,
}

impl<const N: usize> Ring<N> {
    /// An empty ring.
    pub const fn new() -> Self {
        Self { bytes: [0; N], pushed: 0, gone: 0 }
    }

    /// Adds a byte, over the oldest one if the ring is full.
    pub fn push(&mut self, byte: u8) {
        self.bytes[(self.pushed % N as u64) as usize] = byte;
        self.pushed += 1;
        self.gone = self.gone.max(self.pushed.saturating_sub(N as u64));
    }

    /// Whether there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.gone == self.pushed
    }

    /// Takes the oldest byte.
    pub fn pop(&mut self) -> Option<u8> {
        let byte = self.get(self.gone)?;
        self.gone += 1;
        Some(byte)
    }

    /// Copies bytes from a position that an earlier call returned (0 for the beginning).
    /// Gives how many were copied and the next position.
    pub fn copy_from(&self, position: u64, out: &mut [u8]) -> (usize, u64) {
        let start = position.clamp(self.gone, self.pushed);
        let mut copied = 0;
        for slot in out {
            match self.get(start + copied as u64) {
                Some(byte) => *slot = byte,
                None => break,
            }
            copied += 1;
        }
        (copied, start + copied as u64)
    }

    fn get(&self, position: u64) -> Option<u8> {
        (position < self.pushed).then(|| self.bytes[(position % N as u64) as usize])
    }
}
