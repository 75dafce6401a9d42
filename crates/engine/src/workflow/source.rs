//! Where a run takes time and ids from.

use sha2::{Digest, Sha256};
use ticketbridge_core::ticket::OriginId;
use ticketbridge_core::time::Wall;

/// Time and ids of a run. The same answers give the same run.
pub trait Source: Send + 'static {
    /// The wall clock.
    fn now(&mut self) -> Wall;
    /// The 128 bits of a ULID that was never given before.
    fn message_id(&mut self, now: Wall) -> u128;
    /// An id (UUIDv7) that was never given before.
    fn origin(&mut self, now: Wall) -> OriginId;
}

/// A source from a clock and a seed. The seed is 32 random bytes, new for each process: two processes with one seed
/// would give the same ids within one millisecond.
pub struct SeededSource<C> {
    clock: C,
    seed: [u8; 32],
    drawn: u64,
}

impl<C: FnMut() -> Wall + Send + 'static> SeededSource<C> {
    /// A source with this clock and this seed.
    pub fn new(clock: C, seed: [u8; 32]) -> Self {
        Self { clock, seed, drawn: 0 }
    }

    /// SHA-256 over seed and counter: as random as the seed.
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.drawn += 1;
        let digest: [u8; 32] =
            Sha256::new().chain_update(self.seed).chain_update(self.drawn.to_be_bytes()).finalize().into();
        let mut bytes = [0; N];
        bytes.copy_from_slice(&digest[..N]);
        bytes
    }
}

impl<C: FnMut() -> Wall + Send + 'static> Source for SeededSource<C> {
    fn now(&mut self) -> Wall {
        (self.clock)()
    }

    fn message_id(&mut self, now: Wall) -> u128 {
        const RANDOM_BITS: u32 = 80;
        let millis = u128::from(now.0.max(0) as u64) & ((1 << 48) - 1);
        (millis << RANDOM_BITS) | (u128::from_be_bytes(self.bytes()) >> (128 - RANDOM_BITS))
    }

    fn origin(&mut self, now: Wall) -> OriginId {
        OriginId(uuid::Builder::from_unix_timestamp_millis(now.0.max(0) as u64, &self.bytes()).into_uuid())
    }
}
