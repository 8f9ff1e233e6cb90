//! The device token that spares a second factor, in the body or in a cookie.

use actix_web::HttpRequest;
use secrecy::SecretString;

use crate::api::state::ApiState;
use crate::domain::session::RefreshTokenTransport;
use crate::flows::session::PresentedDevice;

/// Returns the device token of a request, in the body or in the cookie.
pub fn presented_device(
    state: &ApiState,
    http: &HttpRequest,
    in_body: Option<SecretString>,
) -> Option<PresentedDevice> {
    let by = |transport| move |token| PresentedDevice { token, transport };
    let in_body = in_body.map(by(RefreshTokenTransport::Body));
    in_body.or_else(|| {
        let token = state.cookies.device.read(http);
        token.map(by(RefreshTokenTransport::Cookie))
    })
}
