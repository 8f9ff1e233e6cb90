//! The program that sent a request, by a name from a fixed list.
//!
//! A client can write anything into `User-Agent`, and notices go to the owner of an account. If they contained the
//! header, an attacker could put a sentence into our mail: "your account is locked, call …". So notices name programs
//! and systems from the lists below, and everything else is an unknown program.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! shown_names {
    ($(#[$doc:meta])* $type:ident { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $(#[doc = $name] $variant,)*
        }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name that users know it by, the same in all languages.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

shown_names! {
    /// A program.
    Program {
        Chrome = "Chrome",
        Edge = "Edge",
        Firefox = "Firefox",
        Opera = "Opera",
        Safari = "Safari",
        SamsungInternet = "Samsung Internet",
        Vivaldi = "Vivaldi",
        App = "App",
        Curl = "curl",
        Wget = "Wget",
        Python = "Python",
        Go = "Go",
        Node = "Node.js",
        Java = "Java",
        Postman = "Postman",
        PowerShell = "PowerShell",
    }
}

shown_names! {
    /// An operating system.
    System {
        Windows = "Windows",
        MacOs = "macOS",
        Ios = "iOS",
        Android = "Android",
        ChromeOs = "ChromeOS",
        Linux = "Linux",
    }
}

/// Marks of programs in `User-Agent`. The first match counts: most browsers also carry the marks of others.
const PROGRAMS: &[(&str, Program)] = &[
    ("Edg/", Program::Edge),
    ("EdgA/", Program::Edge),
    ("EdgiOS/", Program::Edge),
    ("Edge/", Program::Edge),
    ("OPR/", Program::Opera),
    ("OPT/", Program::Opera),
    ("OPiOS/", Program::Opera),
    ("Opera/", Program::Opera),
    ("SamsungBrowser/", Program::SamsungInternet),
    ("Vivaldi/", Program::Vivaldi),
    ("FxiOS/", Program::Firefox),
    ("Firefox/", Program::Firefox),
    // A page that an app shows in a web view.
    ("; wv)", Program::App),
    ("CriOS/", Program::Chrome),
    ("PowerShell/", Program::PowerShell),
    ("Chrome/", Program::Chrome),
    ("Chromium/", Program::Chrome),
    ("Safari/", Program::Safari),
    ("AppleWebKit/", Program::App),
    ("CFNetwork/", Program::App),
    ("okhttp/", Program::App),
    ("Dart/", Program::App),
    ("Dalvik/", Program::App),
    ("curl/", Program::Curl),
    ("Wget/", Program::Wget),
    ("PostmanRuntime/", Program::Postman),
    ("python-requests/", Program::Python),
    ("python-httpx/", Program::Python),
    ("Python-urllib/", Program::Python),
    ("aiohttp/", Program::Python),
    ("Go-http-client/", Program::Go),
    ("axios/", Program::Node),
    ("node-fetch/", Program::Node),
    ("undici", Program::Node),
    ("Java/", Program::Java),
    ("Java-http-client/", Program::Java),
    ("Apache-HttpClient/", Program::Java),
];

/// Marks of systems, in the same way.
const SYSTEMS: &[(&str, System)] = &[
    ("Windows", System::Windows),
    ("iPhone", System::Ios),
    ("iPad", System::Ios),
    ("iPod", System::Ios),
    ("Android", System::Android),
    ("CrOS", System::ChromeOs),
    ("Macintosh", System::MacOs),
    ("Mac OS X", System::MacOs),
    ("Linux", System::Linux),
    ("X11", System::Linux),
];

/// Joins the two in the stored text.
const ON: &str = " on ";

/// What is known about the sender of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientProgram {
    /// The program, if it is on the list.
    pub program: Option<Program>,
    /// The system it runs on, if that is on the list.
    pub system: Option<System>,
}

impl ClientProgram {
    /// Recognises the sender of a `User-Agent` header (RFC 9110 §10.1.5).
    pub fn of(user_agent: &str) -> Self {
        fn first<T: Copy>(marks: &[(&str, T)], text: &str) -> Option<T> {
            marks
                .iter()
                .find(|(mark, _)| text.contains(mark))
                .map(|(_, found)| *found)
        }
        Self {
            program: first(PROGRAMS, user_agent),
            system: first(SYSTEMS, user_agent),
        }
    }

    /// Parses the text of [`ClientProgram::serialize`].
    fn parse_stored(text: &str) -> Option<Self> {
        let (program, system) = text.split_once(ON).unwrap_or((text, ""));
        let found = Self {
            program: Program::ALL.iter().copied().find(|known| known.name() == program),
            system: System::ALL.iter().copied().find(|known| known.name() == system),
        };
        (found.to_text() == text).then_some(found)
    }

    fn to_text(self) -> String {
        let program = self.program.map_or("", Program::name);
        match self.system {
            Some(system) => format!("{program}{ON}{}", system.name()),
            None => program.to_owned(),
        }
    }
}

/// A stored message contains these names.
impl Serialize for ClientProgram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

/// Messages that older releases stored contain the whole header, or nothing.
impl<'de> Deserialize<'de> for ClientProgram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        Ok(Self::parse_stored(&text).unwrap_or_else(|| Self::of(&text)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What programs send, and the names they should get.
    const SENT: &[(&str, &str, &str)] = &[
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "Chrome",
            "Windows",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Edge",
            "Windows",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0",
            "Opera",
            "Windows",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Firefox",
            "Linux",
        ),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "Chrome",
            "ChromeOS",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
            "Safari",
            "macOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
            "Safari",
            "iOS",
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1",
            "Chrome",
            "iOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/145.0 Mobile/15E148 Safari/605.1.15",
            "Firefox",
            "iOS",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "App",
            "iOS",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
            "Chrome",
            "Android",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            "Samsung Internet",
            "Android",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/BP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0.0.0 Mobile Safari/537.36",
            "App",
            "Android",
        ),
        (
            "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
            "Firefox",
            "Android",
        ),
        (
            "Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9 Build/BP1A)",
            "App",
            "Android",
        ),
        ("Shop/7 CFNetwork/1568.200.51 Darwin/24.1.0", "App", ""),
        ("okhttp/4.12.0", "App", ""),
        ("Dart/3.9 (dart:io)", "App", ""),
        ("curl/8.14.1", "curl", ""),
        ("python-requests/2.32.5", "Python", ""),
        ("Go-http-client/2.0", "Go", ""),
        (
            "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621.4391",
            "PowerShell",
            "Windows",
        ),
        ("Your account is locked. Call +49 30 1234567 at once", "", ""),
        ("", "", ""),
    ];

    #[test]
    fn common_programs_are_known_by_what_they_send() {
        for (user_agent, program, system) in SENT {
            let found = ClientProgram::of(user_agent);
            let names = (
                found.program.map_or("", Program::name),
                found.system.map_or("", System::name),
            );
            assert_eq!(names, (*program, *system), "{user_agent}");
        }
    }

    #[test]
    fn stored_text_is_read_back_from_any_release() {
        let read = |text: &str| serde_json::from_str::<ClientProgram>(text).unwrap();
        let programs = Program::ALL.iter().copied().map(Some).chain([None]);
        for program in programs {
            for system in System::ALL.iter().copied().map(Some).chain([None]) {
                let written = ClientProgram { program, system };
                assert_eq!(read(&serde_json::to_string(&written).unwrap()), written);
            }
        }
        let before = read("\"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\"");
        assert_eq!(
            (before.program, before.system),
            (Some(Program::Firefox), Some(System::Linux))
        );
        assert_eq!(read("null"), ClientProgram::default());
        assert_eq!(read("\"Call me on Windows\"").program, None);
    }

    proptest! {
        #[test]
        fn nothing_that_a_stranger_writes_is_kept(user_agent in any::<String>(), mark in 0..PROGRAMS.len()) {
            let user_agent = format!("{user_agent}{}{user_agent}", PROGRAMS[mark].0);
            let stored = ClientProgram::of(&user_agent).to_text();
            let words = Program::ALL.iter().map(|it| it.name()).chain(System::ALL.iter().map(|it| it.name()));
            let left = words.fold(stored.replacen(ON, "", 1), |stored, word| stored.replacen(word, "", 1));
            prop_assert_eq!(left, "");
        }
    }
}
