//! What must hold across the whole: routes, document and tests agree; guards guard; arrows point down.

mod asvs;
mod coverage;
mod generators;
mod glossary;
mod layering;
mod methods;
mod openapi;
mod setting_names;
mod typed_input;
mod unauthorized;
