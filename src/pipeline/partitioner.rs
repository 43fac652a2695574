//! Which sink partition a record goes to.
//!
//! Comes in: the source partition and the key. Goes out: a partition number. Must never: be silently another one than
//! the config's `partitioning` says.

use crate::config::Partitioning;

/// The sink partition of a record.
#[must_use]
pub(super) fn partition(partitioning: Partitioning, source: i32, key: Option<&[u8]>, sink_partitions: i32) -> i32 {
    match (partitioning, key) {
        (Partitioning::Preserve, _) => source,
        // Kafka's own murmur2_random scatters records without key, which breaks their order.
        (Partitioning::ByKey, None) => source % sink_partitions.max(1),
        (Partitioning::ByKey, Some(key)) => {
            let positive = (murmur2(key) & 0x7fff_ffff).cast_signed();
            positive % sink_partitions.max(1)
        }
    }
}

/// Java's `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    #[expect(clippy::cast_possible_truncation, reason = "Java's array lengths are 32-bit; keys are far shorter")]
    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    for (place, byte) in rest.iter().enumerate().rev() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Kafka's `UtilsTest.testMurmur2`.
    #[test]
    fn murmur2_is_javas() {
        let cases: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key).cast_signed(), hash, "{key:?}");
        }
    }

    #[test]
    fn a_partition_is_the_sources_or_the_keys() {
        use Partitioning::{ByKey, Preserve};
        let cases = [
            (Preserve, 3, Some("21"), 2, 3),
            (Preserve, 0, None, 4, 0),
            (ByKey, 7, None, 4, 3),
            (ByKey, 1, Some("abc"), 100, 7),
            (ByKey, 1, Some("foobar"), 1, 0),
        ];
        for (partitioning, source, key, count, expected) in cases {
            let found = partition(partitioning, source, key.map(str::as_bytes), count);
            assert_eq!(found, expected, "{partitioning:?} {key:?}");
        }
    }
}
