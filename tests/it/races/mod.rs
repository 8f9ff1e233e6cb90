//! Many at once: real parallel transactions, over two instances on one database.

mod refresh;
mod registration;
mod second_factor;
