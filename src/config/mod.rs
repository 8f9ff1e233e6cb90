//! Settings: read once at start, checked as a whole, passed on as small structures.
//!
//! All faults are reported at once, each with the name of its variable. Only `cli`, `app`, `server` and `telemetry` see
//! this module.

mod branding;
mod database;
mod delivery;
mod fault;
mod keys;
mod limits;
mod listen;
mod passkeys;
mod permissions;
mod providers;
mod reader;
mod registration_hook;
mod server;
pub mod settings;
pub mod source;
mod tokens;
mod toml_file;

pub use self::branding::BrandingConfig;
pub use self::database::{DatabaseConfig, DatabaseLocation};
pub use self::delivery::{DeliveryConfig, MailConfig, SmsConfig};
pub use self::fault::ConfigFault;
pub use self::keys::MasterKeySource;
pub(crate) use self::keys::parse_keyring;
pub use self::limits::LimitsConfig;
pub use self::listen::Listen;
pub use self::providers::ProvidersConfig;
pub use self::server::{LogFormat, MetricsListen, ServerConfig};
pub use self::source::{SecretFile, Source};
pub use self::tokens::TokensConfig;

use self::reader::Reader;
use crate::domain::policy::{RegistrationMode, TwoFactorPolicy};
use crate::registration_hook::RegistrationHookSettings;

/// What the settings are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To serve users.
    Serve,
    /// For developers of clients: loopback only, weaker hashing allowed, development endpoints.
    Development,
}

/// All settings.
#[derive(Debug)]
pub struct Config {
    /// What they were read for.
    pub mode: Mode,
    /// Where to listen, and the URLs of the service.
    pub server: ServerConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// The key that all other keys are derived from.
    pub master_key: MasterKeySource,
    /// Claims of tokens, and lifetimes of tokens and sessions.
    pub tokens: TokensConfig,
    /// Rules for passwords, and limits on hashing.
    pub limits: LimitsConfig,
    /// Name, colour, logo and texts of the deployment.
    pub branding: BrandingConfig,
    /// How messages are sent.
    pub delivery: DeliveryConfig,
    /// Whom users may sign in with.
    pub providers: ProvidersConfig,
    /// Whether every user needs a second factor.
    pub two_factor: TwoFactorPolicy,
    /// Whether users can register, and whether the response says that a name is taken.
    pub registration: RegistrationMode,
    /// What is asked before an account is made, if anything is.
    pub registration_hook: Option<RegistrationHookSettings>,
    /// Whether an account cannot be used before its address is verified.
    pub email_verification_required: bool,
    /// The files that secrets were read from.
    pub secret_files: Vec<SecretFile>,
}

impl Config {
    /// Reads and checks all settings.
    ///
    /// # Errors
    ///
    /// Returns every fault found.
    pub fn read(source: &Source, mode: Mode) -> Result<Self, Vec<ConfigFault>> {
        let mut reader = Reader::new(source);
        let two_factor = reader.one_of(
            &settings::TWO_FACTOR_POLICY,
            &[
                ("required", TwoFactorPolicy::Required),
                ("optional", TwoFactorPolicy::Optional),
            ],
        );
        let verification = reader.one_of(
            &settings::EMAIL_VERIFICATION,
            &[("optional", false), ("required", true)],
        );
        let server = ServerConfig::read(&mut reader, mode);
        let database = DatabaseConfig::read(&mut reader);
        let master_key = MasterKeySource::read(&mut reader, database.as_ref());
        let tokens = TokensConfig::read(&mut reader);
        let limits = LimitsConfig::read(&mut reader, mode, two_factor);
        let delivery = DeliveryConfig::read(&mut reader, mode);
        let branding = BrandingConfig::read(&mut reader);
        let providers = ProvidersConfig::read(&mut reader);
        // In development mails are captured, and can be read there.
        let sends_mail = mode != Mode::Serve || delivery.as_ref().is_none_or(|delivery| delivery.mail.is_some());
        let registration = read_registration(&mut reader, sends_mail);
        let registration_hook = registration_hook::read(&mut reader);
        let faults = reader.into_faults();
        let of_providers = providers.iter().flat_map(|providers| &providers.secret_files);
        let secret_files = source.secret_files.iter().chain(of_providers).cloned().collect();
        let read = || {
            Some(Self {
                mode,
                server: server?,
                database: database?,
                master_key: master_key?,
                tokens: tokens?,
                limits: limits?,
                delivery: delivery?,
                branding: branding?,
                providers: providers?,
                two_factor: two_factor?,
                registration: registration?,
                registration_hook: registration_hook?,
                email_verification_required: verification?,
                secret_files,
            })
        };
        if faults.is_empty() {
            read().ok_or(faults)
        } else {
            Err(faults)
        }
    }
}

fn read_registration(reader: &mut Reader<'_>, sends_mail: bool) -> Option<RegistrationMode> {
    let mode = reader.one_of(
        &settings::REGISTRATION,
        &[
            ("explicit", RegistrationMode::Explicit),
            ("private", RegistrationMode::Private),
            ("closed", RegistrationMode::Closed),
        ],
    );
    if mode == Some(RegistrationMode::Private) && !sends_mail {
        reader.fault(
            &settings::REGISTRATION,
            "private reports a taken address by mail only, so it needs VESTIBULE_SMTP_URL and VESTIBULE_MAIL_FROM",
        );
    }
    mode
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::factor::FactorKind;
    use crate::domain::phone_number::SmsCountries;
    use crate::domain::registration_hook::HookFailure;

    const KEY: &str = "MASTER_KEY";

    fn read(pairs: &[(&str, &str)], mode: Mode) -> Result<Config, Vec<String>> {
        let source = Source::from_pairs(pairs);
        Config::read(&source, mode).map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    fn names(faults: &[String]) -> Vec<&str> {
        faults.iter().map(|fault| fault.split(':').next().unwrap()).collect()
    }

    #[test]
    fn the_defaults_are_complete() {
        let config = read(&[], Mode::Serve).unwrap();
        assert!(config.server.listen.is_local());
        assert_eq!(
            config.server.url_of("127.0.0.1:8080".parse().unwrap()),
            "http://localhost:8080"
        );
        assert_eq!(config.limits.password_rules.min_length, 8);
        assert!(matches!(config.master_key, MasterKeySource::DataDirectory));
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let faults = read(
            &[
                ("LISTEN", "nowhere"),
                ("DATABASE_URL", "mysql://x"),
                ("SIGNING_ALG", "HS256"),
                ("ACCESS_TOKEN_TTL", "1h"),
                ("TRUSTED_PROXIES", "10.0.0.0/8,what"),
                ("OUTBOUND_ALLOW", "10.0.0.0/33"),
                ("BCRYPT_COST", "4"),
                ("TWO_FACTOR_POLICY", "sometimes"),
            ],
            Mode::Serve,
        )
        .unwrap_err();
        let mut found = names(&faults);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "DATABASE_URL",
                "VESTIBULE_ACCESS_TOKEN_TTL",
                "VESTIBULE_BCRYPT_COST",
                "VESTIBULE_LISTEN",
                "VESTIBULE_OUTBOUND_ALLOW",
                "VESTIBULE_SIGNING_ALG",
                "VESTIBULE_TRUSTED_PROXIES",
                "VESTIBULE_TWO_FACTOR_POLICY",
            ]
        );
    }

    #[test]
    fn a_named_database_requires_a_master_key() {
        let faults = read(&[("DATABASE_URL", "postgres://db/x")], Mode::Serve).unwrap_err();
        assert_eq!(names(&faults), ["VESTIBULE_MASTER_KEY"]);
    }

    #[test]
    fn master_keys_are_32_bytes_with_distinct_ids_and_are_never_repeated_in_a_fault() {
        let one = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let two = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        for good in [
            one.to_owned(),
            format!("7:{one}"),
            format!("2:{two},1:{one}"),
            format!(" 2:{two} , {one} "),
        ] {
            assert!(read(&[(KEY, &good)], Mode::Serve).is_ok(), "{good}");
        }
        for bad in [
            "",
            "x",
            "AAEC",
            "0:AAEC",
            &format!("256:{one}"),
            &format!("1:{one},1:{two}"),
            &format!("{one},{two}"),
        ] {
            let faults = read(&[(KEY, bad)], Mode::Serve).unwrap_err();
            assert_eq!(names(&faults), ["VESTIBULE_MASTER_KEY"], "{bad}");
            assert!(bad.len() < 4 || !faults[0].contains(bad), "{bad}");
        }
    }

    #[test]
    fn the_public_url_is_https_unless_it_is_loopback() {
        let url = |text: &str| read(&[("PUBLIC_URL", text)], Mode::Serve);
        for good in [
            "https://auth.example.com",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:1",
            "https://x.example/auth",
        ] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://auth.example.com",
            "auth.example.com",
            "ftp://x.example",
            "https://x.example/?a",
            "https://u:p@x.example",
            "https://x.example/#a",
        ] {
            assert_eq!(names(&url(bad).unwrap_err()), ["VESTIBULE_PUBLIC_URL"], "{bad}");
        }
        assert_eq!(
            url("https://x.example/").unwrap().server.public_url.as_deref(),
            Some("https://x.example")
        );
        let faults = read(&[("LISTEN", "0.0.0.0:8080")], Mode::Serve).unwrap_err();
        assert_eq!(names(&faults), ["VESTIBULE_PUBLIC_URL"]);
    }

    #[test]
    fn origins_are_exact() {
        assert!(
            read(
                &[("CORS_ORIGINS", "https://app.example.com,http://localhost:5173")],
                Mode::Serve
            )
            .is_ok()
        );
        for bad in [
            "*",
            "app.example.com",
            "https://app.example.com/",
            "https://*.example.com",
            "https://app.example.com/x",
            "null",
        ] {
            let faults = read(&[("CORS_ORIGINS", bad)], Mode::Serve).unwrap_err();
            assert_eq!(names(&faults), ["VESTIBULE_CORS_ORIGINS"], "{bad}");
        }
    }

    #[test]
    fn development_stays_on_this_machine_and_may_hash_fast() {
        assert!(read(&[("BCRYPT_COST", "4")], Mode::Development).is_ok());
        let faults = read(
            &[("LISTEN", "0.0.0.0:1"), ("PUBLIC_URL", "https://x.example")],
            Mode::Development,
        )
        .unwrap_err();
        assert_eq!(names(&faults), ["VESTIBULE_LISTEN", "VESTIBULE_PUBLIC_URL"]);
    }

    #[test]
    fn passwords_are_longer_where_they_stand_alone() {
        let length =
            |pairs: &[(&str, &str)]| read(pairs, Mode::Serve).map(|config| config.limits.password_rules.min_length);
        assert_eq!(length(&[("TWO_FACTOR_POLICY", "optional")]), Ok(15));
        assert_eq!(length(&[("PASSWORD_MIN_LENGTH", "12")]), Ok(12));
        assert_eq!(
            names(&length(&[("PASSWORD_MIN_LENGTH", "7")]).unwrap_err()),
            ["VESTIBULE_PASSWORD_MIN_LENGTH"]
        );
    }

    #[test]
    fn a_session_is_not_idle_for_longer_than_it_lasts() {
        let faults = read(
            &[("SESSION_IDLE_TTL", "7200"), ("SESSION_ABSOLUTE_TTL", "3600")],
            Mode::Serve,
        )
        .unwrap_err();
        assert_eq!(names(&faults), ["VESTIBULE_SESSION_IDLE_TTL"]);
    }

    const SMTP: (&str, &str) = ("SMTP_URL", "smtps://jo:hush-hush@mail.example.com");
    const FROM: (&str, &str) = ("MAIL_FROM", "Example <auth@example.com>");
    const HOOK: (&str, &str) = ("SMS_WEBHOOK_URL", "https://sms.example.com/send");
    const HOOK_SECRET: (&str, &str) = ("SMS_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");

    #[test]
    fn ways_out_are_set_as_a_whole_or_not_at_all() {
        let config = read(&[], Mode::Serve).unwrap().delivery;
        assert!(config.mail.is_none() && config.sms.is_none());
        assert_eq!(config.second_factors, [FactorKind::Totp, FactorKind::Passkey]);
        let config = read(&[SMTP, FROM, HOOK, HOOK_SECRET], Mode::Serve).unwrap().delivery;
        assert!(config.mail.is_some() && config.sms.is_some());
        let printed = format!("{config:?}");
        assert!(!printed.contains("hush-hush") && !printed.contains("MfKQ"), "{printed}");
        for (given, missing) in [
            (SMTP, "VESTIBULE_MAIL_FROM"),
            (FROM, "VESTIBULE_SMTP_URL"),
            (HOOK, "VESTIBULE_SMS_WEBHOOK_SECRET"),
            (HOOK_SECRET, "VESTIBULE_SMS_WEBHOOK_URL"),
        ] {
            assert_eq!(names(&read(&[given], Mode::Serve).unwrap_err()), [missing]);
        }
    }

    #[test]
    fn the_registration_hook_is_set_as_a_whole_or_not_at_all() {
        assert!(read(&[], Mode::Serve).unwrap().registration_hook.is_none());
        let url = ("REGISTRATION_HOOK_URL", "https://hooks.example.com/hush-hush");
        let secret = ("REGISTRATION_HOOK_SECRET", HOOK_SECRET.1);
        let failure = ("REGISTRATION_HOOK_FAILURE", "closed");
        let hook = read(&[url, secret, failure], Mode::Serve).unwrap().registration_hook;
        let printed = format!("{hook:?}");
        assert!(!printed.contains("hush-hush") && !printed.contains("MfKQ"), "{printed}");
        assert_eq!(hook.map(|hook| hook.failure), Some(HookFailure::Closed));
        // What becomes of registrations without an answer has no default.
        let faults = read(&[url, secret], Mode::Serve).unwrap_err();
        assert_eq!(names(&faults), ["VESTIBULE_REGISTRATION_HOOK_FAILURE"]);
        let faults = read(&[failure], Mode::Serve).unwrap_err();
        let missing = ["VESTIBULE_REGISTRATION_HOOK_URL", "VESTIBULE_REGISTRATION_HOOK_SECRET"];
        assert_eq!(names(&faults), missing);
        for wrong in [
            ("REGISTRATION_HOOK_URL", "hooks.example.com/hush-hush"),
            ("REGISTRATION_HOOK_URL", "https://hush-hush@hooks.example.com/"),
            ("REGISTRATION_HOOK_SECRET", "hush-hush"),
            ("REGISTRATION_HOOK_FAILURE", "hush-hush"),
        ] {
            let given = [url, secret, failure].map(|setting| if setting.0 == wrong.0 { wrong } else { setting });
            let faults = read(&given, Mode::Serve).unwrap_err();
            assert_eq!(names(&faults), [format!("VESTIBULE_{}", wrong.0)]);
            assert!(!faults[0].contains("hush-hush"), "{faults:?}");
        }
    }

    #[test]
    fn private_registration_needs_mail() {
        let private = ("REGISTRATION", "private");
        let faults = read(&[private], Mode::Serve).unwrap_err();
        assert_eq!(names(&faults), ["VESTIBULE_REGISTRATION"]);
        assert!(
            faults[0].contains("VESTIBULE_SMTP_URL and VESTIBULE_MAIL_FROM"),
            "{faults:?}"
        );
        assert!(read(&[private, SMTP, FROM], Mode::Serve).is_ok());
        assert!(read(&[private], Mode::Development).is_ok());
        // Text messages do not replace mail.
        assert!(read(&[private, HOOK, HOOK_SECRET], Mode::Serve).is_err());
        for other in ["explicit", "closed"] {
            assert!(read(&[("REGISTRATION", other)], Mode::Serve).is_ok(), "{other}");
        }
        // A fault of the mail server's setting is reported once, without a fault that follows from it.
        let faults = read(&[private, ("SMTP_URL", "x"), FROM], Mode::Serve).unwrap_err();
        assert_eq!(names(&faults), ["VESTIBULE_SMTP_URL"]);
    }

    #[test]
    fn a_name_that_is_listened_on_stays_in_urls() {
        for (listen, address, expected) in [
            ("localhost:8080", "127.0.0.1:8080", "http://localhost:8080"),
            ("LocalHost:0", "127.0.0.1:41000", "http://localhost:41000"),
            ("localhost:8080", "[::1]:8080", "http://localhost:8080"),
            ("127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080", "http://[::1]:8080"),
            // A socket that systemd passed is not at the named address, so its own address is shown.
            ("localhost:8080", "192.0.2.1:80", "http://192.0.2.1:80"),
        ] {
            let server = read(&[("LISTEN", listen)], Mode::Serve).unwrap().server;
            assert_eq!(server.url_of(address.parse().unwrap()), expected, "{listen}");
        }
    }

    #[test]
    fn a_name_shows_all_its_characters() {
        let name = |text: &str| read(&[("APP_NAME", text)], Mode::Serve).map(|config| config.branding.app_name);
        for good in [
            "Example",
            "Fox & Friends",
            "Café 24",
            "نام\u{200c}ها",
            "👩\u{200d}🚀 Crew",
            "例",
        ] {
            assert_eq!(name(good).unwrap().as_deref(), Some(good));
        }
        // Invisible characters around the value are trimmed, as with every setting.
        assert_eq!(name("\u{202e}Example\u{feff}").unwrap().as_deref(), Some("Example"));
        for bad in [
            "Exam\u{202e}ple",
            "a\u{2066}b\u{2069}c",
            "a\u{200b}b",
            "a\u{200f}b",
            "a\u{ad}b",
            "a\u{2028}b",
            "a\nb",
            "a:b",
        ] {
            let faults = name(bad).unwrap_err();
            assert_eq!(names(&faults), ["VESTIBULE_APP_NAME"], "{bad:?}");
            assert!(faults[0].contains("marks of direction"), "{faults:?}");
        }
    }

    #[test]
    fn faulty_ways_out_are_not_repeated() {
        let faults = read(
            &[
                ("SMTP_URL", "smtp://jo:hush-hush@"),
                ("MAIL_FROM", "hush-hush"),
                ("SMS_WEBHOOK_URL", "http://hush-hush.example/"),
                ("SMS_WEBHOOK_SECRET", "whsec_hush-hush"),
            ],
            Mode::Serve,
        )
        .unwrap_err();
        assert_eq!(
            names(&faults),
            [
                "VESTIBULE_SMTP_URL",
                "VESTIBULE_MAIL_FROM",
                "VESTIBULE_SMS_WEBHOOK_URL",
                "VESTIBULE_SMS_WEBHOOK_SECRET"
            ]
        );
        assert!(faults.iter().all(|fault| !fault.contains("hush-hush")));
    }

    #[test]
    fn countries_for_text_messages_are_known_ones() {
        let countries = |text: &str| {
            let config = read(&[("SMS_COUNTRIES", text)], Mode::Serve);
            config.map(|config| config.delivery.sms_countries)
        };
        assert_eq!(countries("*"), Ok(SmsCountries::All));
        assert_eq!(countries("de, AT"), Ok(SmsCountries::Only(vec!["DE", "AT"])));
        assert_eq!(
            read(&[], Mode::Serve).unwrap().delivery.sms_countries,
            SmsCountries::All
        );
        assert_eq!(countries(""), Ok(SmsCountries::All));
        for bad in ["UK", "DE,", "*,DE", "Germany"] {
            let faults = countries(bad).unwrap_err();
            assert_eq!(names(&faults), ["VESTIBULE_SMS_COUNTRIES"], "{bad}");
        }
    }

    #[test]
    fn second_factors_always_have_the_authenticator_and_lack_no_way_out_unnoticed() {
        let kinds = |text: &str| {
            let pairs = [SMTP, FROM, HOOK, HOOK_SECRET, ("SECOND_FACTORS", text)];
            read(&pairs, Mode::Serve).map(|config| config.delivery.second_factors)
        };
        assert_eq!(kinds("totp"), Ok(vec![FactorKind::Totp]));
        assert_eq!(
            kinds("sms, totp,email"),
            Ok(vec![FactorKind::Sms, FactorKind::Totp, FactorKind::Email])
        );
        assert_eq!(kinds(""), Ok(vec![FactorKind::Totp, FactorKind::Passkey]));
        for bad in [
            "email",
            "totp,totp",
            "totp,email,email",
            "totp,fax",
            "totp,recovery_code",
            "TOTP",
        ] {
            assert_eq!(names(&kinds(bad).unwrap_err()), ["VESTIBULE_SECOND_FACTORS"], "{bad}");
        }
        for factors in ["totp,email", "totp,sms"] {
            let pairs = [("SECOND_FACTORS", factors)];
            let config = read(&pairs, Mode::Serve).unwrap();
            assert_eq!(config.delivery.lacking().count(), 1, "{factors}");
        }
    }

    #[test]
    fn a_role_requires_only_what_users_can_set_up() {
        let read_for = |second_factors: &'static str, required: &'static str| {
            read(
                &[("SECOND_FACTORS", second_factors), ("SECOND_FACTORS_FOR", required)],
                Mode::Serve,
            )
        };
        let config = read_for("", "admin:passkey, admin:totp,support:totp").unwrap();
        assert_eq!(config.delivery.role_factors.required_for("admin").len(), 2);
        assert!(read_for("totp,sms", "support:sms").is_ok());
        for (second_factors, bad) in [
            ("totp", "admin:passkey"),
            ("", "support:sms"),
            ("", "admin:fax"),
            ("", "admin"),
            ("", "admin:passkey,admin:passkey"),
        ] {
            let faults = read_for(second_factors, bad).unwrap_err();
            assert_eq!(
                names(&faults),
                ["VESTIBULE_SECOND_FACTORS_FOR"],
                "{second_factors} {bad}"
            );
        }
        // A fault of the other setting is reported once, without a fault that follows from it.
        let faults = read_for("fax", "admin:passkey").unwrap_err();
        assert_eq!(names(&faults), ["VESTIBULE_SECOND_FACTORS"]);
    }

    #[test]
    fn apps_are_named_as_their_platforms_name_them() {
        let fingerprint = ["AB"; 32].join(":");
        let android = format!("com.example.app@{fingerprint}");
        let apps = |apple: &str, android: &str| {
            let pairs = [("PASSKEY_APPLE_APPS", apple), ("PASSKEY_ANDROID_APPS", android)];
            read(&pairs, Mode::Serve).map(|config| config.delivery.passkeys.apps)
        };
        let read = apps("ABCDE12345.com.example.app,ABCDE12345.com.example.other", &android).unwrap();
        assert_eq!((read.apple.len(), read.android.len()), (2, 1));
        assert_eq!(
            names(&apps("com.example.app", &android).unwrap_err()),
            ["VESTIBULE_PASSKEY_APPLE_APPS"]
        );
        assert_eq!(
            names(&apps("", "com.example.app").unwrap_err()),
            ["VESTIBULE_PASSKEY_ANDROID_APPS"]
        );
    }
}
