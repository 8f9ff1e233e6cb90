//! Trusted devices.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::trusted_device::TrustedDevice;

/// A device that spares its user the second factor.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustedDevice)]
pub struct TrustedDeviceView {
    /// The id of the device.
    pub id: Uuid,
    /// When it was trusted.
    pub created_at: DateTime<Utc>,
    /// When it counts no longer.
    pub expires_at: DateTime<Utc>,
    /// When it last spared its user the second factor.
    #[schema(required)]
    pub last_used_at: Option<DateTime<Utc>>,
    /// The client address of the login that trusted it.
    #[schema(example = "203.0.113.7")]
    #[schema(required)]
    pub ip: Option<String>,
    /// The `User-Agent` of the login that trusted it.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64)")]
    #[schema(required)]
    pub user_agent: Option<String>,
}

impl TrustedDeviceView {
    /// Shows a device to its owner or to an operator.
    pub fn new(device: TrustedDevice) -> Self {
        Self {
            id: device.key.device_id.uuid(),
            created_at: device.created_at,
            expires_at: device.expires_at,
            last_used_at: device.last_used_at,
            ip: device.origin.ip.map(|ip| ip.to_string()),
            user_agent: device.origin.user_agent,
        }
    }
}

/// Trusted devices, newest first.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"devices": [{
    "id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071", "created_at": "2026-03-01T12:00:00Z",
    "expires_at": "2026-03-31T12:00:00Z", "last_used_at": null, "ip": "203.0.113.7",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
}]}))]
pub struct TrustedDevicesResponse {
    /// The devices that count.
    pub devices: Vec<TrustedDeviceView>,
}

impl TrustedDevicesResponse {
    /// Shows devices.
    pub fn new(devices: Vec<TrustedDevice>) -> Self {
        Self {
            devices: devices.into_iter().map(TrustedDeviceView::new).collect(),
        }
    }
}
