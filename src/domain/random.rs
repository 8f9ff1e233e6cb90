//! The one source of randomness.
//!
//! Everything unguessable is drawn through an injected [`Random`]: the operating system's generator in production, a
//! seeded one in tests.

/// Fills buffers with unpredictable bytes.
pub trait Random: Send + Sync + 'static {
    /// Fills `destination` from a cryptographically secure generator.
    ///
    /// There is no fallback and no error to handle: an implementation that cannot fill the buffer must not return.
    fn fill(&self, destination: &mut [u8]);
}

/// Draws `N` random bytes.
pub fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}
