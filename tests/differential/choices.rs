//! Random choices out of bytes: the same bytes, the same choices. A fuzzer changes the bytes, a test fills them by seed.
//!
//! Comes in: bytes. Goes out: numbers below a bound, one after the other; zeros once the bytes are used up, for which
//! whoever asks must come to an end.

pub(crate) struct Choices<'b> {
    bytes: &'b [u8],
}

impl<'b> Choices<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    pub(crate) fn bits(&mut self) -> u64 {
        (0..8).fold(0, |bits, _| bits << 8 | u64::from(self.byte()))
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let choice = if bound <= 256 { usize::from(self.byte()) } else { self.bits() as usize };
        choice % bound.max(1)
    }

    /// True once in so many times; never when the bytes are used up.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times && !self.bytes.is_empty()
    }

    pub(crate) fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> &'t T {
        from[self.below(from.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
