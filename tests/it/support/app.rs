//! The real application, without a socket: only time, randomness and the cost of hashing differ from production.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use actix_http::Request;
use actix_web::HttpMessage;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::{test, web};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use secrecy::SecretString;
use serde_json::Value;
use vestibule::api::state::Development;
use vestibule::api::{ApiState, build_app};
use vestibule::app::{self, Environment};
use vestibule::client_documents::ClientDocuments;
use vestibule::config::{Config, Mode, Source};
use vestibule::crypto::sealer::SealedAt;
use vestibule::delivery::Senders;
use vestibule::domain::clock::Clock;
use vestibule::domain::clock::MovableClock;
use vestibule::domain::email::Email;
use vestibule::domain::ids::{ClientId, MessageId, UserId, WebhookId};
use vestibule::domain::message::{Channel, Locale};
use vestibule::domain::network::AllowedNetworks;
use vestibule::domain::oauth::client::{Client, ClientChanges, ClientDescription};
use vestibule::domain::oauth::client_url::Reach;
use vestibule::domain::random::Random;
use vestibule::domain::username::Username;
use vestibule::domain::webhook::{Delivery, Webhook, WebhookChanges, WebhookDescription};
use vestibule::flows::account::user_import::{ImportLine, ImportReport, UserImport};
use vestibule::flows::admin::clients::{self, Registration, Update};
use vestibule::flows::admin::invitation::{self, Invitation, InvitedAccount, Way};
use vestibule::flows::admin::users::AccountUpdate;
use vestibule::flows::admin::webhooks;
use vestibule::flows::admin::{self, RecentOperator};
use vestibule::flows::maintenance::retention;
use vestibule::flows::maintenance::rewrap;
use vestibule::flows::maintenance::signing_keys;
use vestibule::flows::maintenance::signing_keys::KeyRotation;
use vestibule::flows::notify::outbox;
use vestibule::flows::webhooks::WebhookSender;
use vestibule::flows::{Core, Fault};
use vestibule::outbound::{Network, OutboundCalls};
use vestibule::server;
use zeroize::Zeroizing;

use super::actors::PASSWORD;
use super::db::TestDatabase;
use super::response::TestResponse;
use super::trail;

/// The issuer of tokens in tests.
pub(crate) const PUBLIC_URL: &str = "https://auth.example.com";
/// 32 bytes in base64.
pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

impl Drop for TestApp {
    fn drop(&mut self) {
        let is_last = Arc::strong_count(&self.database) == 1;
        if is_last && self.ends_are_recorded.get() && !std::thread::panicking() {
            trail::assert_has_each_end_once(&mut self.database.connect());
        }
    }
}

type Call = Box<dyn Fn(Request) -> LocalBoxFuture<'static, ServiceResponse>>;

/// An instance of the service with its own database.
pub(crate) struct TestApp {
    call: Call,
    pub(crate) clock: Arc<ManualClock>,
    state: web::Data<ApiState>,
    /// Whether each end of a session has to be in the trail once the test is over.
    ends_are_recorded: Cell<bool>,
    // Dropped last: the pool's connections must be closed before the database is dropped.
    pub(crate) database: Arc<TestDatabase>,
}

impl TestApp {
    /// Starts with the default settings.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Starts with these settings, and the defaults for all others.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::start(settings, Arc::new(TestDatabase::migrated()), Arc::default(), true, None).await
    }

    /// Starts with a clock that shows the time of the machine, and stands still: peers have no other one.
    pub(crate) async fn at_the_time_of_the_machine(public_url: &str, settings: &[(&str, &str)]) -> Self {
        let clock = Arc::new(ManualClock::default());
        MovableClock::advance(clock.as_ref(), Utc::now() - ManualClock::start());
        let database = Arc::new(TestDatabase::migrated());
        Self::start_with(public_url, settings, (database, clock), true, |_core, _clock| {}).await
    }

    /// Returns the time of its clock.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Returns what its use cases work with.
    pub(crate) fn core(&self) -> &Core {
        &self.state.core
    }

    /// Starts as `serve` does: without the development endpoints.
    pub(crate) async fn serving() -> Self {
        Self::serving_with(&[]).await
    }

    /// Starts as `serve` does, with these settings.
    pub(crate) async fn serving_with(settings: &[(&str, &str)]) -> Self {
        Self::start(
            settings,
            Arc::new(TestDatabase::migrated()),
            Arc::default(),
            false,
            None,
        )
        .await
    }

    /// Starts a second instance on the same database, with the same clock.
    pub(crate) async fn sibling(&self, settings: &[(&str, &str)]) -> Self {
        Self::start(
            settings,
            Arc::clone(&self.database),
            Arc::clone(&self.clock),
            true,
            None,
        )
        .await
    }

    /// Starts a second instance on the same database, whose clock is ahead by seconds.
    pub(crate) async fn sibling_ahead(&self, seconds: i64) -> Self {
        let clock = Arc::new(ManualClock::default());
        MovableClock::advance(clock.as_ref(), self.clock.offset());
        clock.advance(seconds);
        Self::start(&[], Arc::clone(&self.database), clock, true, None).await
    }

    /// Returns an error if another instance cannot start on this database.
    pub(crate) async fn try_start_another(&self, settings: &[(&str, &str)]) -> Result<(), app::StartError> {
        self.try_start_at(PUBLIC_URL, settings).await
    }

    /// Returns an error if an instance with another public URL cannot start on this database.
    pub(crate) async fn try_start_at(
        &self,
        public_url: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), app::StartError> {
        let mut pairs = vec![("MASTER_KEY", MASTER_KEY), ("BCRYPT_COST", "4"), ("DB_POOL_SIZE", "2")];
        pairs.retain(|(name, _)| !settings.iter().any(|(given, _)| given == name));
        pairs.extend(settings);
        let config = Config::read(&Source::from_pairs(&pairs), Mode::Development).unwrap();
        let environment = Environment {
            clock: self.clock.clone(),
            random: Arc::new(SeededRandom::default()),
            development: None,
        };
        let state = app::build(&config, &self.database.url, public_url, environment)?;
        server::prepare_once(&state.core, &self.database.url).await
    }

    /// Starts with senders of the test; they are used when it calls [`TestApp::deliver`].
    pub(crate) async fn sending(settings: &[(&str, &str)], senders: Senders) -> Self {
        let database = Arc::new(TestDatabase::migrated());
        Self::start(settings, database, Arc::default(), true, Some(senders)).await
    }

    /// Starts a second instance on the same database, with the same clock and its own senders.
    pub(crate) async fn sending_sibling(&self, settings: &[(&str, &str)], senders: Senders) -> Self {
        let (database, clock) = (Arc::clone(&self.database), Arc::clone(&self.clock));
        Self::start(settings, database, clock, true, Some(senders)).await
    }

    /// Starts as `serve` does, with documents that are fetched through a network of the test.
    pub(crate) async fn fetching(settings: &[(&str, &str)], network: Arc<dyn Network>) -> Self {
        let database = Arc::new(TestDatabase::migrated());
        Self::start_with(
            PUBLIC_URL,
            settings,
            (database, Arc::default()),
            false,
            |core, clock| {
                core.client_documents = Some(ClientDocuments::new(
                    network,
                    AllowedNetworks::default(),
                    Reach::Internet,
                    clock,
                ));
            },
        )
        .await
    }

    /// Starts as `serve` does, with endpoints that are reached through a network of the test.
    pub(crate) async fn telling(settings: &[(&str, &str)], network: Arc<dyn Network>) -> Self {
        let database = Arc::new(TestDatabase::migrated());
        Self::start_with(
            PUBLIC_URL,
            settings,
            (database, Arc::default()),
            false,
            |core, _clock| {
                core.webhook_calls = OutboundCalls::new(&network, &AllowedNetworks::default(), 8);
            },
        )
        .await
    }

    async fn start(
        settings: &[(&str, &str)],
        database: Arc<TestDatabase>,
        clock: Arc<ManualClock>,
        development: bool,
        senders: Option<Senders>,
    ) -> Self {
        Self::start_with(PUBLIC_URL, settings, (database, clock), development, |core, _clock| {
            if let Some(senders) = senders {
                core.senders = senders;
            }
        })
        .await
    }

    async fn start_with(
        public_url: &str,
        settings: &[(&str, &str)],
        (database, clock): (Arc<TestDatabase>, Arc<ManualClock>),
        development: bool,
        change: impl FnOnce(&mut Core, Arc<ManualClock>),
    ) -> Self {
        let mut pairs = vec![
            ("MASTER_KEY", MASTER_KEY),
            ("BCRYPT_COST", "4"),
            ("HASH_THREADS", "2"),
            ("DB_POOL_SIZE", "5"),
        ];
        pairs.retain(|(name, _)| !settings.iter().any(|(given, _)| given == name));
        pairs.extend(settings);
        // Development mode, for its cheap hashing. The environment below decides about the development endpoints.
        let config = Config::read(&Source::from_pairs(&pairs), Mode::Development).unwrap();
        let environment = Environment {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::default()),
            development: development.then(|| Development { clock: clock.clone() }),
        };
        let mut state = app::build(&config, &database.url, public_url, environment).unwrap();
        change(Arc::get_mut(&mut state.core).unwrap(), Arc::clone(&clock));
        let state = web::Data::new(state);
        server::prepare_once(&state.core, &database.url).await.unwrap();
        let service = Rc::new(test::init_service(build_app(state.clone())).await);
        let call: Call = Box::new(move |request| {
            let service = Rc::clone(&service);
            async move { service.call(request).await.unwrap().map_into_boxed_body() }.boxed_local()
        });
        Self {
            call,
            clock,
            state,
            ends_are_recorded: Cell::new(true),
            database,
        }
    }

    /// Says that the test ends sessions with statements of its own.
    pub(crate) fn ends_sessions_by_hand(&self) {
        self.ends_are_recorded.set(false);
    }

    /// Creates a service client and returns its HTTP Basic credentials.
    pub(crate) async fn service_client(&self, name: &str) -> String {
        use base64::Engine;
        use secrecy::ExposeSecret;
        let described = ClientDescription {
            name: name.to_owned(),
            kind: "service".to_owned(),
            ..ClientDescription::default()
        };
        let (client, secret) = self.client(described).await;
        let credentials = format!("{}:{}", client.id.uuid(), secret.unwrap().expose_secret());
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(credentials)
        )
    }

    /// Registers a client, and returns it with its secret.
    pub(crate) async fn client(&self, described: ClientDescription) -> (Client, Option<SecretString>) {
        let operator = RecentOperator::command_line(&self.state.core);
        match clients::create(&self.state.core, &operator, described).await.unwrap() {
            Registration::Registered(client, secret) => (*client, secret),
            Registration::NameTaken => panic!("the name is taken"),
            Registration::Invalid(invalid) => panic!("{invalid:?}"),
            Registration::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    /// Changes a client as the command line does.
    pub(crate) async fn update_client(&self, id: &str, changes: ClientChanges) -> Client {
        let (id, operator) = (
            ClientId::parse(id).unwrap(),
            RecentOperator::command_line(&self.state.core),
        );
        match clients::update(&self.state.core, &operator, id, changes).await.unwrap() {
            Update::Updated(client) => *client,
            _ => panic!("the client is not changed"),
        }
    }

    /// Deletes a client as the command line does.
    pub(crate) async fn delete_client(&self, id: &str) {
        let (id, operator) = (
            ClientId::parse(id).unwrap(),
            RecentOperator::command_line(&self.state.core),
        );
        assert!(clients::delete(&self.state.core, &operator, id).await.unwrap().unwrap());
    }

    /// Deletes the service client with these credentials.
    pub(crate) async fn delete_service_client(&self, credentials: &str) {
        self.delete_client(&service_client_id(credentials)).await;
    }

    /// Creates an endpoint as the command line does, and returns it with its secret.
    pub(crate) async fn webhook(&self, described: WebhookDescription) -> (Webhook, String) {
        use secrecy::ExposeSecret;
        let operator = RecentOperator::command_line(&self.state.core);
        match webhooks::create(&self.state.core, &operator, described).await.unwrap() {
            webhooks::Creation::Created(webhook, secret) => (*webhook, secret.expose_secret().to_owned()),
            webhooks::Creation::Invalid(invalid) => panic!("{invalid:?}"),
            webhooks::Creation::TooMany => panic!("there are too many"),
            webhooks::Creation::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    /// Returns the messages to an endpoint as the command line lists them, newest event first.
    pub(crate) async fn deliveries(&self, id: WebhookId) -> Vec<Delivery> {
        let page = webhooks::deliveries(&self.state.core, id, None, None, 1000)
            .await
            .unwrap();
        page.unwrap().items
    }

    /// Sends events to an endpoint again as the command line does. Returns how many messages.
    pub(crate) async fn replay(&self, id: WebhookId, since: DateTime<Utc>) -> usize {
        let operator = RecentOperator::command_line(&self.state.core);
        match webhooks::replay(&self.state.core, &operator, id, since).await.unwrap() {
            webhooks::Replay::Begun(replayed) => replayed.messages,
            _ => panic!("nothing is replayed"),
        }
    }

    /// Makes a new secret for an endpoint as the command line does.
    pub(crate) async fn rotate_webhook_secret(&self, id: WebhookId) -> String {
        use secrecy::ExposeSecret;
        let operator = RecentOperator::command_line(&self.state.core);
        let secret = webhooks::rotate_secret(&self.state.core, &operator, id).await.unwrap();
        secret.unwrap().unwrap().secret.expose_secret().to_owned()
    }

    /// Returns an endpoint.
    pub(crate) async fn find_webhook(&self, id: WebhookId) -> Webhook {
        webhooks::find(&self.state.core, id).await.unwrap().unwrap()
    }

    /// Deletes an endpoint as the command line does.
    pub(crate) async fn delete_webhook(&self, id: WebhookId) {
        let operator = RecentOperator::command_line(&self.state.core);
        assert!(
            webhooks::delete(&self.state.core, &operator, id)
                .await
                .unwrap()
                .unwrap()
        );
    }

    /// Sends a message to try an endpoint as the command line does.
    pub(crate) async fn test_webhook(&self, id: WebhookId) -> Delivery {
        let operator = RecentOperator::command_line(&self.state.core);
        webhooks::test(&self.state.core, &operator, id)
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }

    /// Changes the state of an endpoint as the command line does.
    pub(crate) async fn set_webhook_state(&self, id: WebhookId, state: &str) {
        let operator = RecentOperator::command_line(&self.state.core);
        let changes = WebhookChanges {
            state: Some(state.to_owned()),
            ..WebhookChanges::default()
        };
        let updated = webhooks::update(&self.state.core, &operator, id, changes)
            .await
            .unwrap();
        assert!(matches!(updated, webhooks::Update::Updated(_)));
    }

    /// Returns what an instance sends messages to endpoints with.
    pub(crate) fn webhook_sender(&self) -> WebhookSender {
        WebhookSender::new(Arc::clone(&self.state.core))
    }

    /// Sends messages to endpoints until none is due, as every instance does every second. Returns how many tries there
    /// were.
    pub(crate) async fn send_webhooks(&self) -> usize {
        let (mut sender, mut tries) = (self.webhook_sender(), 0);
        loop {
            let begun = sender.begin_due().await.unwrap();
            sender.all_done().await;
            tries += begun;
            if begun == 0 {
                return tries;
            }
        }
    }

    /// Rotates the signing key as the command line does.
    pub(crate) async fn rotate_keys(&self) -> KeyRotation {
        let operator = RecentOperator::command_line(&self.state.core);
        signing_keys::rotate(&self.state.core, &operator).await.unwrap()
    }

    /// Ends the sessions of all users as the command line does.
    pub(crate) async fn sign_out_all(&self) {
        let operator = RecentOperator::command_line(&self.state.core);
        let ended = admin::users::sign_out_all(&self.state.core, &operator, || ()).await;
        ended.unwrap();
    }

    /// Rewraps everything as the command line does. Returns how many values were sealed again and how many could not be
    /// opened.
    pub(crate) async fn rewrap(&self) -> (u64, u64) {
        self.try_rewrap().await.unwrap()
    }

    /// The same, but may fail.
    pub(crate) async fn try_rewrap(&self) -> Result<(u64, u64), Fault> {
        let report = rewrap::rewrap(&self.state.core, |_done| ()).await?;
        let sum = |count: fn(&rewrap::Rewrapped) -> u64| report.iter().map(count).sum();
        Ok((sum(|column| column.resealed), sum(|column| column.not_opened)))
    }

    /// Runs the job for signing keys, as every instance does every few seconds.
    pub(crate) async fn tend_keys(&self) {
        signing_keys::tend(&self.state.core).await.unwrap();
    }

    /// Sends what is due, as every instance does every second. Returns how many messages were due.
    pub(crate) async fn deliver(&self, channel: Channel) -> usize {
        outbox::deliver_due(&self.state.core, channel).await.unwrap()
    }

    /// Seals a message to its row, as an instance does.
    pub(crate) fn seal_message(&self, id: uuid::Uuid, notification: &Value) -> Vec<u8> {
        let place = SealedAt::message(MessageId::from_uuid(id));
        let sealed = self.state.core.sealer.seal(&place, notification.to_string().as_bytes());
        sealed.unwrap()
    }

    /// Deletes expired rows until there are none, as every instance does every few minutes.
    pub(crate) async fn delete_expired(&self) {
        while retention::delete_expired(&self.state.core).await.unwrap() > 0 {}
    }

    /// Invites a user as the command line does. Returns whether the account was created.
    pub(crate) async fn invite(&self, email: &str, username: Option<&str>) -> bool {
        let operator = RecentOperator::command_line(&self.state.core);
        let new = InvitedAccount {
            email: Email::parse(email).unwrap(),
            username: username.map(|name| Username::parse(name).unwrap()),
            roles: Vec::new(),
            locale: Locale::default(),
            way: Way::Shown,
            unverified: false,
        };
        let invitation = invitation::create(&self.state.core, &operator, new).await.unwrap();
        matches!(invitation, Invitation::Made { .. })
    }

    /// Disables or enables an account as the command line does.
    pub(crate) async fn set_disabled(&self, id: &str, disabled: bool) {
        let operator = RecentOperator::command_line(&self.state.core);
        let update = AccountUpdate {
            disabled: Some(disabled),
            ..AccountUpdate::default()
        };
        let id = UserId::parse(id).unwrap();
        admin::users::update(&self.state.core, &operator, id, update)
            .await
            .unwrap()
            .unwrap();
    }

    /// Deletes an account as the command line does.
    pub(crate) async fn delete_user(&self, id: &str) {
        let operator = RecentOperator::command_line(&self.state.core);
        let id = UserId::parse(id).unwrap();
        admin::users::delete(&self.state.core, &operator, id)
            .await
            .unwrap()
            .unwrap();
    }

    /// Imports a line as the command line does.
    pub(crate) async fn import(&self, line: &Value) -> ImportReport {
        self.import_batches(&[std::slice::from_ref(line)], false).await
    }

    /// Imports batches of lines as the command line does.
    pub(crate) async fn import_batches(&self, batches: &[&[Value]], dry_run: bool) -> ImportReport {
        let mut run = UserImport::new(Arc::clone(&self.state.core), dry_run);
        let mut numbers = 1..;
        for batch in batches {
            let line = |line: &Value| ImportLine {
                number: numbers.next().unwrap(),
                text: Some(Zeroizing::new(line.to_string().into_bytes())),
            };
            run.take(batch.iter().map(line).collect()).await.unwrap();
        }
        run.report
    }

    /// Sends a request and checks what holds for every answer.
    pub(crate) async fn send(&self, request: test::TestRequest) -> TestResponse {
        let mut request = request.peer_addr("203.0.113.7:4711".parse().unwrap()).to_request();
        // Every HTTP/1.1 client names the host.
        if !request.headers().contains_key(header::HOST) {
            let host = header::HeaderValue::from_static("auth.example.com");
            request.headers_mut().insert(header::HOST, host);
        }
        let method = request.method().clone();
        TestResponse::read(&method, (self.call)(request).await).await
    }

    /// Sends a GET.
    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        self.send(test::TestRequest::get().uri(path)).await
    }

    /// Sends a GET with a bearer token.
    pub(crate) async fn get_as(&self, path: &str, token: &str) -> TestResponse {
        self.send(bearer(test::TestRequest::get().uri(path), token)).await
    }

    /// Sends a POST with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> TestResponse {
        self.send(test::TestRequest::post().uri(path).set_json(body)).await
    }

    /// Sends a POST with a bearer token and no body.
    pub(crate) async fn post_as(&self, path: &str, token: &str) -> TestResponse {
        self.send(bearer(test::TestRequest::post().uri(path), token)).await
    }

    /// Sends a request with a bearer token and a JSON body.
    pub(crate) async fn call_as(&self, method: Method, path: &str, token: &str, body: &Value) -> TestResponse {
        let request = test::TestRequest::with_uri(path).method(method);
        self.send(bearer(request, token).set_json(body)).await
    }

    /// Sends a request with a bearer token and no body.
    pub(crate) async fn bare_as(&self, method: Method, path: &str, token: &str) -> TestResponse {
        self.send(bearer(test::TestRequest::with_uri(path).method(method), token))
            .await
    }

    /// Returns the messages to an address or number, newest first.
    pub(crate) async fn notifications(&self, to: &str) -> Vec<Value> {
        let to = percent_encoding::utf8_percent_encode(to, percent_encoding::NON_ALPHANUMERIC);
        let listed = self.get(&format!("/dev/outbox?to={to}")).await.expect(200).json();
        listed.as_array().unwrap().clone()
    }

    /// Returns the kinds of the messages to an address or number, in alphabetical order: the clock stands still, so
    /// their times are equal.
    pub(crate) async fn notification_kinds(&self, to: &str) -> Vec<String> {
        let notifications = self.notifications(to).await;
        let kinds = notifications
            .iter()
            .map(|notification| notification["kind"].as_str().unwrap().to_owned());
        let mut kinds: Vec<String> = kinds.collect();
        kinds.sort_unstable();
        kinds
    }

    /// Returns the last code for signing in that was sent to an address or number.
    pub(crate) async fn sent_code(&self, to: &str) -> String {
        self.notification(to, "second_factor_code").await["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Returns the last code that was sent to confirm an address or number.
    pub(crate) async fn confirmation_code(&self, to: &str) -> String {
        self.notification(to, "confirmation_code").await["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Returns the last message of a kind that was sent to an address or number.
    pub(crate) async fn notification(&self, to: &str, kind: &str) -> Value {
        let notifications = self.notifications(to).await;
        let found = notifications
            .into_iter()
            .find(|notification| notification["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} to {to}"))
    }

    /// Returns the token in the last link of a kind that was mailed to an address.
    pub(crate) async fn mailed_token(&self, to: &str, kind: &str) -> String {
        let notification = self.notification(to, kind).await;
        let (token, link) = (
            notification["token"].as_str().unwrap(),
            notification["link"].as_str().unwrap(),
        );
        assert!(
            link.starts_with(PUBLIC_URL) && link.ends_with(&format!("#token={token}")),
            "{link}"
        );
        token.to_owned()
    }

    /// Follows the link that verifies the address of an account, with its password.
    pub(crate) async fn verify_email(&self, email: &str) {
        let token = self.mailed_token(email, "email_verification").await;
        let body = serde_json::json!({"token": token, "password": PASSWORD});
        self.post("/email/verify", &body).await.expect(204);
    }

    /// Follows the link that replaces the address of an account, signed in.
    pub(crate) async fn verify_new_email(&self, email: &str, access_token: &str) {
        let token = self.mailed_token(email, "email_change").await;
        let body = serde_json::json!({"token": token});
        self.call_as(Method::POST, "/email/verify", access_token, &body)
            .await
            .expect(204);
    }

    /// Sends any method with a body as it is.
    pub(crate) async fn send_raw(&self, method: Method, path: &str, media_type: &str, body: &str) -> TestResponse {
        let request = test::TestRequest::with_uri(path).method(method);
        self.send(
            request
                .insert_header((header::CONTENT_TYPE, media_type))
                .set_payload(body.to_owned()),
        )
        .await
    }
}

/// Returns the id in the HTTP Basic credentials of a service client.
pub(crate) fn service_client_id(credentials: &str) -> String {
    use base64::Engine;
    let encoded = credentials.strip_prefix("Basic ").unwrap();
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
    let (id, _) = std::str::from_utf8(&decoded).unwrap().split_once(':').unwrap();
    id.to_owned()
}

fn bearer(request: test::TestRequest, token: &str) -> test::TestRequest {
    request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct ManualClock(Mutex<TimeDelta>);

impl ManualClock {
    fn start() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-03-01T12:00:00Z").unwrap().to_utc()
    }

    /// Moves the clock forward by seconds.
    pub(crate) fn advance(&self, seconds: i64) {
        MovableClock::advance(self, TimeDelta::seconds(seconds));
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self(Mutex::new(TimeDelta::zero()))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        Self::start() + *self.0.lock().unwrap()
    }
}

impl MovableClock for ManualClock {
    fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }

    fn offset(&self) -> TimeDelta {
        *self.0.lock().unwrap()
    }
}

/// Randomness that differs between instances and is the same in every run.
struct SeededRandom(Mutex<ChaCha20Rng>);

impl Default for SeededRandom {
    fn default() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static INSTANCES: AtomicU64 = AtomicU64::new(0);
        Self(Mutex::new(ChaCha20Rng::seed_from_u64(
            INSTANCES.fetch_add(1, Ordering::Relaxed),
        )))
    }
}

impl Random for SeededRandom {
    fn fill(&self, destination: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(destination);
    }
}
