//! One file an operation, named and placed as its handler. `contract::coverage` reads the first line of each.

mod dev;
mod docs;
mod health;
mod login;
mod me;
mod openapi;
mod register;
mod two_factor;
mod well_known;
