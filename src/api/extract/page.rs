//! Pages of lists: `limit` and `cursor`, or `after` to follow a list.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{Ready, ready};
use serde::Deserialize;
use uuid::Uuid;

use super::query;
use crate::api::problem::Problem;
use crate::domain::input::InvalidInput;

/// The default size of a page.
const DEFAULT_LIMIT: i64 = 50;
/// The greatest size of a page.
const MOST: i64 = 100;

/// The requested page of a list.
pub struct Page {
    /// The greatest number of entries.
    pub limit: i64,
    /// The last entry of the previous page; `None` for the first page.
    pub after: Option<Uuid>,
}

impl Page {
    /// Returns the cursor of the page after an entry. It is opaque to clients: its format may change.
    pub fn cursor(last: Uuid) -> String {
        URL_SAFE_NO_PAD.encode(last.as_bytes())
    }

    fn read(given: &Parameters) -> Result<Self, InvalidInput> {
        let mut invalid = InvalidInput::default();
        let limit = given.limit.as_deref().map_or(Ok(DEFAULT_LIMIT), parse_limit);
        let limit = invalid.keep("/limit", limit);
        let after = given.cursor.as_deref().map(parse_cursor).transpose();
        let after = invalid.keep("/cursor", after);
        match (limit, after) {
            (Some(limit), Some(after)) => Ok(Self { limit, after }),
            _ => Err(invalid),
        }
    }
}

#[derive(Deserialize)]
struct Parameters {
    limit: Option<String>,
    cursor: Option<String>,
}

fn parse_limit(text: &str) -> Result<i64, &'static str> {
    let digits = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<i64> = text.parse().ok().filter(|_| digits);
    number
        .filter(|number| (1..=MOST).contains(number))
        .ok_or("must be a whole number from 1 to 100")
}

fn parse_cursor(text: &str) -> Result<Uuid, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    bytes
        .and_then(|bytes| Uuid::from_slice(&bytes).ok())
        .ok_or("must be the next_cursor of the previous page")
}

/// In which order a list is read.
pub enum Paging {
    /// Newest first.
    NewestFirst(Page),
    /// Oldest first: a reader that follows the list. `after` is where it goes on, or none for the beginning.
    OldestFirst(Page),
}

#[derive(Deserialize)]
struct OrderParameter {
    after: Option<String>,
    cursor: Option<String>,
}

impl Paging {
    fn read(page: Page, given: &OrderParameter) -> Result<Self, InvalidInput> {
        let Some(after) = given.after.as_deref() else {
            return Ok(Self::NewestFirst(page));
        };
        if given.cursor.is_some() {
            return Err(InvalidInput::of(
                "/after",
                "cannot be given with cursor: they are of two orders",
            ));
        }
        let after = Some(after).filter(|after| !after.is_empty());
        let after = after.map(parse_cursor).transpose();
        match after {
            Ok(after) => Ok(Self::OldestFirst(Page { after, ..page })),
            Err(wanted) => Err(InvalidInput::of("/after", wanted)),
        }
    }
}

impl FromRequest for Paging {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let page = query::read(request, Page::read).into_inner();
        let order = |page| query::read(request, |given| Self::read(page, given)).into_inner();
        ready(page.and_then(order))
    }
}

impl FromRequest for Page {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        query::read(request, Self::read)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::web;

    use super::*;

    fn page(query: &str) -> Result<(i64, Option<Uuid>), Vec<&'static str>> {
        let query = web::Query::<Parameters>::from_query(query).unwrap().into_inner();
        Page::read(&query)
            .map(|page| (page.limit, page.after))
            .map_err(|invalid| invalid.errors.iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn a_cursor_leads_to_the_entry_it_was_made_of() {
        let id = Uuid::from_u128(0x019a_2b3c_4d5e_7f60_8a1b_2c3d_4e5f_6071);
        assert_eq!(page(&format!("limit=7&cursor={}", Page::cursor(id))), Ok((7, Some(id))));
        assert_eq!(page(""), Ok((50, None)));
    }

    #[test]
    fn other_limits_and_cursors_are_named() {
        for query in ["limit=0", "limit=101", "limit=+5", "limit=x", "limit=", "limit=1e1"] {
            assert_eq!(page(query), Err(vec!["/limit"]), "{query}");
        }
        for query in ["cursor=", "cursor=x", "cursor=AAAA", "cursor=AZorPE1ef2CKGyw9Tl9gcQ=="] {
            assert_eq!(page(query), Err(vec!["/cursor"]), "{query}");
        }
        assert_eq!(page("limit=0&cursor=x"), Err(vec!["/limit", "/cursor"]));
    }
}
