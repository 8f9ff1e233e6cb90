//! What client developers and test suites need, under `vestibule dev` only; elsewhere these routes do not exist.

pub mod clock;
pub mod outbox;
pub mod test_vectors;
