//! What must hold across the whole service: routes, document and tests agree; every route is guarded; layers are
//! respected.

mod asvs;
mod coverage;
mod generators;
mod glossary;
mod layering;
mod limits;
mod links;
mod methods;
mod named_in_pages;
mod oauth_conformance;
mod openapi;
mod setting_names;
mod typed_input;
mod unauthorized;
mod words;
