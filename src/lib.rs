//! Vestibule: a JSON REST authentication service.
pub mod crypto;
pub mod domain;
