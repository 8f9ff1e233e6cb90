//! The logo of a deployment, as its operator provides it.

/// Most bytes: the logo stays in memory, and every sign-in page loads it.
pub const MOST_BYTES: usize = 256 * 1024;
/// The beginning of a PNG (W3C PNG §5.2), up to the name of its first chunk.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// An image that browsers show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// The content of the file.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
}

impl Logo {
    /// Accepts a file that is an SVG or a PNG.
    ///
    /// # Errors
    ///
    /// Describes the expected file.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() > MOST_BYTES {
            return Err(format!("must have at most {} KiB", MOST_BYTES / 1024));
        }
        let media_type = if bytes.starts_with(PNG) {
            "image/png"
        } else if str::from_utf8(&bytes).is_ok_and(is_svg) {
            "image/svg+xml"
        } else {
            return Err("must be an SVG or a PNG".to_owned());
        };
        Ok(Self { bytes, media_type })
    }
}

/// Returns whether the first element is `svg`. A declaration, a document type and comments may precede it.
fn is_svg(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = match rest {
            rest if rest.starts_with("<!--") => "-->",
            rest if rest.starts_with("<?") => "?>",
            rest if rest.starts_with("<!") => ">",
            rest => {
                let name = rest.strip_prefix("<svg").unwrap_or_default();
                return name.starts_with(|next: char| next.is_whitespace() || next == '>');
            }
        };
        match rest.split_once(end) {
            Some((_, after)) => rest = after.trim_start(),
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_of_two_kinds_are_taken() {
        let png = [PNG, b"\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0"].concat();
        for (bytes, expected) in [
            (png.clone(), Some("image/png")),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
                Some("image/svg+xml"),
            ),
            (
                b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a <b> --><!DOCTYPE svg>\n<svg>\n</svg>".to_vec(),
                Some("image/svg+xml"),
            ),
            (b"<html><svg/></html>".to_vec(), None),
            (b"<svgx/>".to_vec(), None),
            (b"<!-- svg".to_vec(), None),
            (b"GIF89a".to_vec(), None),
            (b"\xff\xd8\xff".to_vec(), None),
            (Vec::new(), None),
            ([png, vec![0; MOST_BYTES]].concat(), None),
        ] {
            let taken = Logo::parse(bytes.clone());
            assert_eq!(taken.ok().map(|logo| logo.media_type), expected, "{bytes:?}");
        }
    }
}
