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
        Self {
            bytes: [0; N],
            pushed: 0,
            gone: 0,
        }
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

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let mut ring = Ring::<4>::new();
        b"abc".iter().for_each(|&byte| ring.push(byte));
        let mut out = [0; 2];
        assert_eq!(ring.copy_from(0, &mut out), (2, 2));
        assert_eq!(&out, b"ab");
        b"defg".iter().for_each(|&byte| ring.push(byte));
        // "c" has been overwritten meanwhile.
        assert_eq!(ring.copy_from(2, &mut out), (2, 5));
        assert_eq!(&out, b"de");
        assert_eq!(ring.copy_from(99, &mut out), (0, 7));
    }

    proptest! {
        #[test]
        fn keeps_the_last_bytes_in_order(ops in proptest::collection::vec(any::<Option<u8>>(), 0..100)) {
            let mut ring = Ring::<8>::new();
            let mut model = Vec::new();
            for op in ops {
                match op {
                    Some(byte) => {
                        ring.push(byte);
                        model.push(byte);
                        if model.len() > 8 {
                            model.remove(0);
                        }
                    }
                    None => {
                        let want = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(ring.pop(), want);
                    }
                }
                prop_assert_eq!(ring.is_empty(), model.is_empty());
            }
        }
    }
}
