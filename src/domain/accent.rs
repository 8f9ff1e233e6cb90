//! The accent colour of a deployment: one for light pages and one for dark ones, derived from the colour that the
//! operator sets, so that text in it and on it is readable (WCAG 2.2 §1.4.3: a contrast of 4.5 to 1).

use std::fmt;

/// The contrast that text requires (WCAG 2.2 §1.4.3).
const LEAST_CONTRAST: f64 = 4.5;
/// The backgrounds of text in this colour on the account pages: page, surface and tint. `web/css/base.css` has the
/// same.
const LIGHT_GROUNDS: [Colour; 3] = [Colour([0xf6, 0xf5, 0xf2]), WHITE, Colour([0xef, 0xee, 0xea])];
const DARK_GROUNDS: [Colour; 3] = [
    Colour([0x14, 0x14, 0x13]),
    Colour([0x1d, 0x1d, 0x1b]),
    Colour([0x29, 0x28, 0x25]),
];
const WHITE: Colour = Colour([0xff; 3]);
/// Text on a light accent.
const INK: Colour = Colour([0x0d, 0x1a, 0x2b]);
/// How far a colour moves towards black or white in one step, in percent, and how much further its strong form moves.
const STEP: u16 = 4;
const STRONGER: u16 = 24;

/// A colour of the sRGB space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Parses `#1d4f91`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let number = u32::from_str_radix(digits, 16)
            .ok()
            .filter(|_| !digits.starts_with('+'))?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }

    /// Returns the contrast with another colour, 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Returns how bright the eye perceives it (WCAG 2.2, relative luminance).
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Mixes it with `percent` of another colour.
    fn towards(self, other: Self, percent: u16) -> Self {
        let mix = |(own, others): (u8, u8)| {
            let sum = u16::from(own) * (100 - percent) + u16::from(others) * percent;
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        };
        let [red, green, blue] = self.0;
        let [other_red, other_green, other_blue] = other.0;
        Self([(red, other_red), (green, other_green), (blue, other_blue)].map(mix))
    }

    /// Returns the nearest colour on the way to `extreme` that is readable on all backgrounds.
    fn readable(self, grounds: &[Self], extreme: Self) -> Self {
        (0..=100 / STEP)
            .map(|step| self.towards(extreme, step * STEP))
            .find(|colour| grounds.iter().all(|ground| colour.contrast(*ground) >= LEAST_CONTRAST))
            .unwrap_or(extreme)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(formatter, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// The colours of one kind of page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shades {
    /// Links, buttons and the focus ring.
    pub accent: Colour,
    /// The same, when hovered.
    pub strong: Colour,
    /// Text on either.
    pub on_accent: Colour,
}

impl Shades {
    fn of(colour: Colour, grounds: &[Colour], extreme: Colour, on_accent: Colour) -> Self {
        let accent = colour.readable(grounds, extreme).readable(&[on_accent], extreme);
        Self {
            accent,
            strong: accent.towards(extreme, STRONGER),
            on_accent,
        }
    }
}

/// Returns the colours for light pages, and those for dark ones.
pub fn shades(colour: Colour) -> (Shades, Shades) {
    let black = Colour([0; 3]);
    (
        Shades::of(colour, &LIGHT_GROUNDS, black, WHITE),
        Shades::of(colour, &DARK_GROUNDS, WHITE, INK),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_are_six_hexadecimal_digits() {
        for (text, expected) in [
            ("#1d4f91", Some("#1d4f91")),
            ("#ABCDEF", Some("#abcdef")),
            ("1d4f91", None),
            ("#fff", None),
            ("#1d4f91ff", None),
            ("#12345g", None),
            ("#+12345", None),
            ("red", None),
            ("#é1234", None),
        ] {
            assert_eq!(
                Colour::parse(text).map(|colour| colour.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn contrasts_are_those_of_the_recommendation() {
        let contrast = |one: &str, other: &str| Colour::parse(one).unwrap().contrast(Colour::parse(other).unwrap());
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 0.01);
        assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01);
        assert!((contrast("#ff0000", "#ffffff") - 4.0).abs() < 0.01);
    }

    #[test]
    fn the_backgrounds_are_those_of_the_pages() {
        let style = include_str!("../../web/css/base.css");
        for (grounds, place) in [(LIGHT_GROUNDS, 0), (DARK_GROUNDS, 1)] {
            for (ground, name) in grounds.iter().zip(["page", "surface", "tint"]) {
                let mark = format!("  --{name}: #");
                let value = style.split(&mark).nth(place + 1).unwrap();
                let digits = value.split(';').next().unwrap();
                let colour = if digits.len() == 3 {
                    digits.repeat(2)
                } else {
                    digits.to_owned()
                };
                assert_eq!(format!("#{colour}"), ground.to_string(), "--{name}");
            }
        }
    }

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        let (light, _) = shades(Colour::parse("#1d4f91").unwrap());
        assert_eq!(light.accent.to_string(), "#1d4f91");
        let (_, dark) = shades(Colour::parse("#8ab8f5").unwrap());
        assert_eq!(dark.accent.to_string(), "#8ab8f5");
    }

    proptest! {
        #[test]
        fn text_can_be_read_whatever_colour_was_named(parts: [u8; 3]) {
            let (light, dark) = shades(Colour(parts));
            for (shades, grounds) in [(light, LIGHT_GROUNDS), (dark, DARK_GROUNDS)] {
                for colour in [shades.accent, shades.strong] {
                    for ground in grounds.into_iter().chain([shades.on_accent]) {
                        prop_assert!(colour.contrast(ground) >= LEAST_CONTRAST, "{colour} on {ground}");
                    }
                }
            }
        }
    }
}
