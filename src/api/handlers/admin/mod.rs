//! `/admin`: operators' work over HTTP, for accounts with the role `admin` and two factors proven.

pub mod events;
pub mod keys;
pub mod user;
pub mod users;
