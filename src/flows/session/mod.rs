//! Sessions: begun when all factors are verified, continued, listed, looked up and ended; and the devices that are
//! trusted to begin one without a second factor.
//!
//! It may call `notify`.

mod activate;
pub mod ended;
pub mod introspect;
pub mod logout;
pub mod one_session;
pub mod refresh;
pub mod revoke;
pub(in crate::flows) mod session_end;
pub mod sessions;
pub mod trusted_device;

pub use activate::TokenGrant;
pub(in crate::flows) use activate::{Activated, SessionActivation, activate, grant, grant_with_device};
pub(in crate::flows) use refresh::{PresentedToken, Renewal, renew};
pub use sessions::Caller;
pub(in crate::flows) use sessions::{ApplicationCaller, authenticate_application};
pub(in crate::flows) use trusted_device::RecalledDevice;
pub use trusted_device::{DeviceGrant, PresentedDevice};
