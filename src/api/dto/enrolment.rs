//! A TOTP secret to be stored in an authenticator app.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::problem::{Code, Problem};
use crate::domain::totp::{DIGITS, PERIOD_SECONDS};
use crate::flows::factors::TotpEnrolment;

/// The side of a module in pixels; a phone can read it from a laptop's screen at arm's length.
const MODULE_PIXELS: usize = 6;
/// The width of the white border around the code in modules (ISO/IEC 18004 §6.3.8).
const QUIET_ZONE: usize = 4;

/// A secret for an authenticator app; shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = TotpEnrolment)]
pub struct TotpEnrolmentView {
    /// The secret in base 32 without padding, for manual entry.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    pub secret: String,
    /// The URI that the QR code encodes.
    #[schema(
        example = "otpauth://totp/auth.example.com:jo%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=auth.example.com&algorithm=SHA1&digits=6&period=30"
    )]
    pub otpauth_uri: String,
    /// The QR code as a PNG image in a data URI.
    #[schema(example = "data:image/png;base64,iVBORw0KGgo…")]
    pub qr_code: String,
    /// Always SHA1.
    #[schema(example = "SHA1")]
    pub algorithm: &'static str,
    /// The number of digits of a code.
    #[schema(example = 6)]
    pub digits: u32,
    /// The seconds that a code is valid for.
    #[schema(example = 30)]
    pub period: u64,
    /// The seconds until the enrolment expires; the first code must be sent before.
    #[schema(example = 600)]
    pub expires_in: i64,
}

impl TotpEnrolmentView {
    /// Shows an enrolment.
    ///
    /// # Errors
    ///
    /// `internal_error` if the URI does not fit into a QR code, which its length limits rule out.
    pub fn new(enrolment: &TotpEnrolment) -> Result<Self, Problem> {
        let picture = qr_png(&enrolment.otpauth_uri).ok_or_else(|| {
            tracing::error!("an otpauth URI could not be encoded as a QR code");
            Problem::of(Code::InternalError)
        })?;
        Ok(Self {
            secret: enrolment.secret.to_base32(),
            otpauth_uri: enrolment.otpauth_uri.clone(),
            qr_code: format!("data:image/png;base64,{}", STANDARD.encode(picture)),
            algorithm: "SHA1",
            digits: DIGITS,
            period: PERIOD_SECONDS,
            expires_in: enrolment.expires_in,
        })
    }
}

/// Draws a QR code as a black and white PNG.
fn qr_png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let side = (code.width() + 2 * QUIET_ZONE) * MODULE_PIXELS;
    let is_dark = |x: usize, y: usize| {
        let module = |pixel: usize| {
            (pixel / MODULE_PIXELS)
                .checked_sub(QUIET_ZONE)
                .filter(|at| *at < code.width())
        };
        module(x).zip(module(y)).is_some_and(|at| code[at] == Color::Dark)
    };
    let pixels: Vec<u8> = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .map(|(x, y)| if is_dark(x, y) { 0 } else { 255 })
        .collect();
    let mut picture = Vec::new();
    let pixels_a_side = u32::try_from(side).ok()?;
    let mut encoder = png::Encoder::new(&mut picture, pixels_a_side, pixels_a_side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Random;
    use crate::domain::totp::TotpSecret;

    struct Ones;

    impl Random for Ones {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(0xff);
        }
    }

    #[test]
    fn the_longest_names_still_fit_into_a_code() {
        let secret = TotpSecret::generate(&Ones);
        let account = format!("{}@{}", "+".repeat(64), "b".repeat(189));
        let uri = secret.otpauth_uri(&"a".repeat(253), &account);
        assert!(uri.len() > 900);
        assert!(qr_png(&uri).unwrap().starts_with(b"\x89PNG"));
    }
}
