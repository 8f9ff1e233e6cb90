//! Finds the country of a phone number, and whether it is a mobile phone's.
//!
//! The plans are libphonenumber's, as the crate `phonenumber` contains them. Its parser is not used: it takes a zero at
//! the beginning of a national number for a prefix and drops it, though in Côte d'Ivoire, Benin and the Congo the zero
//! belongs to the number. Numbers here always have their country code, so it is enough to match the digits against the
//! plans.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex::{Regex, RegexBuilder};

/// The id that libphonenumber gives to ranges of no country: satellite phones, networks at sea and in the air,
/// international freephone and premium numbers.
const NO_COUNTRY: &str = "001";
/// The codes of those ranges (ITU-T E.164, "List of country codes"); the plans do not have all of them.
const OF_NO_COUNTRY: [u16; 9] = [800, 808, 870, 878, 881, 882, 883, 888, 979];
/// Most digits of a country code (ITU-T E.164 §6.2.1).
const LONGEST_CODE: usize = 3;

/// What the plans say about a number.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Found<'a> {
    /// A mobile phone's, in one of these countries (ISO 3166-1): some share a range.
    Mobile {
        /// The country code.
        code: &'a str,
        /// The national number, without a prefix that is dialled only inside the country.
        national: &'a str,
        /// At least one.
        countries: Vec<&'static str>,
    },
    /// Another number of a country: of a fixed line, or of a service.
    Other,
    /// It is of a range that belongs to no country: satellite phones, networks at sea and in the air, international
    /// freephone and premium services.
    NoCountry,
    /// There is no such number.
    Nothing,
}

/// Looks up a number: its country code and national number, digits only.
pub(super) fn look_up(digits: &str) -> Found<'_> {
    // No country code begins with zero or with another country code, so at most one length matches.
    let longest = if digits.starts_with('0') {
        0
    } else {
        LONGEST_CODE.min(digits.len())
    };
    let split = (1..=longest).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        Some((code, national, PLANS.get(&code.parse().ok()?)?))
    });
    let Some((code, national, plans)) = split else {
        let codes = (1..=longest).filter_map(|length| digits.get(..length)?.parse().ok());
        let is_of_no_country = codes.into_iter().any(|code| OF_NO_COUNTRY.contains(&code));
        return if is_of_no_country {
            Found::NoCountry
        } else {
            Found::Nothing
        };
    };
    // Users also write the prefix that they dial inside the country: +49 (0) 151 …
    let prefixes = plans.iter().filter_map(|plan| national.strip_prefix(plan.prefix?));
    let mut candidates = std::iter::once(national).chain(prefixes);
    // As in libphonenumber, the first plan that knows a number decides.
    let decided = candidates.find_map(|number| {
        let mut known = plans.iter().filter(|plan| plan.begins(number));
        Some((number, known.find_map(|plan| plan.kind(number))?))
    });
    match decided {
        None => Found::Nothing,
        Some((_, Kind::Other)) => Found::Other,
        Some((number, Kind::Mobile)) => Found::Mobile {
            code,
            national: number,
            // Åland shares ranges with Finland: a mobile number in one of them is Finland's, and may be Åland's.
            countries: plans
                .iter()
                .filter(|plan| plan.kind(number) == Some(Kind::Mobile))
                .map(|plan| plan.country)
                .collect(),
        },
    }
}

/// Returns the code of a country that has a plan (ISO 3166-1 alpha-2, upper case).
pub(super) fn country(code: &str) -> Option<&'static str> {
    let mut all = PLANS.values().flatten().map(|plan| plan.country);
    all.find(|country| *country == code)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Mobile,
    Other,
}

/// By country code; among those that share one, the main country comes first.
static PLANS: LazyLock<BTreeMap<u16, Vec<Plan>>> = LazyLock::new(|| {
    let mut plans = BTreeMap::<u16, Vec<Plan>>::new();
    for metadata in DATABASE.iter().filter(|metadata| metadata.id() != NO_COUNTRY) {
        plans
            .entry(metadata.country_code())
            .or_default()
            .push(Plan::of(metadata));
    }
    for sharing in plans.values_mut() {
        sharing.sort_by_key(|plan| (!plan.is_main, plan.country));
    }
    plans
});

/// The plan of one country.
struct Plan {
    country: &'static str,
    is_main: bool,
    prefix: Option<&'static str>,
    leading_digits: Option<Pattern>,
    general: Pattern,
    mobile: Option<Pattern>,
    fixed_line: Option<Pattern>,
    /// Numbers that are not a subscriber's phone, or cost more to call. They are checked first, as in libphonenumber.
    special: Vec<Pattern>,
}

impl Plan {
    fn of(metadata: &'static Metadata) -> Self {
        let all = metadata.descriptors();
        let special = [
            all.premium_rate(),
            all.toll_free(),
            all.shared_cost(),
            all.voip(),
            all.personal_number(),
            all.pager(),
            all.uan(),
            all.voicemail(),
        ];
        Self {
            country: metadata.id(),
            is_main: metadata.is_main_country_for_code(),
            prefix: metadata.national_prefix(),
            leading_digits: metadata
                .leading_digits()
                .map(|leading| Pattern::new(&[], leading.as_str(), "")),
            general: Pattern::of(all.general()),
            mobile: all.mobile().map(Pattern::of),
            fixed_line: all.fixed_line().map(Pattern::of),
            special: special.into_iter().flatten().map(Pattern::of).collect(),
        }
    }

    /// Returns whether a number may belong to this country, among those that share a code.
    fn begins(&self, national: &str) -> bool {
        let leading = self.leading_digits.as_ref();
        leading.is_none_or(|leading| leading.is_match(national))
    }

    /// Returns what kind of number it is in this country; `None` if it is not a number there.
    fn kind(&self, national: &str) -> Option<Kind> {
        if !self.general.is_match(national) {
            return None;
        }
        let is = |pattern: &Option<Pattern>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(national));
        if self.special.iter().any(|special| special.is_match(national)) {
            Some(Kind::Other)
        } else if is(&self.mobile) {
            Some(Kind::Mobile)
        } else {
            is(&self.fixed_line).then_some(Kind::Other)
        }
    }
}

/// Which national numbers are of one kind. Compiled at first use, which most plans never see.
struct Pattern {
    lengths: &'static [u16],
    source: String,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn of(descriptor: &'static Descriptor) -> Self {
        Self::new(descriptor.possible_length(), descriptor.national_number().as_str(), "$")
    }

    fn new(lengths: &'static [u16], source: &str, end: &str) -> Self {
        Self {
            lengths,
            source: format!("^(?:{source}){end}"),
            regex: OnceLock::new(),
        }
    }

    fn is_match(&self, national: &str) -> bool {
        let fits = self.lengths.is_empty() || self.lengths.iter().any(|length| usize::from(*length) == national.len());
        // The sources contain line breaks.
        let compile = || {
            RegexBuilder::new(&self.source)
                .ignore_whitespace(true)
                .unicode(false)
                .build()
                .ok()
        };
        let regex = self.regex.get_or_init(compile);
        fits && regex.as_ref().is_some_and(|regex| regex.is_match(national))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn countries(digits: &str) -> Vec<&'static str> {
        match look_up(digits) {
            Found::Mobile { countries, .. } => countries,
            other => panic!("{digits}: {other:?}"),
        }
    }

    /// ITU's codes for satellites (870, 881), networks (882, 883), and services (800, 808, 878, 888, 979).
    #[test]
    fn ranges_of_no_country_are_told_from_numbers_that_do_not_exist() {
        for digits in [
            "881612345678",
            "870773111632",
            "88213000000",
            "883510012345",
            "979123456789",
            "80012345678",
            "8816",
        ] {
            assert_eq!(look_up(digits), Found::NoCountry, "{digits}");
        }
        for digits in ["9991234567", "2101234567", "88", "8", "0881612345678", ""] {
            assert_eq!(look_up(digits), Found::Nothing, "{digits}");
        }
        assert!(OF_NO_COUNTRY.iter().all(|code| !PLANS.contains_key(code)));
        let of_none = DATABASE.iter().filter(|metadata| metadata.id() == NO_COUNTRY);
        for code in of_none.map(Metadata::country_code) {
            assert!(OF_NO_COUNTRY.contains(&code), "{code}");
        }
    }

    #[test]
    fn all_patterns_compile() {
        for plan in PLANS.values().flatten() {
            let named = [&plan.leading_digits, &plan.mobile, &plan.fixed_line];
            let patterns = named.into_iter().flatten().chain(&plan.special).chain([&plan.general]);
            for pattern in patterns {
                pattern.is_match("1");
                assert!(pattern.regex.get().unwrap().is_some(), "{}", plan.country);
            }
        }
    }

    #[test]
    fn the_mobile_number_that_each_country_shows_is_its_own() {
        let mut shown = 0;
        for metadata in DATABASE.iter().filter(|metadata| metadata.id() != NO_COUNTRY) {
            let Some(example) = metadata.descriptors().mobile().and_then(Descriptor::example) else {
                continue;
            };
            shown += 1;
            let digits = format!("{}{example}", metadata.country_code());
            assert!(
                countries(&digits).contains(&metadata.id()),
                "{}: +{digits}",
                metadata.id()
            );
            let Found::Mobile { national, .. } = look_up(&digits) else {
                unreachable!()
            };
            assert_eq!(national, example);
        }
        assert!(shown >= 235, "{shown}");
    }

    /// Some plans have one range for mobile phones and fixed lines; it contains no special number.
    #[test]
    fn the_special_numbers_that_each_country_shows_are_not_mobile_ones() {
        let mut shown = 0;
        for metadata in DATABASE.iter() {
            let all = metadata.descriptors();
            let special = [
                all.premium_rate(),
                all.shared_cost(),
                all.toll_free(),
                all.voip(),
                all.pager(),
            ];
            let special = special
                .into_iter()
                .chain([all.personal_number(), all.uan(), all.voicemail()]);
            for example in special.flatten().filter_map(Descriptor::example) {
                shown += 1;
                let digits = format!("{}{example}", metadata.country_code());
                assert!(
                    !matches!(look_up(&digits), Found::Mobile { .. }),
                    "{}: +{digits}",
                    metadata.id()
                );
            }
        }
        assert!(shown > 500, "{shown}");
    }

    #[test]
    fn ranges_that_belong_to_no_country_are_none() {
        for metadata in DATABASE.iter().filter(|metadata| metadata.id() == NO_COUNTRY) {
            let all = metadata.descriptors();
            for example in [Some(all.general()), all.mobile()]
                .into_iter()
                .flatten()
                .filter_map(Descriptor::example)
            {
                assert_eq!(
                    look_up(&format!("{}{example}", metadata.country_code())),
                    Found::NoCountry
                );
            }
        }
        for digits in [
            "881612345678",
            "870773111632",
            "882161234567",
            "883510012345",
            "97912345678",
            "80012345678",
        ] {
            assert_eq!(look_up(digits), Found::NoCountry, "+{digits}");
        }
    }

    #[test]
    fn countries_that_share_a_code_are_told_apart_where_their_ranges_differ() {
        assert_eq!(countries("12015550123"), ["US"]);
        assert_eq!(countries("15062345678"), ["CA"]);
        assert_eq!(countries("447400123456"), ["GB"]);
        assert_eq!(countries("447797712345"), ["JE"]);
        assert_eq!(countries("77710009998"), ["KZ"]);
        assert_eq!(countries("79123456789"), ["RU"]);
        let shared = countries("590690001234");
        assert!(
            shared.contains(&"GP") && shared.contains(&"BL") && shared.contains(&"MF"),
            "{shared:?}"
        );
    }

    #[test]
    fn what_is_dialled_at_home_only_is_dropped() {
        let of = |digits: &str| match look_up(digits) {
            Found::Mobile { code, national, .. } => format!("{code}{national}"),
            other => panic!("{digits}: {other:?}"),
        };
        assert_eq!(of("49015112345678"), "4915112345678");
        assert_eq!(of("4407400123456"), "447400123456");
        for zero_belongs in ["2250712345678", "2290195123456", "242061234567"] {
            assert_eq!(of(zero_belongs), zero_belongs);
        }
    }

    #[test]
    fn countries_are_known_by_their_codes() {
        assert_eq!((country("DE"), country("CI")), (Some("DE"), Some("CI")));
        for text in ["", "de", "XX", "DEU", "001", "D"] {
            assert_eq!(country(text), None, "{text:?}");
        }
    }
}
