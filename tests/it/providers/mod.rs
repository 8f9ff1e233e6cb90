//! The client of providers, against servers that others wrote, and against one that lies.

mod honest;
mod lies;
mod presets;
mod reach;
mod settings;
