//! A set of numbers that finds its members fast: a bitmap with summaries above it.
//!
//! Bit `i` of a summary level says whether word `i` of the level below is non-zero. So the nearest
//! member is found in a few word reads, however sparse the set.

const WORD: usize = 64;
const LEVELS: usize = 6;

/// A set of the numbers `0..len`.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    /// Level 0 holds the members; unused levels are empty.
    levels: [&'a mut [u64]; LEVELS],
    depth: usize,
    len: usize,
}

impl<'a> Bits<'a> {
    /// Words of storage for a set of `len` numbers.
    pub const fn words(len: usize) -> usize {
        let mut total = 0;
        let mut level = len.div_ceil(WORD);
        loop {
            total += level;
            if level <= 1 {
                return total;
            }
            level = level.div_ceil(WORD);
        }
    }

    /// Cuts an empty set's words from the front of `storage`. `None`: too little storage.
    pub fn carve(storage: &mut &'a mut [u64], len: usize) -> Option<Self> {
        let mut levels: [&'a mut [u64]; LEVELS] = Default::default();
        let mut words = len.div_ceil(WORD);
        let mut depth = 0;
        loop {
            let rest = core::mem::take(storage);
            if rest.len() < words || depth == LEVELS {
                return None;
            }
            let (level, rest) = rest.split_at_mut(words);
            level.fill(0);
            levels[depth] = level;
            *storage = rest;
            depth += 1;
            if words <= 1 {
                return Some(Self { levels, depth, len });
            }
            words = words.div_ceil(WORD);
        }
    }

    pub fn contains(&self, member: usize) -> bool {
        member < self.len && self.levels[0][member / WORD] >> (member % WORD) & 1 != 0
    }

    pub fn insert(&mut self, member: usize) {
        debug_assert!(member < self.len);
        let mut at = member;
        for level in &mut self.levels[..self.depth] {
            level[at / WORD] |= 1 << (at % WORD);
            at /= WORD;
        }
    }

    pub fn remove(&mut self, member: usize) {
        debug_assert!(member < self.len);
        let mut at = member;
        for level in &mut self.levels[..self.depth] {
            level[at / WORD] &= !(1 << (at % WORD));
            if level[at / WORD] != 0 {
                return;
            }
            at /= WORD;
        }
    }

    /// The greatest member that is at most `most`.
    pub fn last_up_to(&self, most: usize) -> Option<usize> {
        let mut at = most.min(self.len.checked_sub(1)?);
        let mut depth = 0;
        // Up, until some word has a member at or below ours.
        loop {
            let word = self.levels[depth][at / WORD] & (u64::MAX >> (WORD - 1 - at % WORD));
            if word != 0 {
                at = at / WORD * WORD + top_bit(word);
                break;
            }
            at = (at / WORD).checked_sub(1)?;
            depth += 1;
            if depth == self.depth {
                return None;
            }
        }
        // Down, to the greatest member below that bit.
        while depth > 0 {
            depth -= 1;
            at = at * WORD + top_bit(self.levels[depth][at]);
        }
        Some(at)
    }

    /// Whether a number from `first` to `last` is a member.
    pub fn any(&self, first: usize, last: usize) -> bool {
        self.last_up_to(last).is_some_and(|found| found >= first)
    }
}

fn top_bit(word: u64) -> usize {
    WORD - 1 - word.leading_zeros() as usize
}
