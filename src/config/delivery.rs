//! How messages are sent, and which channels may carry second-factor codes.

use super::Mode;
use super::passkeys::PasskeyConfig;
use super::reader::Reader;
use super::settings::{self, Setting};
use crate::crypto::webhook_signer::WebhookSigner;
use crate::delivery::sms::WebhookUrl;
use crate::delivery::smtp::{FromMailbox, SmtpServer};
use crate::domain::factor::FactorKind;
use crate::domain::message::Channel;
use crate::domain::phone_number::SmsCountries;
use crate::domain::roles::RoleFactors;

/// The kinds of second factors that a deployment may use. The authenticator app is always one of them: it needs no
/// provider.
const CHOICES: [FactorKind; 4] = [
    FactorKind::Totp,
    FactorKind::Passkey,
    FactorKind::Email,
    FactorKind::Sms,
];

/// How mail is sent.
#[derive(Debug)]
pub struct MailConfig {
    /// The server that takes it.
    pub server: SmtpServer,
    /// Its sender.
    pub from: FromMailbox,
}

/// How text messages are sent.
#[derive(Debug)]
pub struct SmsConfig {
    /// The webhook that takes them.
    pub url: WebhookUrl,
    /// What signs requests to the webhook.
    pub signer: WebhookSigner,
}

/// Mail, text messages, and the second factors that use them.
#[derive(Debug)]
pub struct DeliveryConfig {
    /// How mail is sent, if it is.
    pub mail: Option<MailConfig>,
    /// How text messages are sent, if they are.
    pub sms: Option<SmsConfig>,
    /// The kinds of second factors that users may set up.
    pub second_factors: Vec<FactorKind>,
    /// The second factors that roles require, among those that users may set up.
    pub role_factors: RoleFactors,
    /// What passkeys are for.
    pub passkeys: PasskeyConfig,
    /// Countries whose phone numbers can be set up as a second factor.
    pub sms_countries: SmsCountries,
}

impl DeliveryConfig {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader<'_>, mode: Mode) -> Option<Self> {
        let server = reader.parse_optional(&settings::SMTP_URL, SmtpServer::parse);
        let from = reader.parse_optional(&settings::MAIL_FROM, FromMailbox::parse);
        let mail = together(reader, (&settings::SMTP_URL, server), (&settings::MAIL_FROM, from));
        let url = reader.parse_optional(&settings::SMS_WEBHOOK_URL, WebhookUrl::parse);
        let signer = reader.parse_optional(&settings::SMS_WEBHOOK_SECRET, WebhookSigner::parse);
        let sms = together(
            reader,
            (&settings::SMS_WEBHOOK_URL, url),
            (&settings::SMS_WEBHOOK_SECRET, signer),
        );
        let second_factors = reader.parse(&settings::SECOND_FACTORS, parse_second_factors);
        let role_factors = read_role_factors(reader, second_factors.as_deref());
        let passkeys = PasskeyConfig::read(reader, mode);
        let sms_countries = reader.parse(&settings::SMS_COUNTRIES, SmsCountries::parse);
        Some(Self {
            mail: mail?.map(|(server, from)| MailConfig { server, from }),
            sms: sms?.map(|(url, signer)| SmsConfig { url, signer }),
            second_factors: second_factors?,
            role_factors: role_factors?,
            passkeys: passkeys?,
            sms_countries: sms_countries?,
        })
    }

    /// Returns the channels of second factors that cannot be sent, with the settings that are missing.
    pub fn lacking(&self) -> impl Iterator<Item = (Channel, &'static str)> {
        let channels = self.second_factors.iter().filter_map(|kind| kind.abilities().channel);
        channels.filter_map(|channel| match channel {
            Channel::Email if self.mail.is_none() => {
                Some((Channel::Email, "VESTIBULE_SMTP_URL and VESTIBULE_MAIL_FROM"))
            }
            Channel::Sms if self.sms.is_none() => Some((
                Channel::Sms,
                "VESTIBULE_SMS_WEBHOOK_URL and VESTIBULE_SMS_WEBHOOK_SECRET",
            )),
            Channel::Email | Channel::Sms => None,
        })
    }
}

/// A setting with the value that was read for it.
type Part<'a, T> = (&'a Setting, Option<Option<T>>);

/// Returns two settings that must be given together, or `Some(None)` if neither is given.
#[expect(clippy::option_option, reason = "faulty settings differ from absent ones")]
fn together<A, B>(reader: &mut Reader<'_>, one: Part<'_, A>, other: Part<'_, B>) -> Option<Option<(A, B)>> {
    match (one.1?, other.1?) {
        (Some(first), Some(second)) => Some(Some((first, second))),
        (None, None) => Some(None),
        (Some(_), None) => {
            reader.fault(other.0, format!("must be set together with {}", one.0.variable));
            None
        }
        (None, Some(_)) => {
            reader.fault(one.0, format!("must be set together with {}", other.0.variable));
            None
        }
    }
}

fn parse_second_factors(text: &str) -> Result<Vec<FactorKind>, String> {
    let wanted = || "must be a list of totp, passkey, email and sms, each once, with totp among them".to_owned();
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let choice = |word: &str| CHOICES.into_iter().find(|kind| kind.as_str() == word);
    let kinds: Vec<FactorKind> = words
        .map(|word| choice(word).ok_or_else(wanted))
        .collect::<Result<_, _>>()?;
    let is_once = |kind: &FactorKind| kinds.iter().filter(|other| *other == kind).count() == 1;
    if kinds.iter().all(is_once) && kinds.contains(&FactorKind::Totp) {
        Ok(kinds)
    } else {
        Err(wanted())
    }
}

/// Reads which second factors roles require. One that users cannot set up would lock the role for good, so it is a fault.
fn read_role_factors(reader: &mut Reader<'_>, second_factors: Option<&[FactorKind]>) -> Option<RoleFactors> {
    let setting = &settings::SECOND_FACTORS_FOR;
    let text = reader.text(setting).unwrap_or_default();
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let read = match RoleFactors::parse(pairs) {
        Ok(read) => read,
        Err(wanted) => {
            reader.fault(setting, wanted);
            return None;
        }
    };
    let available = second_factors?;
    if let Some(missing) = read.kinds().find(|kind| !available.contains(kind)) {
        let missing = missing.as_str();
        reader.fault(
            setting,
            format!("requires {missing}, which VESTIBULE_SECOND_FACTORS does not name"),
        );
        return None;
    }
    Some(read)
}
