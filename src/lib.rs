//! Vestibule: a JSON REST authentication service.
pub mod crypto;
pub mod domain;
pub mod embedded_postgres;
pub mod flows;
pub mod store;
