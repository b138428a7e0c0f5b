//! The whole platform in one process, on embedded storage or on the engines that its configuration names.
//!
//! Nothing here decides anything: [`start`] opens the data folder, calls the `build` function of every service with the
//! same configuration that separate programs would get, and binds their listeners. Services that share the process
//! still talk over loopback HTTP and through the bus, as they do apart: there is one code path, not two.

mod config;
mod folder;
mod machine;

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use aops_agent::AgentConfig;
use aops_api::host::HostRegisterRequest;
use aops_bus::{Bus, BusError};
use aops_client::{ClientError, DataCenter};
use aops_data_center::first_password_file;
use aops_service::config::Settings;
use aops_service::log::chain;
use aops_service::server::{Audience, Server, bind};
use aops_service::{Clock, Credentials, Engine, Service, Shutdown};

pub use config::StandaloneConfig;
pub use folder::{DataFolder, FolderError, write_whole};

/// The services that call `/data`, and so have a credential.
const CALLERS: [&str; 6] = [
    "manager",
    "check-scheduler",
    "check-executor",
    "diag-scheduler",
    "diag-executor",
    OWN_NAME,
];
/// The name by which this process itself calls `/data`, to register its machine.
const OWN_NAME: &str = "standalone";
/// Between two attempts to make this machine a host, while the tables are away.
const REGISTRATION_PAUSE: Duration = Duration::from_secs(1);

/// Why a platform did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A listener.
    #[error(transparent)]
    Listener(io::Error),
    /// The data center's stores.
    #[error("the data center did not start")]
    DataCenter(#[from] aops_data_center::Error),
    /// The bus.
    #[error("the message bus did not open")]
    Bus(#[from] BusError),
    /// The file of the first password.
    #[error("admin_password_file: {} cannot be read", .0.display())]
    PasswordFile(PathBuf, #[source] io::Error),
    /// A setting that a service refuses.
    #[error("a service refused its settings")]
    Settings(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This machine could not be made a host.
    #[error("this machine could not be registered as a host")]
    Registration(#[from] ClientError),
}

/// A running platform.
pub struct Platform {
    /// Where the public listener is.
    pub public_address: SocketAddr,
    /// Where the internal listener is.
    pub internal_address: SocketAddr,
    /// The generated admin password, for as long as it has not been changed.
    pub first_password: Option<String>,
    /// Cancel it to stop the platform.
    pub shutdown: Shutdown,
    server: tokio::task::JoinHandle<io::Result<()>>,
    bus: Bus,
    // Dropped last, and with it the lock of the folder.
    _folder: DataFolder,
}

impl Platform {
    /// Waits until the platform has stopped, in good order or not.
    pub async fn finished(self) -> io::Result<()> {
        let outcome = self.server.await.map_err(io::Error::other)?;
        self.bus.close().await;
        outcome
    }
}

/// Bound listeners: taken first, so that a port that is in use is told before anything is opened.
struct Listeners {
    public: TcpListener,
    internal: TcpListener,
    agent: Option<TcpListener>,
}

impl Listeners {
    fn bind(config: &StandaloneConfig) -> io::Result<Self> {
        Ok(Self {
            public: bind(&config.listen.public, "--listen")?,
            internal: bind(&config.listen.internal, "--internal-listen")?,
            agent: config
                .listen
                .agent()
                .map(|address| bind(address, "--agent-listen"))
                .transpose()?,
        })
    }
}

/// Starts a platform; when this returns it listens, and this machine is a host.
pub async fn start(config: StandaloneConfig) -> Result<Platform, StartError> {
    let clock = Clock::system();
    config.check().map_err(settings)?;
    let admin_password = admin_password(&config)?;
    let folder = DataFolder::open(&config.data_dir)?;
    let listeners = Listeners::bind(&config).map_err(StartError::Listener)?;
    let internal_url = internal_url(&listeners).map_err(StartError::Listener)?;
    let credentials = folder.credentials(&CALLERS)?;
    let connect = |name: &str| {
        folder
            .service_secret(name)
            .map(|secret| DataCenter::new(&internal_url, name, &secret))
    };

    let bus = open_bus(&config, &folder, &clock).await?;
    let mut services = vec![
        aops_data_center::build(config.data_center(admin_password), clock.clone()).await?,
        aops_manager::build(connect("manager")?),
    ];
    services.extend(build_checks(
        &config,
        &bus,
        &clock,
        connect("check-scheduler")?,
        connect("check-executor")?,
    )?);
    services.extend(build_diagnoses(
        &config,
        &bus,
        &clock,
        connect("diag-scheduler")?,
        connect("diag-executor")?,
    )?);

    let mut server = Server::new();
    server.add_engine(engine_of(&bus));
    let addresses =
        listen(&mut server, listeners, &services, &clock, credentials).map_err(StartError::Listener)?;
    for service in services {
        server.start_loops(service);
    }
    let shutdown = server.shutdown();
    let platform = Platform {
        public_address: addresses.public,
        internal_address: addresses.internal,
        first_password: fs::read_to_string(first_password_file(&config.data_dir))
            .ok()
            .map(|text| text.trim().to_owned()),
        shutdown,
        server: tokio::spawn(server.run()),
        bus,
        _folder: folder,
    };
    if let Some(agent_address) = addresses.agent {
        let agent_id = platform._folder.agent_id()?;
        let data_center = platform
            ._folder
            .service_secret(OWN_NAME)
            .map(|secret| DataCenter::new(&internal_url, OWN_NAME, &secret))?;
        let request = registration(agent_id, agent_address);
        match register(&data_center, &request).await {
            Err(error) if error.is_outage() => {
                tokio::spawn(register_later(
                    data_center,
                    request,
                    clock,
                    platform.shutdown.clone(),
                ));
            }
            outcome => outcome?,
        }
    }
    Ok(platform)
}

async fn open_bus(config: &StandaloneConfig, folder: &DataFolder, clock: &Clock) -> Result<Bus, BusError> {
    let clock = clock.clone();
    Bus::open(&config.bus, &folder.path().join("bus.db"), move || clock.now_ms()).await
}

/// The bus, as `/ready` asks after it.
fn engine_of(bus: &Bus) -> Engine {
    let place = bus.place();
    let bus = bus.clone();
    Engine::new("bus", place, move || {
        let bus = bus.clone();
        async move { bus.ping().await.map_err(|error| chain(&error)) }
    })
}

fn build_checks(
    config: &StandaloneConfig,
    bus: &Bus,
    clock: &Clock,
    scheduler: DataCenter,
    executor: DataCenter,
) -> Result<[Service; 2], StartError> {
    let dependencies = aops_check_scheduler::Dependencies {
        data_center: scheduler,
        bus: bus.clone(),
        clock: clock.clone(),
    };
    let scheduler = aops_check_scheduler::build(config.check_scheduler(), dependencies).map_err(settings)?;
    let dependencies = aops_check_executor::Dependencies {
        data_center: executor,
        bus: bus.clone(),
        clock: clock.clone(),
    };
    let executor = aops_check_executor::build(config.check_executor(), dependencies).map_err(settings)?;
    Ok([scheduler, executor])
}

fn build_diagnoses(
    config: &StandaloneConfig,
    bus: &Bus,
    clock: &Clock,
    scheduler: DataCenter,
    executor: DataCenter,
) -> Result<[Service; 2], StartError> {
    let dependencies = aops_diag_scheduler::Dependencies {
        data_center: scheduler,
        bus: bus.clone(),
        clock: clock.clone(),
    };
    let scheduler = aops_diag_scheduler::build(config.diag_scheduler(), dependencies).map_err(settings)?;
    let dependencies = aops_diag_executor::Dependencies {
        data_center: executor,
        bus: bus.clone(),
        clock: clock.clone(),
    };
    let executor = aops_diag_executor::build(config.diag_executor(), dependencies).map_err(settings)?;
    Ok([scheduler, executor])
}

fn admin_password(config: &StandaloneConfig) -> Result<Option<String>, StartError> {
    match (&config.admin_password, &config.admin_password_file) {
        (Some(password), _) => Ok(Some(password.clone())),
        (None, Some(file)) => {
            let text =
                fs::read_to_string(file).map_err(|error| StartError::PasswordFile(file.clone(), error))?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
        }
        (None, None) => Ok(None),
    }
}

fn settings(error: impl std::error::Error + Send + Sync + 'static) -> StartError {
    StartError::Settings(Box::new(error))
}

struct Addresses {
    public: SocketAddr,
    internal: SocketAddr,
    agent: Option<SocketAddr>,
}

fn listen(
    server: &mut Server,
    listeners: Listeners,
    services: &[Service],
    clock: &Clock,
    credentials: Credentials,
) -> io::Result<Addresses> {
    let internal = server.listen(listeners.internal, Audience::Internal, services, credentials)?;
    let public = server.listen(
        listeners.public,
        Audience::Public,
        services,
        Credentials::default(),
    )?;
    let mut listen_as_agent = |listener| {
        let agent = aops_agent::build(AgentConfig {
            clock: clock.clone(),
            ..AgentConfig::default()
        });
        server.listen(listener, Audience::Agent, &[agent], Credentials::default())
    };
    let agent = listeners.agent.map(&mut listen_as_agent).transpose()?;
    Ok(Addresses {
        public,
        internal,
        agent,
    })
}

/// Where services of this process find the data center: loopback, also when it listens on every address.
fn internal_url(listeners: &Listeners) -> io::Result<String> {
    let mut address = listeners.internal.local_addr()?;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{address}"))
}

/// The machine of this process, as a host of the admin.
fn registration(agent_id: String, metrics_address: SocketAddr) -> HostRegisterRequest {
    HostRegisterRequest {
        agent_id,
        host_name: machine::host_name(),
        address: metrics_address.ip().to_string(),
        ssh_port: 22,
        metrics_address: metrics_address.to_string(),
        owner: "admin".to_owned(),
        host_group_name: "default".to_owned(),
    }
}

/// Once more changes nothing but the address.
async fn register(data_center: &DataCenter, request: &HostRegisterRequest) -> Result<(), ClientError> {
    let answer = data_center.register_host(request).await?;
    tracing::info!(host_id = %answer.host_id, host_name = request.host_name, "this machine is a host");
    Ok(())
}

/// Tries until the tables are there.
async fn register_later(
    data_center: DataCenter,
    request: HostRegisterRequest,
    clock: Clock,
    shutdown: Shutdown,
) {
    loop {
        tokio::select! {
            () = clock.sleep(REGISTRATION_PAUSE) => {}
            () = shutdown.cancelled() => return,
        }
        match register(&data_center, &request).await {
            Ok(()) => return,
            // The data center says what it waits for. So does a platform without its first account yet.
            Err(error) if error.is_transient() => {}
            Err(error) => tracing::warn!(%error, "this machine could not be registered as a host"),
        }
    }
}
