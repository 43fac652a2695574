//! Sixteen bytes of JSON at once: where a string may end, where white space does.
//!
//! Comes in: the input and a place in it. Goes out: the next sixteen bytes, and the index of the first that matters.
//! Must never: read past the input; what is missing there is zeros.
//!
//! On x86-64 by SSE2, which every such processor has; elsewhere, and with the feature `portable`, by plain arithmetic,
//! the twin that the test holds it to.
//! The only `unsafe` of the transcoder: the compiler asks for it where a function that names SSE2 is called by one that
//! does not. No pointer is touched.
#![allow(unsafe_code, reason = "calls of functions that name SSE2; no pointers")]

/// How many bytes are looked at together; also the index when none of them matters.
pub(super) const BLOCK: usize = 16;

/// The first quote, backslash or control character of the block at `at`, those zeros past the end included.
#[inline]
pub(super) fn special(json: &[u8], at: usize) -> usize {
    match whole(json, at) {
        Some(bytes) => special_of(bytes),
        None => special_of(&last(json, at)),
    }
}

/// The first byte of the block at `at` that is special or not ASCII.
#[inline]
pub(super) fn unplain(json: &[u8], at: usize) -> usize {
    match whole(json, at) {
        Some(bytes) => unplain_of(bytes),
        None => unplain_of(&last(json, at)),
    }
}

/// The first byte of the block at `at` that is no white space.
#[inline]
pub(super) fn visible(json: &[u8], at: usize) -> usize {
    match whole(json, at) {
        Some(bytes) => visible_of(bytes),
        None => visible_of(&last(json, at)),
    }
}

/// A block that the input does not end in.
#[inline]
pub(super) fn whole(json: &[u8], at: usize) -> Option<&[u8; BLOCK]> {
    json.get(at..)?.first_chunk()
}

/// The block that the input ends in.
#[inline(never)]
fn last(json: &[u8], at: usize) -> [u8; BLOCK] {
    if let Some(bytes) = json.last_chunk::<BLOCK>() {
        // At the very end all of them are missing, which is more than a shift takes.
        let missing = at.saturating_add(BLOCK).saturating_sub(json.len());
        let block = u128::from_le_bytes(*bytes).checked_shr(missing as u32 * 8).unwrap_or(0);
        return block.to_le_bytes();
    }
    let rest = json.get(at..).unwrap_or_default();
    rest.iter().rev().fold(0, |block, byte| block << 8 | u128::from(*byte)).to_le_bytes()
}

/// Whether the first bytes, as many as `mask` has bits, are the same.
#[inline]
pub(super) fn same(bytes: &[u8; BLOCK], others: &[u8; BLOCK], mask: u32) -> bool {
    // SAFETY: SSE2, all that is asked for, is part of x86-64.
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    return unsafe { sse2::same(bytes, others) } & mask == mask;
    #[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
    return plain::same(bytes, others, mask);
}

/// The first quote, backslash or control character.
#[inline]
pub(super) fn special_of(bytes: &[u8; BLOCK]) -> usize {
    // SAFETY: SSE2, all that is asked for, is part of x86-64.
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    return unsafe { sse2::special(bytes) };
    #[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
    return plain::special(bytes);
}

/// The first byte that is special or not ASCII.
#[inline]
pub(super) fn unplain_of(bytes: &[u8; BLOCK]) -> usize {
    // SAFETY: SSE2, all that is asked for, is part of x86-64.
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    return unsafe { sse2::unplain(bytes) };
    #[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
    return plain::unplain(bytes);
}

/// The first byte that is no white space.
#[inline]
fn visible_of(bytes: &[u8; BLOCK]) -> usize {
    // SAFETY: SSE2, all that is asked for, is part of x86-64.
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    return unsafe { sse2::visible(bytes) };
    #[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
    return plain::visible(bytes);
}

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod sse2 {
    use super::BLOCK;
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8,
    };

    #[inline]
    #[target_feature(enable = "sse2")]
    fn vector(bytes: &[u8; BLOCK]) -> __m128i {
        let (low, high) = (u128::from_le_bytes(*bytes) as i64, (u128::from_le_bytes(*bytes) >> 64) as i64);
        _mm_set_epi64x(high, low)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn equal(vector: __m128i, byte: u8) -> __m128i {
        _mm_cmpeq_epi8(vector, _mm_set1_epi8(byte.cast_signed()))
    }

    /// A bit for each pair of bytes that are equal.
    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn same(bytes: &[u8; BLOCK], others: &[u8; BLOCK]) -> u32 {
        _mm_movemask_epi8(_mm_cmpeq_epi8(vector(bytes), vector(others))).cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn special(bytes: &[u8; BLOCK]) -> usize {
        let vector = vector(bytes);
        let control = _mm_cmpeq_epi8(_mm_min_epu8(vector, _mm_set1_epi8(0x1f)), vector);
        let found = _mm_or_si128(_mm_or_si128(equal(vector, b'"'), equal(vector, b'\\')), control);
        (_mm_movemask_epi8(found) | 1 << 16).trailing_zeros() as usize
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn unplain(bytes: &[u8; BLOCK]) -> usize {
        let vector = vector(bytes);
        // As signed numbers, bytes above 0x7f are below all others.
        let outside = _mm_cmplt_epi8(vector, _mm_set1_epi8(0x20));
        let found = _mm_or_si128(_mm_or_si128(equal(vector, b'"'), equal(vector, b'\\')), outside);
        (_mm_movemask_epi8(found) | 1 << 16).trailing_zeros() as usize
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn visible(bytes: &[u8; BLOCK]) -> usize {
        let vector = vector(bytes);
        let spaces = _mm_or_si128(equal(vector, b' '), equal(vector, b'\n'));
        let spaces = _mm_or_si128(spaces, _mm_or_si128(equal(vector, b'\t'), equal(vector, b'\r')));
        (!_mm_movemask_epi8(spaces)).trailing_zeros() as usize
    }
}

#[cfg_attr(all(target_arch = "x86_64", not(feature = "portable")), cfg(test))]
mod plain {
    use super::BLOCK;

    const ONES: u128 = u128::MAX / 0xff;
    const TOPS: u128 = ONES << 7;

    /// The top bit of each byte that is zero. Of those after the first one some may be marked wrongly (a borrow runs
    /// upwards); the first is exact.
    fn zeros(bytes: u128) -> u128 {
        bytes.wrapping_sub(ONES) & !bytes & TOPS
    }

    pub(super) fn special(bytes: &[u8; BLOCK]) -> usize {
        let block = u128::from_le_bytes(*bytes);
        let quote = zeros(block ^ (ONES * u128::from(b'"')));
        let backslash = zeros(block ^ (ONES * u128::from(b'\\')));
        // A control character's top three bits are zero.
        let control = zeros(block >> 5 & (ONES * 7));
        BLOCK.min((quote | backslash | control).trailing_zeros() as usize / 8)
    }

    pub(super) fn unplain(bytes: &[u8; BLOCK]) -> usize {
        let outside = u128::from_le_bytes(*bytes) & TOPS;
        special(bytes).min(outside.trailing_zeros() as usize / 8)
    }

    pub(super) fn same(bytes: &[u8; BLOCK], others: &[u8; BLOCK], mask: u32) -> bool {
        // Bytes that count are at the front.
        let differ = u128::from_le_bytes(*bytes) ^ u128::from_le_bytes(*others);
        differ.trailing_zeros() / 8 >= mask.trailing_ones()
    }

    pub(super) fn visible(bytes: &[u8; BLOCK]) -> usize {
        bytes.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).unwrap_or(BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, last, plain, same, special, unplain, visible};

    #[test]
    fn both_ways_find_the_same() {
        let mut rng = fastrand::Rng::with_seed(7);
        let alphabet = [b"abcdef\x7f\x80\xff !#[]\"\\\x00\x1f".as_slice(), b"    \n\r\t  \x0b\x1fa\xa0"];
        for round in 0..100_000 {
            let input: Vec<u8> =
                (0..rng.usize(0..40)).map(|_| rng.choice(alphabet[round % 2]).copied().unwrap_or(0)).collect();
            let at = rng.usize(0..=input.len());
            let bytes: [u8; BLOCK] = std::array::from_fn(|index| input.get(at + index).copied().unwrap_or(0));
            if input.len() < at + BLOCK {
                assert_eq!(last(&input, at), bytes, "{input:?} at {at}");
            }
            let wanted = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(BLOCK);
            assert_eq!((special(&input, at), plain::special(&bytes)), (wanted, wanted), "{bytes:?}");
            let wanted =
                bytes.iter().position(|byte| !matches!(byte, b' '..=b'~' | 0x7f) || matches!(byte, b'"' | b'\\'));
            let wanted = wanted.unwrap_or(BLOCK);
            assert_eq!((unplain(&input, at), plain::unplain(&bytes)), (wanted, wanted), "{bytes:?}");
            let wanted = bytes.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).unwrap_or(BLOCK);
            assert_eq!((visible(&input, at), plain::visible(&bytes)), (wanted, wanted), "{bytes:?}");
            let (mut others, length) = (bytes, rng.usize(0..=BLOCK));
            others[rng.usize(0..BLOCK)] ^= rng.u8(0..2);
            let (mask, wanted) = ((1 << length) - 1, others[..length] == bytes[..length]);
            assert_eq!((same(&bytes, &others, mask), plain::same(&bytes, &others, mask)), (wanted, wanted));
        }
    }
}
