//! What must hold across the whole service: routes, document and tests agree; every route is guarded; layers are
//! respected.

mod asvs;
mod coverage;
mod generators;
mod layering;
mod methods;
mod openapi;
mod typed_input;
mod unauthorized;
