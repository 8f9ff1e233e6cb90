//! What back ends keep about a user for their tokens: a small JSON object, `claims` in the API and `app` in tokens.
//!
//! The deployment gives the members their meaning, as it does with roles. All of them stand below one member of the
//! token, so no name can replace a registered claim (RFC 7519 §4.1).

use std::fmt;
use std::sync::Arc;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Number, Value};

use super::policy::numbers::APP_CLAIMS_BYTES;
use super::typed_text::is_one_line;

/// How deep objects and lists may be nested, the object itself included.
const DEEPEST: usize = 4;
/// The largest integer that every reader of JSON reads exactly (RFC 7493 §2.2).
const LARGEST_INTEGER: i64 = (1 << 53) - 1;
/// Significant digits that survive the way to a binary fraction and back (IEEE 754, `DBL_DIG` of C).
const MOST_DIGITS: usize = 15;
/// Most characters of the name of a member.
const LONGEST_NAME: usize = 64;
/// A back end that copies members one by one would replace the prototype of its object (CWE-1321).
const PROTOTYPE: &str = "__proto__";

const NOT_AN_OBJECT: &str = "must be a JSON object";
const TOO_LONG: &str = "must be at most 2048 bytes of JSON without white space";
const TOO_DEEP: &str = "must not be nested deeper than 4 levels";
const NAME: &str =
    "must have names of members with 1 to 64 ASCII letters, digits and _ - . : /, and no member __proto__";
const TEXT: &str = "must have no control characters and line ends in texts";
const NUMBER: &str = "must have numbers that every program reads alike: up to 9007199254740991, fractions with at most 15 digits, and no -0";

/// The claims of a user; empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppClaims(Option<Arc<Map<String, Value>>>);

impl AppClaims {
    /// Checks what a back end or an operator gives.
    ///
    /// # Errors
    ///
    /// Describes the expected object.
    pub fn parse(given: &GivenClaims) -> Result<Self, &'static str> {
        let Value::Object(members) = &given.0 else {
            return Err(NOT_AN_OBJECT);
        };
        check(&given.0, DEEPEST)?;
        // Checked after the depth, so that the work is bounded.
        if given.0.to_string().len() > APP_CLAIMS_BYTES {
            return Err(TOO_LONG);
        }
        Ok(Self::of(members.clone()))
    }

    /// Reads what the database contains. `None` if it is not an object.
    pub fn from_stored(text: &str) -> Option<Self> {
        serde_json::from_str(text).map(Self::of).ok()
    }

    fn of(members: Map<String, Value>) -> Self {
        Self((!members.is_empty()).then(|| Arc::new(members)))
    }

    /// Returns whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the JSON text, without white space.
    pub fn to_text(&self) -> String {
        self.members().map_or_else(
            || "{}".to_owned(),
            // A map of texts and values can always be written.
            |members| serde_json::to_string(members).unwrap_or_default(),
        )
    }

    /// Returns the members that `other` has with the same value.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        let is_shared =
            |(name, value): &(&String, &Value)| other.members().and_then(|all| all.get(*name)) == Some(*value);
        let shared = self.members().into_iter().flatten().filter(is_shared);
        Self::of(shared.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn members(&self) -> Option<&Map<String, Value>> {
        self.0.as_deref()
    }
}

/// Checks a value with this many levels left, its own included.
fn check(value: &Value, levels: usize) -> Result<(), &'static str> {
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) => is_exact(number).then_some(()).ok_or(NUMBER),
        // What a text says is between back ends, so marks of direction and the like stay. Verifiers copy claims into headers
        // and logs, line by line.
        Value::String(text) => is_one_line(text).then_some(()).ok_or(TEXT),
        Value::Array(_) | Value::Object(_) if levels == 0 => Err(TOO_DEEP),
        Value::Array(items) => items.iter().try_for_each(|item| check(item, levels - 1)),
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            is_name(name).then_some(()).ok_or(NAME)?;
            check(member, levels - 1)
        }),
    }
}

/// Returns whether a member may have this name. Programmers and operators write names, and compare them by eye: ASCII has
/// no two that look alike because of what is not seen.
fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_part) && text != PROTOTYPE
}

/// Returns whether a number is the same after it was written and read, here and in other languages.
fn is_exact(number: &Number) -> bool {
    if let Some(integer) = number.as_i64() {
        return (-LARGEST_INTEGER..=LARGEST_INTEGER).contains(&integer);
    }
    // PostgreSQL and JavaScript write it without its sign.
    if number
        .as_f64()
        .is_some_and(|fraction| fraction == 0.0 && fraction.is_sign_negative())
    {
        return false;
    }
    let written = number.to_string();
    // Without the zeros in front, and the one that makes an integer a fraction.
    let significant = written.trim_start_matches(['-', '0', '.']).trim_end_matches(".0");
    let digits = significant.chars().filter(char::is_ascii_digit).count();
    digits <= MOST_DIGITS
        && !written.contains('e')
        && serde_json::from_str::<Number>(&written).ok().as_ref() == Some(number)
}

impl Serialize for AppClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.members().unwrap_or(&Map::new()).serialize(serializer)
    }
}

/// Reads claims that were checked before: those in a token that this service signed.
impl<'de> Deserialize<'de> for AppClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::of)
    }
}

/// A JSON value in which no object has a member twice: readers differ in which one counts (RFC 8259 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenClaims(Value);

impl<'de> Deserialize<'de> for GivenClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Distinct).map(Self)
    }
}

struct Distinct;

impl<'de> Visitor<'de> for Distinct {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(GivenClaims(item)) = items.next_element()? {
            read.push(item);
        }
        Ok(read.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some((name, GivenClaims(member))) = members.next_entry::<String, GivenClaims>()? {
            if read.contains_key(&name) {
                return Err(de::Error::custom(format_args!("duplicate field `{name}`")));
            }
            read.insert(name, member);
        }
        Ok(read.into())
    }
}

#[cfg(test)]
pub(in crate::domain) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Any value that JSON can express, deeper and longer than claims may be.
    pub(in crate::domain) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1000_i32..1000, 0_u32..9)
                .prop_map(|(whole, digits)| f64::from(whole) / f64::from(10_u32.pow(digits)))
                .prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "[a-z\\x00-\\x1f\u{85}\u{200b}\u{2028}\u{202e}\u{2800}]{0,6}".prop_map(Value::from),
            Just(Value::from(-0.0)),
        ];
        leaf.prop_recursive(6, 60, 5, |inner| {
            let name = prop_oneof![
                "\\PC{0,8}",
                "[ -~]{0,70}",
                "[ab\u{200b}\u{2029}\u{202e}\u{3164}\u{feff}]{0,3}",
                proptest::sample::select(vec!["sub", "roles", "app", "exp", "__proto__", "toString"])
                    .prop_map(str::to_owned),
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(name, inner, 0..5).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    /// Claims that may be stored.
    pub(in crate::domain) fn any_claims() -> impl Strategy<Value = AppClaims> {
        let member = prop_oneof![
            proptest::sample::select(vec!["sub", "iss", "roles", "permissions", "app", "exp", "cnf", "scope"])
                .prop_map(str::to_owned),
            "[a-z]{1,5}",
        ];
        let value = any_value().prop_filter("claims", |value| check(value, DEEPEST - 1).is_ok());
        proptest::collection::btree_map(member, value, 0..6).prop_filter_map("claims", |members| {
            AppClaims::parse(&GivenClaims(members.into_iter().collect())).ok()
        })
    }

    /// Returns the names of all members.
    fn names(value: &Value) -> Vec<&str> {
        match value {
            Value::Array(items) => items.iter().flat_map(names).collect(),
            Value::Object(members) => {
                let below = |(name, member)| [vec![String::as_str(name)], names(member)].concat();
                members.iter().flat_map(below).collect()
            }
            _ => Vec::new(),
        }
    }

    fn parse(text: &str) -> Result<AppClaims, String> {
        let given: GivenClaims = serde_json::from_str(text).map_err(|error| error.to_string())?;
        AppClaims::parse(&given).map_err(str::to_owned)
    }

    #[test]
    fn an_object_is_taken_as_it_is() {
        for text in [
            "{}",
            r#"{"plan":"gold","seats":5,"share":0.25,"trial":false,"until":null}"#,
            r#"{"a":{"b":[{}]},"sub":"x"}"#,
            r#"{"https://example.com/plan_2":"ö 🙂","urn:x-y.z":1}"#,
            "{\"a\":\"\u{202b}שלום\u{202c}\u{feff}\"}",
            r#"{"a":0.0,"b":0}"#,
            r#"{"a":1.23456789012345,"b":-0.123456789012345,"c":0.00123456789012345,"d":123456789012345.0}"#,
            r#"{"least":-9007199254740991,"most":9007199254740991}"#,
        ] {
            assert_eq!(parse(text).unwrap().to_text(), text);
        }
        assert!(parse(" {\n} ").unwrap().is_empty());
    }

    #[test]
    fn everything_else_is_refused() {
        for (text, refusal) in [
            ("null", NOT_AN_OBJECT),
            ("[]", NOT_AN_OBJECT),
            (r#""{}""#, NOT_AN_OBJECT),
            (r#"{"a":[[[[]]]]}"#, TOO_DEEP),
            (r#"{"a":{"b":{"c":{"d":{}}}}}"#, TOO_DEEP),
            (r#"{"a":"\u0000"}"#, TEXT),
            (r#"{"a":"b\nc"}"#, TEXT),
            (r#"{"a":"\u0085"}"#, TEXT),
            (r#"{"a":["b\u2028c"]}"#, TEXT),
            (r#"{"a\u0007":1}"#, NAME),
            (r#"{"plan\u200b":1}"#, NAME),
            (r#"{"a":{"\u202eb":1}}"#, NAME),
            (r#"{"a\u3164":1}"#, NAME),
            (r#"{"plan\u200d":1}"#, NAME),
            (r#"{"pl\u200can":1}"#, NAME),
            (r#"{"plan\ufe0f":1}"#, NAME),
            ("{\"plan\u{e0101}\":1}", NAME),
            ("{\"\u{1d159}\":1}", NAME),
            ("{\"\u{13441}\":1}", NAME),
            (r#"{"plаn":1}"#, NAME),
            (r#"{"":1}"#, NAME),
            (r#"{" ":1}"#, NAME),
            (r#"{"plan ":1}"#, NAME),
            (r#"{"a":{"b\"c":1}}"#, NAME),
            (r#"{"__proto__":{"admin":true}}"#, NAME),
            (r#"{"a":[{"__proto__":1}]}"#, NAME),
            (r#"{"a":-0.0}"#, NUMBER),
            (r#"{"a":[-0]}"#, NUMBER),
            (r#"{"a":-0e5}"#, NUMBER),
            (r#"{"a":9007199254740992}"#, NUMBER),
            (r#"{"a":-9007199254740992}"#, NUMBER),
            (r#"{"a":18446744073709551615}"#, NUMBER),
            (r#"{"a":1e300}"#, NUMBER),
            (r#"{"a":0.12345678901234567}"#, NUMBER),
            (r#"{"a":1.234567890123456}"#, NUMBER),
            (r#"{"a":-0.1234567890123456}"#, NUMBER),
            (r#"{"a":1234567890123456.0}"#, NUMBER),
            (r#"{"a":9007199254740992.0}"#, NUMBER),
        ] {
            assert_eq!(parse(text), Err(refusal.to_owned()), "{text}");
        }
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":[{"b":1,"b":2}]}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(parse(text).unwrap_err().contains("duplicate field `"), "{text}");
        }
        // Numbers that no double has, and half a surrogate pair.
        for text in [r#"{"a":1e400}"#, r#"{"a":"\ud800"}"#] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_has_64_characters_at_most() {
        for (length, is_good) in [(1, true), (64, true), (65, false)] {
            assert_eq!(
                parse(&json!({ "a".repeat(length): 1 }).to_string()).is_ok(),
                is_good,
                "{length}"
            );
        }
    }

    #[test]
    fn the_size_is_that_of_the_compact_text() {
        let of_length = |length: usize| {
            let text = json!({ "a": "ä".repeat((length - 8) / 2) }).to_string();
            assert_eq!(text.len(), length);
            text
        };
        assert!(parse(&of_length(APP_CLAIMS_BYTES)).is_ok());
        assert!(parse(&of_length(APP_CLAIMS_BYTES).replace(':', ":   \n")).is_ok());
        assert_eq!(parse(&of_length(APP_CLAIMS_BYTES + 2)), Err(TOO_LONG.to_owned()));
    }

    #[test]
    fn a_member_is_shared_if_both_have_it_with_the_same_value() {
        let shared = |one: &str, other: &str| parse(one).unwrap().shared_with(&parse(other).unwrap()).to_text();
        assert_eq!(shared(r#"{"a":1,"b":[1]}"#, r#"{"b":[1],"a":2}"#), r#"{"b":[1]}"#);
        assert_eq!(shared(r#"{"a":1}"#, "{}"), "{}");
        assert_eq!(shared(r#"{"a":null}"#, r#"{"b":1}"#), "{}");
        assert_eq!(shared(r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#), "{}");
    }

    proptest! {
        /// Whatever is accepted is within the bounds, and the same after any number of ways through text.
        #[test]
        fn what_is_parsed_is_read_back(value in any_value()) {
            if let Ok(claims) = parse(&value.to_string()) {
                let text = claims.to_text();
                let has_negative_zero = text.split([',', ':', '[', ']', '{', '}']).any(|part| part == "-0.0");
                prop_assert!(!has_negative_zero);
                let is_ascii = |name: &&str| {
                    name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
                };
                prop_assert!(names(&value).iter().all(is_ascii));
                prop_assert!(names(&value).iter().all(|name| (1..=64).contains(&name.len())));
                prop_assert!(is_one_line(&text));
                prop_assert!(text.len() <= APP_CLAIMS_BYTES && !text.contains('\0'));
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
                prop_assert_eq!(&parse(&text), &Ok(claims.clone()));
                prop_assert_eq!(AppClaims::from_stored(&text), Some(claims.clone()));
                prop_assert_eq!(serde_json::to_string(&claims).unwrap(), text.clone());
                prop_assert_eq!(serde_json::from_str::<AppClaims>(&text).unwrap(), claims);
            }
        }

        #[test]
        fn shared_members_are_of_both(one in any_claims(), other in any_claims()) {
            let shared = one.shared_with(&other);
            prop_assert_eq!(&shared, &other.shared_with(&one));
            prop_assert_eq!(&shared.shared_with(&one), &shared);
            prop_assert_eq!(one.shared_with(&one), one);
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,60}") {
            let _refused = parse(&text);
            let _corrupt = AppClaims::from_stored(&text);
        }
    }
}
