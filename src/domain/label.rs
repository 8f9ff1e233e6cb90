//! Names and short texts that are shown to users: what they must be, so that two that look alike are alike and none changes
//! how a page or a log looks.
//!
//! Unicode has characters that are not seen, and only change how those beside them look. They are allowed where the scripts
//! and emoji that have them need them, and nowhere else.

use icu_properties::props::{
    CanonicalCombiningClass, EmojiModifier, ExtendedPictographic, GeneralCategory, Ideographic, JoiningType,
};
use icu_properties::{CodePointMapData, CodePointSetData};

use super::typed_text::{category, is_one_line, shows_nothing, trim};

/// Most characters of a name that an owner gives something of theirs.
const LONGEST_NAME: usize = 64;
/// The most marks on one letter: Hebrew and Vietnamese have up to four. More of them cover other lines.
const MOST_MARKS: usize = 4;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const KEYCAP: char = '\u{20e3}';
/// They are symbols and letters to Unicode, not spaces, and fonts show nothing for them: the empty cell of Braille, two
/// blanks of Egyptian hieroglyphs and the null note head.
const BLANKS: [char; 4] = ['\u{2800}', '\u{13441}', '\u{13442}', '\u{1d159}'];

/// Returns whether a text is what it looks like: one line, without characters that are not seen or change how others look,
/// such as the marks of direction, which can turn a name around. A joiner or a selector of variants is allowed where it is
/// a part of a visible character, and no letter has more than four marks.
pub fn is_plain(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let is_hidden = |place: usize, character: char| {
        BLANKS.contains(&character) || shows_nothing(character) && !is_part(&characters, place)
    };
    let is_seen = !characters
        .iter()
        .enumerate()
        .any(|(place, character)| is_hidden(place, *character));
    let has_few_marks = characters
        .windows(MOST_MARKS + 1)
        .all(|row| !row.iter().all(|character| is_mark(*character)));
    is_one_line(text) && is_seen && has_few_marks
}

/// Returns whether a name or a short text can be shown to users: 1 to `most` characters, plain, and with one at least that
/// is seen by itself.
pub fn is_label(text: &str, most: usize) -> bool {
    text.chars().count() <= most && is_plain(text) && shows_something(text)
}

/// Parses the name that an owner gives something of theirs, to tell it from others: 1 to 64 characters. White space and
/// invisible characters around it are removed.
///
/// # Errors
///
/// Names the rule that the name breaks.
pub fn name(text: &str) -> Result<&str, &'static str> {
    let name = trim(text);
    if !shows_something(name) {
        return Err("must not be empty");
    }
    if name.chars().count() > LONGEST_NAME {
        return Err("must have at most 64 characters");
    }
    if !is_plain(name) {
        return Err(
            "must not have line ends, invisible characters such as marks of direction, or many marks on a letter",
        );
    }
    Ok(name)
}

/// Returns whether a text has a character that is seen by itself, which white space and marks are not.
fn shows_something(text: &str) -> bool {
    let is_seen = |character: char| {
        let is_blank = character.is_whitespace() || BLANKS.contains(&character) || shows_nothing(character);
        !is_blank && !is_mark(character) && category(character) != GeneralCategory::Control
    };
    text.contains(is_seen)
}

/// Returns whether a character is drawn above, below or around the one before it.
fn is_mark(character: char) -> bool {
    matches!(
        category(character),
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
    )
}

/// Returns whether the character at a place, which is not seen, is a part of what stands around it.
fn is_part(characters: &[char], place: usize) -> bool {
    let (before, [this, after @ ..]) = characters.split_at(place) else {
        return false;
    };
    match *this {
        ZERO_WIDTH_NON_JOINER => is_beside_virama(before, after) || parts_joined_letters(before, after),
        ZERO_WIDTH_JOINER => is_beside_virama(before, after) || joins_emoji(before, after),
        '\u{fe0e}' | '\u{fe0f}' => before.last().is_some_and(|last| {
            is_pictograph(*last) || "#*0123456789".contains(*last) && after.first() == Some(&KEYCAP)
        }),
        // The variants of ideographs, and those of Mongolian letters (The Unicode Standard §23.4).
        '\u{fe00}'..='\u{fe02}' | '\u{e0100}'..='\u{e01ef}' => before
            .last()
            .is_some_and(|last| CodePointSetData::new::<Ideographic>().contains(*last)),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => before
            .last()
            .is_some_and(|last| ('\u{1820}'..='\u{18aa}').contains(last)),
        _ => false,
    }
}

/// The scripts of India join letters by a virama, and a joiner beside it decides how (RFC 5892 §A.1 and §A.2; before it in
/// Bengali and Kannada, The Unicode Standard §12.2 and §12.8).
fn is_beside_virama(before: &[char], after: &[char]) -> bool {
    let is_virama = |character: &char| {
        CodePointMapData::<CanonicalCombiningClass>::new().get(*character) == CanonicalCombiningClass::Virama
    };
    let is_letter = |character: &char| {
        matches!(
            category(*character),
            GeneralCategory::OtherLetter | GeneralCategory::NonspacingMark
        )
    };
    before.last().is_some_and(is_virama) || before.last().is_some_and(is_letter) && after.first().is_some_and(is_virama)
}

/// Arabic letters are joined where nothing parts them, as in Persian words of two parts (RFC 5892 §A.1).
fn parts_joined_letters(before: &[char], after: &[char]) -> bool {
    let joining = |character: &char| CodePointMapData::<JoiningType>::new().get(*character);
    // A joiner is transparent too, and two that follow one another look like one.
    let is_passed = |kind: &JoiningType| *kind == JoiningType::Transparent;
    let is_first = before.last().is_some_and(|last| !shows_nothing(*last));
    let previous = before.iter().rev().map(joining).find(|kind| !is_passed(kind));
    let next = after.iter().map(joining).find(|kind| !is_passed(kind));
    is_first
        && matches!(previous, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(next, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Emoji of several, such as families (UTS #51 §2.2, ED-16).
fn joins_emoji(before: &[char], after: &[char]) -> bool {
    let is_element_end = |character: &char| {
        is_pictograph(*character)
            || *character == '\u{fe0f}'
            || CodePointSetData::new::<EmojiModifier>().contains(*character)
    };
    before.last().is_some_and(is_element_end) && after.first().is_some_and(|next| is_pictograph(*next))
}

fn is_pictograph(character: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_text_is_what_it_looks_like() {
        for text in [
            "Jo's phone – 2",
            "نامه\u{200c}ای",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
            "🏳\u{fe0f}\u{200d}🌈 👩🏽\u{200d}🚀 1\u{fe0f}\u{20e3} 🇩🇪",
            "葛\u{e0100}城",
            "Zoë  Müller",
            "東京\u{3000}支店",
            "क\u{94d}\u{200d}ष",
            "র\u{200d}\u{9cd}যাব",
            "ශ\u{dca}\u{200d}රී",
            "ᠠ\u{180b}",
            "Việt Nam e\u{302}\u{301}",
            "שָׁלוֹם",
        ] {
            assert!(is_plain(text) && is_label(text, 20) && name(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn characters_that_are_not_seen_are_refused_anywhere() {
        for hidden in [
            '\0',
            '\t',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2800}',
            '\u{3164}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0041}',
            '\u{13441}',
            '\u{13442}',
            '\u{1d159}',
        ] {
            for text in [format!("a{hidden}b"), format!("{hidden}ab"), format!("ab{hidden}")] {
                assert!(!is_plain(&text) && !is_label(&text, 20), "{text:?}");
            }
        }
    }

    #[test]
    fn a_label_shows_something_and_has_a_limit() {
        for blank in [
            "",
            " ",
            "\u{a0}\u{3000}",
            "\u{200d}",
            "\u{fe0f}",
            "\u{1d159}",
            "\u{13441}",
            "\u{301}",
            " \u{301}\u{302}",
        ] {
            assert!(!is_label(blank, 20) && name(blank).is_err(), "{blank:?}");
        }
        assert!(is_label("ä".repeat(20).as_str(), 20) && !is_label("ä".repeat(21).as_str(), 20));
    }

    #[test]
    fn joiners_and_selectors_are_only_where_a_script_needs_them() {
        for text in [
            "plan\u{200d}",
            "pl\u{200c}an",
            "pl\u{200d}an",
            "plan\u{fe0f}",
            "plan1\u{fe0f}",
            "plan\u{e0101}",
            "plan\u{180b}",
            "❤\u{fe0f}\u{fe0f}",
            "❤\u{200d}x",
            "❤\u{e0100}",
            "葛\u{e0100}\u{e0101}",
            "葛\u{fe0f}",
            "نامه\u{200c}\u{200c}ای",
            "نامه\u{200c}",
            "क\u{94d}\u{200d}\u{200d}ष",
            "\u{200d}👧",
        ] {
            assert!(!is_plain(text) && !is_label(text, 20), "{text:?}");
        }
    }

    #[test]
    fn a_letter_has_four_marks_at_most() {
        for (count, is_good) in [(1, true), (4, true), (5, false), (199, false)] {
            let text = format!("a{}b", "\u{301}".repeat(count));
            assert_eq!(is_label(&text, 300), is_good, "{count}");
        }
        assert!(!is_label(&"\u{20dd}\u{301}".repeat(3), 300));
    }

    proptest! {
        /// Whatever is inserted, wherever: a label is one line, shows something, and hides nothing.
        #[test]
        fn a_label_is_one_line_and_hides_nothing(
            (before, inserted, after) in ("\\PC{0,8}", any::<char>(), "\\PC{0,8}"),
        ) {
            let text = format!("{before}{inserted}{after}");
            if is_label(&text, 20) {
                let of_joined = |character: char| {
                    "\u{200c}\u{200d}\u{180b}\u{180c}\u{180d}\u{180f}".contains(character)
                        || ('\u{fe00}'..='\u{fe0f}').contains(&character)
                        || ('\u{e0100}'..='\u{e01ef}').contains(&character)
                };
                prop_assert!(text.chars().all(|character| !shows_nothing(character) || of_joined(character)));
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(text.chars().any(|seen| !seen.is_whitespace() && !is_mark(seen) && !shows_nothing(seen)));
                let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
                prop_assert_eq!(lines, 1);
            }
        }

        /// Two names that differ only in what is not seen would look alike.
        #[test]
        fn in_latin_text_nothing_that_is_not_seen_is_allowed(
            (before, inserted, after) in ("[a-zA-Z0-9 ]{0,8}", any::<char>().prop_filter("not seen", |c| shows_nothing(*c)), "[a-z]{0,8}"),
        ) {
            let text = format!("{before}{inserted}{after}");
            prop_assert!(!is_plain(&text), "{text:?}");
        }

        #[test]
        fn no_label_has_more_marks_on_a_letter_than_scripts_use(
            parts in proptest::collection::vec(proptest::sample::select(vec!['a', '\u{301}', '\u{327}', '\u{489}', '\u{20dd}']), 0..20),
        ) {
            let text: String = parts.into_iter().collect();
            let longest = text.split('a').map(|marks| marks.chars().count()).max().unwrap_or_default();
            prop_assert_eq!(is_plain(&text), longest <= MOST_MARKS);
        }
    }
}
