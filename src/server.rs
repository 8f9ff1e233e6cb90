//! The server process: bind, prepare, answer, drain, stop.
//!
//! It listens before the database is ready, so that a supervisor sees it alive. Until the schema has been checked and
//! the keys have been loaded, every request that needs them is answered with 503.

mod drain;
mod sockets;
mod supervisor;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{HttpServer, web};
use secrecy::SecretString;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::drain::OpenSockets;
use self::sockets::Bound;
use crate::api::problem::with_causes;
use crate::api::{ApiState, build_app, build_operators_app, routes};
use crate::app::{self, Environment, StartError};
use crate::config::{Config, Listen, MetricsListen, Mode};
use crate::domain::audit_event::EventName;
use crate::domain::factor::FactorKind;
use crate::flows::Core;
use crate::flows::audit;
use crate::flows::maintenance::rewrap;
use crate::flows::maintenance::signing_keys;
use crate::jobs;
use crate::store::migrations::{self, MigrationError};
use crate::telemetry::metrics::Metrics;

/// How long requests may take to finish after a signal.
const SHUTDOWN_GRACE_SECONDS: u64 = 20;
/// How long jobs may take to stop after that.
const JOBS_GRACE: Duration = Duration::from_secs(10);
/// How long a client may take to send the head of a request.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many connections each worker serves; further ones wait to be accepted. Each takes about 12 KiB, mostly for two
/// buffers: 35 MiB at most on two processors.
pub const CONNECTIONS_OF_WORKER: usize = 1500;
/// How long to wait before trying again to reach the database at start.
const PREPARE_RETRY: Duration = Duration::from_secs(1);

/// How often observed values are put into the buckets of their histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Serves until a signal stops it, and serves the metrics to operators.
///
/// # Errors
///
/// Says why it could not start, or which data in the database this version of the program cannot use.
pub async fn serve(config: Config, metrics: Option<Metrics>) -> Result<(), StartError> {
    // Before the database: if the address is in use, the private PostgreSQL need not be initialised first.
    let bound = listeners(&config)?;
    let bound_for_operators = bind_for_operators(&config.server.metrics_listen)?;
    // From here on a signal does not kill the process, so the database server is always stopped too.
    let signals = Signals::listen().map_err(StartError::Server)?;
    let database = app::open_database(&config)?;
    let sockets = (bound, bound_for_operators);
    let outcome = serve_on(&config, sockets, &database.url, signals, metrics).await;
    outcome.and(database.close())
}

async fn serve_on(
    config: &Config,
    (bound, for_operators): (Vec<Bound>, Vec<Bound>),
    database_url: &SecretString,
    signals: Signals,
    metrics: Option<Metrics>,
) -> Result<(), StartError> {
    let public_url = public_url(config, &bound);
    let mut state = app::build(config, database_url, &public_url, Environment::of(config.mode))?;
    state.metrics = metrics.as_ref().map(|metrics| Arc::clone(&metrics.exposition));
    let state = web::Data::new(state);
    routes::announce(routes::Offered::by(&state));
    state.core.providers.announce();
    let core = Arc::clone(&state.core);
    let db = core.db.clone();
    let beside = Beside::start(for_operators, &state, metrics)?;
    let mut open_sockets = OpenSockets::default();
    let addresses: Vec<String> = bound.iter().map(Bound::address).collect();
    let served = state.clone();
    let mut server = HttpServer::new(move || build_app(served.clone()))
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .backlog(1024)
        .max_connections(CONNECTIONS_OF_WORKER)
        .shutdown_timeout(SHUTDOWN_GRACE_SECONDS)
        .disable_signals();
    if let Some(workers) = config.server.workers.and_then(|number| usize::try_from(number).ok()) {
        server = server.workers(workers);
    }
    let server = open_sockets.listen(server, bound, (HttpServer::listen, HttpServer::listen_uds));
    let running = server.map_err(StartError::Server)?.run();
    announce(config, &addresses.join(" and "), &public_url);
    let stopping = tokio::spawn(stop_on_signal(
        running.handle(),
        signals,
        state,
        open_sockets,
        config.server.shutdown_delay,
    ));
    let (stop_jobs, jobs_stopping) = watch::channel(false);
    let outcome = until_stopped(running, keep_ready(core, database_url, jobs_stopping), stop_jobs).await;
    stopping.abort();
    beside.stop().await;
    db.close().await;
    tracing::info!("stopped");
    outcome
}

/// Runs the server and what keeps it ready until the server is told to stop, or cannot become ready.
async fn until_stopped(
    running: Server,
    kept_ready: impl Future<Output = Result<(), StartError>>,
    stop_jobs: watch::Sender<bool>,
) -> Result<(), StartError> {
    let handle = running.handle();
    let (mut running, mut kept_ready) = (pin!(running), pin!(kept_ready));
    tokio::select! {
        served = &mut running => {
            let _ = stop_jobs.send(true);
            // A message whose sending is interrupted here is sent again by another instance, or at the next start.
            let _ = tokio::time::timeout(JOBS_GRACE, kept_ready).await;
            served.map_err(StartError::Server)
        }
        kept = &mut kept_ready => {
            let (_stopped, _served) = futures_util::future::join(handle.stop(true), running).await;
            kept
        }
    }
}

/// Returns the base of every URL that the service hands out: the setting, or else the URL of the first socket.
fn public_url(config: &Config, bound: &[Bound]) -> String {
    let set = config.server.public_url.clone();
    let reached = || bound.iter().find_map(Bound::socket_address);
    let by_address = || reached().map(|address| config.server.url_of(address));
    set.or_else(by_address).unwrap_or_default()
}

/// What runs beside the server, for operators: a separate listener, which load and connection limits of the public one
/// do not affect; the upkeep of the metrics; and the watchdog messages to systemd.
struct Beside {
    server: Option<ServerHandle>,
    /// Dropped when the listener has stopped.
    _open_sockets: OpenSockets,
    upkeep: Option<JoinHandle<()>>,
    life: JoinHandle<()>,
}

impl Beside {
    fn start(bound: Vec<Bound>, state: &web::Data<ApiState>, metrics: Option<Metrics>) -> Result<Self, StartError> {
        let (mut handle, mut open_sockets) = (None, OpenSockets::default());
        if !bound.is_empty() {
            let state = state.clone();
            let server = HttpServer::new(move || build_operators_app(state.clone()))
                .client_request_timeout(HEAD_TIMEOUT)
                .keep_alive(KEEP_ALIVE)
                .max_connections(100)
                .workers(1)
                .shutdown_timeout(1)
                .disable_signals();
            for socket in &bound {
                tracing::info!(address = socket.address(), "serving metrics to operators");
            }
            let server = open_sockets.listen(server, bound, (HttpServer::listen, HttpServer::listen_uds));
            let running = server.map_err(StartError::Server)?.run();
            handle = Some(running.handle());
            tokio::spawn(running);
        }
        Ok(Self {
            server: handle,
            _open_sockets: open_sockets,
            upkeep: metrics.map(|metrics| tokio::spawn(keep_up(metrics))),
            life: tokio::spawn(supervisor::show_life()),
        })
    }

    /// Stops it. It is stopped last, so that operators can watch the requests drain.
    async fn stop(self) {
        if let Some(upkeep) = self.upkeep {
            upkeep.abort();
        }
        if let Some(server) = self.server {
            server.stop(true).await;
        }
        self.life.abort();
    }
}

async fn keep_up(metrics: Metrics) {
    loop {
        tokio::time::sleep(UPKEEP_EVERY).await;
        (metrics.upkeep)();
    }
}

/// Uses the sockets that the supervisor passed, or else binds those that the settings name.
fn listeners(config: &Config) -> Result<Vec<Bound>, StartError> {
    let inherited = sockets::inherited().map_err(StartError::Inherited)?;
    if inherited.is_empty() {
        return bind(&config.server.listen);
    }
    let local = inherited.iter().all(Bound::is_local);
    let refuse = |why| Err(StartError::Inherited(io::Error::other(why)));
    if config.mode == Mode::Development && !local {
        return refuse("development serves this machine only, but other machines can reach them");
    }
    let has_url = config.server.public_url.is_some() || inherited.iter().any(|bound| bound.socket_address().is_some());
    if !has_url || (!local && config.server.public_url.is_none()) {
        return refuse("VESTIBULE_PUBLIC_URL must be set, since they are not on a loopback address");
    }
    Ok(inherited)
}

/// Tries whether an address could be listened on now, without keeping it.
///
/// # Errors
///
/// Says why not, as a start would.
pub fn try_to_listen(listen: &Listen) -> io::Result<()> {
    sockets::try_to_bind(listen)
}

fn bind(listen: &Listen) -> Result<Vec<Bound>, StartError> {
    sockets::bind(listen).map_err(|source| StartError::Listen {
        address: listen.to_string(),
        source,
    })
}

/// Binds the listener for operators, unless it is switched off.
fn bind_for_operators(listen: &MetricsListen) -> Result<Vec<Bound>, StartError> {
    match listen {
        MetricsListen::Off => Ok(Vec::new()),
        MetricsListen::Named(listen) => bind(listen),
        MetricsListen::Default(address) => Ok(bind(&Listen::At(vec![*address])).unwrap_or_else(|error| {
            tracing::warn!(%error, "no metrics are served: set VESTIBULE_METRICS_LISTEN to an address, or to off");
            Vec::new()
        })),
    }
}

fn announce(config: &Config, address: &str, public_url: &str) {
    if config.tokens.signing_algorithm == crate::domain::signing_key::SigningAlgorithm::Rs256 {
        tracing::warn!("RS256 is for verifiers that support nothing else; ES256 is safer and its tokens are smaller");
    }
    for (channel, lacking) in config.delivery.lacking().filter(|_| config.mode == Mode::Serve) {
        let channel = channel.as_str();
        tracing::warn!(
            channel,
            lacking,
            "codes of a second factor cannot be sent; requests that need them are answered 503"
        );
    }
    if uses_no_domain(config, public_url) {
        tracing::info!("passkeys are off: the host of the public URL is an IP address, not a domain");
    }
    if config.mode == Mode::Development {
        tracing::warn!("development endpoints are on: any client that reaches this address can move its clock");
    }
    tracing::info!(
        address,
        public_url,
        "listening; the API is described at {public_url}/docs/"
    );
}

/// Returns whether passkeys are switched on, but there is no domain for them.
fn uses_no_domain(config: &Config, public_url: &str) -> bool {
    let delivery = &config.delivery;
    delivery.second_factors.contains(&FactorKind::Passkey)
        && matches!(delivery.passkeys.relying_party(public_url), Ok(None))
}

/// The signals that shut the process down gracefully.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

async fn stop_on_signal(
    handle: ServerHandle,
    mut signals: Signals,
    state: web::Data<ApiState>,
    open_sockets: OpenSockets,
    delay: Duration,
) {
    let signal = signals.next().await;
    supervisor::stopping();
    // SIGINT usually comes from a developer at a terminal, who does not need the delay.
    let patient = signal == SignalKind::terminate();
    let delay = if patient { delay } else { Duration::ZERO };
    drain::drain(&state, open_sockets, delay, &mut signals).await;
    tracing::info!("stopping: requests under way are finished first");
    handle.stop(true).await;
}

/// Migrates the schema and loads the keys, retrying until the database can be reached. Then runs the jobs until the
/// process stops.
///
/// # Errors
///
/// Returns only errors that waiting cannot cure.
async fn keep_ready(
    core: Arc<Core>,
    database_url: &SecretString,
    mut stopping: jobs::Stopping,
) -> Result<(), StartError> {
    loop {
        let error = match prepare_once(&core, database_url).await {
            Ok(()) => break,
            Err(error) => error,
        };
        let temporary = match &error {
            StartError::Migration(error) => matches!(error, MigrationError::Unreachable { .. }),
            StartError::Stored(fault) => fault.is_temporary(),
            _ => false,
        };
        if !temporary {
            return Err(error);
        }
        let causes = with_causes(&error);
        tracing::error!(error = causes, "not ready; trying again");
        supervisor::waits(&causes);
        if jobs::stops_within(&mut stopping, PREPARE_RETRY).await {
            return Ok(());
        }
    }
    tracing::info!("ready");
    supervisor::ready();
    note(&core, EventName::Startup).await;
    jobs::run(Arc::clone(&core), stopping).await;
    note(&core, EventName::Shutdown).await;
    Ok(())
}

/// Records that the instance starts or stops. It starts and stops all the same when the database cannot be reached.
async fn note(core: &Arc<Core>, name: EventName) {
    if let Err(error) = audit::record_instance(core, name).await {
        tracing::warn!(%error, event = name.as_str(), "this could not be written to the audit trail");
    }
}

/// Migrates the schema and loads the keys. Requests are served from then on.
pub async fn prepare_once(core: &Arc<Core>, database_url: &SecretString) -> Result<(), StartError> {
    prepare_schema(core, database_url).await?;
    rewrap::load_retired_keys(core).await?;
    signing_keys::prepare(core).await?;
    Ok(())
}

/// Migrates the schema, and nothing else.
pub async fn prepare_schema(core: &Arc<Core>, database_url: &SecretString) -> Result<(), StartError> {
    let url = database_url.clone();
    let pooled = core.db.is_pooled();
    #[expect(
        clippy::disallowed_methods,
        reason = "migrations run before the pool lets anything through"
    )]
    let migrated = tokio::task::spawn_blocking(move || migrations::apply(&url, pooled)).await;
    let applied = migrated.map_err(|died| MigrationError::Failed(died.to_string()))??;
    if !applied.is_empty() {
        tracing::info!(migrations = applied.join(" "), "the schema was brought up to date");
    }
    core.db.schema_is_ready();
    Ok(())
}
