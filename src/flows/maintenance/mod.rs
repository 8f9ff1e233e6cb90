//! What the service does for itself and its operators: keys, deletion of old rows, metrics and checks.
//!
//! It may call `account`, `admin`.

pub mod check;
pub mod db_metrics;
pub mod health;
pub mod queues;
pub mod retention;
pub mod rewrap;
pub mod signing_keys;
pub mod test_vectors;
