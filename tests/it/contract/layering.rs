//! Arrows point down: what each part of the program uses, read from the sources by a parser, is what ARCHITECTURE.md
//! says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Signature, UseTree};

/// Libraries that only some layers may name.
const OWNED: &[(&str, &[&str])] = &[
    ("actix_web", &["api", "server", "cli"]),
    ("diesel", &["store"]),
    ("jsonwebtoken", &["crypto"]),
    ("bcrypt", &["crypto"]),
    ("bcrypt_lanes", &["crypto"]),
    ("argon2", &["crypto"]),
    ("scrypt", &["crypto"]),
    ("md5", &["crypto"]),
    ("ciborium", &["crypto"]),
    ("aws_lc_rs", &["crypto", "domain", "system"]),
    (
        "tokio",
        &[
            "api",
            "breach_list",
            "client_documents",
            "crypto",
            "delivery",
            "jobs",
            "outbound",
            "providers",
            "store",
            "server",
        ],
    ),
    ("clap", &["cli"]),
    ("governor", &["rate_limits"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("indicatif", &["cli"]),
    ("lettre", &["delivery"]),
    ("metrics", &["metrics", "telemetry"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("opentelemetry", &["api", "telemetry"]),
    ("tracing_opentelemetry", &["api", "telemetry"]),
    ("fluent_bundle", &["delivery"]),
    ("askama", &["delivery"]),
    ("rustls", &["breach_list", "delivery", "cli", "outbound", "telemetry"]),
    ("ureq", &["breach_list", "delivery", "cli", "outbound", "telemetry"]),
    ("socket2", &["server"]),
    ("listenfd", &["server"]),
    ("private_postgres", &["app"]),
];

/// A module by its path: `["flows", "admin", "users"]`.
type Module = Vec<String>;

/// What the program's files use, test code left out.
struct Sources {
    /// The file of each module.
    files: BTreeMap<Module, PathBuf>,
    /// The paths that each module names, from the root of the crate or of a library.
    names: BTreeMap<Module, BTreeSet<Vec<String>>>,
}

impl Sources {
    fn read() -> Self {
        let mut files = Vec::new();
        collect(&source(), &mut files);
        let files: BTreeMap<Module, PathBuf> = files.into_iter().map(|file| (module_of(&file), file)).collect();
        let names = files
            .iter()
            .map(|(module, file)| {
                let text = std::fs::read_to_string(file).unwrap();
                let mut reader = NameReader {
                    module,
                    names: BTreeSet::new(),
                };
                let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                reader.visit_file(&parsed);
                (module.clone(), reader.names)
            })
            .collect();
        Self { files, names }
    }

    /// Returns the module that a path from the crate's root leads into: `flows::sign_in::login::Login` into
    /// `flows::sign_in::login`.
    fn home_of(&self, path: &[String]) -> Option<Module> {
        (1..=path.len())
            .rev()
            .map(|length| path[..length].to_vec())
            .find(|module| self.files.contains_key(module))
    }

    /// Returns each arrow from a module to another that it names.
    fn arrows(&self) -> BTreeSet<(Module, Module)> {
        let from_each = self.names.iter().flat_map(|(module, names)| {
            let own = names.iter().filter(|path| path[0] == "crate");
            own.filter_map(|path| Some((module.clone(), self.home_of(&path[1..])?)))
        });
        from_each.filter(|(from, to)| from != to).collect()
    }

    /// Returns what each layer uses of the others.
    fn layers(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut layers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in self.arrows() {
            if !from.is_empty() && from[0] != "main" && from[0] != to[0] {
                layers.entry(from[0].clone()).or_default().insert(to[0].clone());
            }
        }
        layers
    }
}

/// Gathers the paths that a file names: those of `use`, and those written out in code.
struct NameReader<'a> {
    module: &'a Module,
    names: BTreeSet<Vec<String>>,
}

impl NameReader<'_> {
    /// Adds a path if it begins at the crate, at a relative of the module, or, in a `use`, at a library.
    fn add(&mut self, path: &[String], is_use: bool) {
        let above = |levels: usize, rest: &[String]| {
            let kept = self.module.len().saturating_sub(levels);
            let from_root = self.module[..kept].iter().chain(rest).cloned();
            std::iter::once("crate".to_owned()).chain(from_root).collect()
        };
        let absolute = match path[0].as_str() {
            "crate" => path.to_vec(),
            "self" => above(0, &path[1..]),
            "super" => {
                let levels = path.iter().take_while(|name| *name == "super").count();
                above(levels, &path[levels..])
            }
            _ if is_use => path.to_vec(),
            _ => return,
        };
        self.names.insert(absolute);
    }

    fn add_tree(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_tree(before, &path.tree);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before, tree)),
            UseTree::Name(name) => self.add_leaf(before, &name.ident.to_string()),
            UseTree::Rename(rename) => self.add_leaf(before, &rename.ident.to_string()),
            UseTree::Glob(_) => self.add(&before.clone(), true),
        }
    }

    fn add_leaf(&mut self, before: &[String], name: &str) {
        let own = (name != "self" || before.is_empty()).then(|| name.to_owned());
        let path: Vec<String> = before.iter().cloned().chain(own).collect();
        self.add(&path, true);
    }
}

impl<'ast> Visit<'ast> for NameReader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !attributes.iter().any(is_of_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&names, false);
        visit::visit_path(self, path);
    }
}

fn is_of_tests(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Path>()
            .is_ok_and(|condition| condition.is_ident("test"))
}

fn module_of(file: &Path) -> Module {
    let relative = file.strip_prefix(source()).unwrap().with_extension("");
    let mut module: Module = relative
        .components()
        .map(|part| part.as_os_str().to_str().unwrap().to_owned())
        .collect();
    if module.last().is_some_and(|name| name == "mod" || name == "lib") {
        module.pop();
    }
    module
}

/// Reads the table of ARCHITECTURE.md: each layer and what it uses, from the top down.
fn documented_layers() -> Vec<(String, BTreeSet<String>)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ARCHITECTURE.md");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.split("| layer | uses |").nth(1).expect("the table of layers");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let words = |cell: &str| {
        let words = cell.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        (words(cells[1]).remove(0), words(cells[2]).into_iter().collect())
    })
    .collect()
}

#[test]
fn each_layer_uses_what_the_architecture_says_and_nothing_else() {
    let documented: BTreeMap<String, BTreeSet<String>> = documented_layers().into_iter().collect();
    let mut found = Sources::read().layers();
    for layer in documented.keys() {
        found.entry(layer.clone()).or_default();
    }
    assert_eq!(found, documented);
}

#[test]
fn arrows_point_down() {
    let layers = documented_layers();
    assert!(layers.len() > 12, "{} layers", layers.len());
    for (place, (layer, used)) in layers.iter().enumerate() {
        for lower in used {
            let below = layers[place + 1..].iter().any(|(name, _)| name == lower);
            assert!(below, "{layer} uses {lower}, which does not stand below it");
        }
    }
}

/// A folder is one thing with its parts: what its `mod.rs` and they use of each other is left out. Not so for the
/// folder of all use cases, whose parts are things of their own.
#[test]
fn no_files_use_each_other_in_a_circle() {
    let is_within = |outer: &Module, inner: &Module| inner.starts_with(outer) && outer[..] != ["flows"];
    let mut uses: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (from, to) in Sources::read().arrows() {
        if !is_within(&from, &to) && !is_within(&to, &from) {
            uses.entry(from).or_default().insert(to);
        }
    }
    // What uses nothing that is left is in no circle.
    loop {
        let modules: BTreeSet<Module> = uses.keys().cloned().collect();
        for used in uses.values_mut() {
            used.retain(|module| modules.contains(module));
        }
        let before = uses.len();
        uses.retain(|_, used| !used.is_empty());
        if uses.len() == before {
            break;
        }
    }
    assert_eq!(uses, BTreeMap::new(), "these use each other");
}

/// Reads what the `mod.rs` of a folder of `flows` says that it may call: `//! It may call `limits`, `notify`.`
fn documented_calls(folder: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(source().join("flows").join(folder).join("mod.rs")).unwrap();
    let line = text.lines().find(|line| line.starts_with("//! It may call"));
    let line = line.unwrap_or_else(|| panic!("{folder}/mod.rs does not say what it may call"));
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Each folder of use cases is one thing: others reach what its `mod.rs` shows, and no two call each other, directly or
/// through others.
#[test]
fn folders_of_flows_call_what_they_say_through_its_mod_file_and_in_no_circle() {
    let sources = Sources::read();
    let is_folder = |name: &str| source().join("flows").join(name).is_dir();
    let folder_of =
        |path: &[String]| (path.len() > 1 && path[0] == "flows" && is_folder(&path[1])).then(|| path[1].clone());
    let mut calls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, names) in &sources.names {
        let Some(from) = folder_of(module) else { continue };
        let called = calls.entry(from.clone()).or_default();
        for path in names.iter().filter(|path| path[0] == "crate") {
            let Some(to) = folder_of(&path[1..]).filter(|to| *to != from) else {
                continue;
            };
            let inside = sources
                .home_of(&path[1..])
                .is_some_and(|home| home.len() > 2 && path.len() > home.len() + 1);
            // A whole file may be named, where its functions read well with its name: `links::redeem`.
            let is_call = path.last().is_some_and(|name| name.starts_with(char::is_lowercase));
            let by_use = names.contains(&path[..path.len() - 1].to_vec());
            assert!(
                !inside || (is_call && by_use),
                "{} names {}",
                module.join("::"),
                path.join("::")
            );
            called.insert(to);
        }
    }
    assert!(calls.len() > 6, "{calls:?}");
    for (folder, called) in &calls {
        assert_eq!(*called, documented_calls(folder), "{folder}");
    }
    while let Some(last) = calls
        .iter()
        .find(|(_, called)| called.iter().all(|to| !calls.contains_key(to)))
    {
        let last = last.0.clone();
        calls.remove(&last);
    }
    assert_eq!(calls, BTreeMap::new(), "these call each other");
}

#[test]
fn each_library_stays_in_its_layer() {
    let mut wrong = Vec::new();
    for (module, names) in Sources::read().names {
        for path in names {
            let owners = OWNED.iter().find(|(library, _)| *library == path[0]);
            let layer = module.first().map_or("lib", String::as_str);
            if owners.is_some_and(|(_, layers)| !layers.contains(&layer)) {
                wrong.push(format!("{}: {}", module.join("::"), path.join("::")));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn siblings_in_handlers_and_store_do_not_use_each_other() {
    const SHARED: &[&str] = &[
        "batch",
        "cached_statement",
        "conditions",
        "connector",
        "distribution",
        "error",
        "migrations",
        "old_rows",
        "pool",
        "schema",
        "silence",
        "transaction",
    ];
    /// The names of accounts have a table of their own, whose statements take part in those of accounts, as have the
    /// handles of their imported passkeys; and a session is read with its account, by single statements and by batches,
    /// as is an API key. An identity at a provider is a name, too. What ended lately is read
    /// from the trail.
    const EXCEPT: &[(&str, &str)] = &[
        ("sessions", "users"),
        ("session_batches", "sessions"),
        ("session_batches", "users"),
        ("users", "account_names"),
        ("managed_users", "account_names"),
        ("managed_users", "users"),
        ("passkeys", "user_handles"),
        ("users", "passkeys"),
        ("identities", "account_names"),
        ("users", "identities"),
        ("api_keys", "users"),
        ("recent_ends", "audit_events"),
    ];
    let sources = Sources::read();
    for (from, to) in sources.arrows() {
        let both_in = |folder: &[&str]| {
            let inside =
                |module: &Module| module.len() > folder.len() && module.iter().zip(folder).all(|(a, b)| a == b);
            inside(&from) && inside(&to)
        };
        let (user, used) = (from.last().unwrap().as_str(), to.last().unwrap().as_str());
        let in_store = both_in(&["store"]) && !SHARED.contains(&used) && !EXCEPT.contains(&(user, used));
        let in_handlers = both_in(&["api", "handlers"]) && !to.starts_with(&from) && !from.starts_with(&to);
        assert!(!in_store && !in_handlers, "{} uses {}", from.join("::"), to.join("::"));
    }
}

/// The private PostgreSQL and the lanes of bcrypt could be parts of any program.
#[test]
fn the_crates_do_not_know_the_service() {
    let mut files = Vec::new();
    for name in ["bcrypt-lanes", "private-postgres"] {
        let before = files.len();
        collect(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("crates").join(name),
            &mut files,
        );
        assert!(files.len() > before + 3, "{name}: {} files", files.len() - before);
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
        for word in ["vestibule", "database_url"] {
            assert!(!text.contains(word), "{} names {word}", file.display());
        }
    }
}

/// A request with a bearer may have the cookie of another session, which the answer must not replace or remove:
/// `flows::session::one_session` decides. A sign-in replaces it.
#[test]
fn one_place_decides_about_a_cookie_beside_another_token() {
    let mut files = Vec::new();
    collect(&source().join("api"), &mut files);
    let mut changing = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let reads = text.contains("cookies.refresh.read(");
        assert!(
            !reads || file.ends_with("extract/refresh_tokens.rs"),
            "{}",
            file.display()
        );
        let changes = text.contains("cookies.deliver(") || text.contains("cookies.refresh.clear(");
        changing += usize::from(changes);
        let decides = text.contains("refresh_tokens.relation(");
        assert!(
            !changes || decides || file.ends_with("api/login_response.rs"),
            "{} changes the cookie",
            file.display()
        );
    }
    assert!(changing > 3, "{changing}");
}

/// One place ends sessions, deletes accounts with them and removes what waits on an account, so that no end forgets its
/// event or the other half.
#[test]
fn one_flow_ends_sessions() {
    const ENDS: &[&str] = &[
        "sessions::end",
        "users::delete(",
        "link_tokens::remove_all",
        "totp_factors::remove_pending",
        "sent_code_factors::remove_pending",
    ];
    let mut files = Vec::new();
    collect(&source().join("flows"), &mut files);
    files.retain(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        ENDS.iter().any(|name| text.contains(name))
    });
    assert_eq!(files, [source().join("flows/session/session_end.rs")]);
    // The functions themselves are not imported, and so called by another name.
    for (module, names) in Sources::read().names {
        for path in names {
            let of_store = path.len() == 4 && path[0] == "crate" && path[1] == "store";
            let by_name = of_store && path[3].starts_with("end_");
            assert!(!by_name, "{}: {}", module.join("::"), path.join("::"));
        }
    }
}

/// Collects the functions that take all of some types, by name.
struct TakersOf<'a> {
    types: &'a [&'a str],
    found: Vec<String>,
}

impl<'ast> Visit<'ast> for TakersOf<'_> {
    fn visit_signature(&mut self, signature: &'ast Signature) {
        let mut names = TypeNames(BTreeSet::new());
        signature.inputs.iter().for_each(|input| names.visit_fn_arg(input));
        if self.types.iter().all(|name| names.0.contains(*name)) {
            self.found.push(signature.ident.to_string());
        }
    }
}

/// The names of types that parameters consist of, without those of what a closure among them takes.
struct TypeNames(BTreeSet<String>);

impl<'ast> Visit<'ast> for TypeNames {
    fn visit_type_impl_trait(&mut self, _closure: &'ast syn::TypeImplTrait) {}

    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        self.0.insert(segment.ident.to_string());
        visit::visit_path_segment(self, segment);
    }
}

/// What a transaction is made of goes through the flows as one value: see `flows/tx.rs`. A step that took its
/// connection and its origin apart could record an event as the work of another request.
#[test]
fn no_flow_takes_the_parts_of_a_transaction() {
    let mut files = Vec::new();
    collect(&source().join("flows"), &mut files);
    assert!(files.len() > 30, "{} files", files.len());
    let takers = |types: &[&str]| {
        let mut found = Vec::new();
        for file in &files {
            let parsed = syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap();
            let mut takers = TakersOf {
                types,
                found: Vec::new(),
            };
            takers.visit_file(&parsed);
            found.extend(takers.found);
        }
        found
    };
    for parts in [
        ["PgConnection", "RequestOrigin"],
        ["Tx", "PgConnection"],
        ["Tx", "RequestOrigin"],
        ["Tx", "DateTime"],
    ] {
        assert_eq!(takers(&parts), Vec::<String>::new(), "{parts:?}");
    }
    assert!(takers(&["Tx"]).len() > 50);
}

/// Bounds, and who may be sent what, are decided in one place: see `flows/notify/sending.rs`.
#[test]
fn nothing_is_written_to_the_outbox_but_by_the_flow_that_decides_on_sending() {
    let mut files = Vec::new();
    collect(&source(), &mut files);
    let writes = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        ["outbox::put", "outbox::NewMessage", "NewMessage {"]
            .iter()
            .any(|word| text.contains(word))
    };
    let writers: Vec<_> = files.iter().filter(|file| writes(file)).collect();
    let mut names: Vec<_> = writers
        .iter()
        .map(|file| file.strip_prefix(source()).unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [Path::new("flows/notify/sending.rs"), Path::new("store/outbox.rs")]
    );
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// What back ends are told of a change of an account follows from the change, which is a type for this reason.
#[test]
fn changes_of_accounts_are_recorded_by_their_type() {
    let sources = Sources::read();
    for (module, file) in &sources.files {
        let names = std::fs::read_to_string(file).unwrap().contains("UserUpdated");
        assert!(
            !names || module[0] == "domain",
            "{}: use AuditEvent::account_changed",
            file.display()
        );
    }
}
