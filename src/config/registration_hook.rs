//! The registration hook.

use super::reader::Reader;
use super::settings;
use crate::crypto::webhook_signer::WebhookSigner;
use crate::domain::outbound_url::OutboundUrl;
use crate::domain::registration_hook::HookFailure;
use crate::registration_hook::RegistrationHookSettings;

/// Reads the hook, of which all is given or nothing. Whether an outage of the hook stops registrations or lets all of them
/// pass is for the operator to say: neither is a default that suits most.
#[expect(clippy::option_option, reason = "faulty settings differ from absent ones")]
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Option<RegistrationHookSettings>> {
    let parse_url = |text: &str| OutboundUrl::parse(text).map_err(str::to_owned);
    let url = reader.parse_optional(&settings::REGISTRATION_HOOK_URL, parse_url);
    let signer = reader.parse_optional(&settings::REGISTRATION_HOOK_SECRET, WebhookSigner::parse);
    let failure = reader.parse_optional(&settings::REGISTRATION_HOOK_FAILURE, |text| match text {
        "open" => Ok(HookFailure::Open),
        "closed" => Ok(HookFailure::Closed),
        _ => Err("must be open or closed".to_owned()),
    });
    match (url?, signer?, failure?) {
        (Some(url), Some(signer), Some(failure)) => Some(Some(RegistrationHookSettings { url, signer, failure })),
        (None, None, None) => Some(None),
        (url, signer, failure) => {
            for (setting, is_missing) in [
                (&settings::REGISTRATION_HOOK_URL, url.is_none()),
                (&settings::REGISTRATION_HOOK_SECRET, signer.is_none()),
                (&settings::REGISTRATION_HOOK_FAILURE, failure.is_none()),
            ] {
                if is_missing {
                    reader.fault(
                        setting,
                        "must be set together with the other settings of the registration hook",
                    );
                }
            }
            None
        }
    }
}
