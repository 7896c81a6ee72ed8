//! The stand-in as a test has it: started, asked, ended.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::clockwork::{ARCHIVE, DESTROY, PAUSE, RESUME, START, STOP};
use super::config::StandInConfig;
use super::faults::Faults;
use super::journal::Recorded;
use super::network::Cut;
use super::sandbox::State;
use super::spec::Violation;
use super::world::World;
use super::{api, gate, proxy, toolbox};

/// A stand-in for Daytona's service, listening on loopback.
///
/// Dropping it kills what runs in its sandboxes and removes their directories; [`close`](Self::close) waits for that.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use hibernaculum_testkit::daytona::{StandIn, StandInConfig};
///
/// let stand_in = StandIn::start(StandInConfig::default()).await?;
/// assert!(stand_in.api_url().starts_with("http://127.0.0.1:"));
/// assert!(stand_in.violations().is_empty());
/// stand_in.close().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct StandIn {
    world: Arc<World>,
}

impl StandIn {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    ///
    /// Where there is no port or no temporary directory to be had.
    pub async fn start(config: StandInConfig) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let world = Arc::new(World::new(config, origin)?);
        let router = gate::guard(
            &world,
            Router::new()
                .nest("/api", api::routes())
                .nest("/toolbox/{sandbox}", toolbox::routes().merge(proxy::routes())),
        );
        listen(&world, listener, router, world.stop.clone());
        let every = (world.config.minute / 10).clamp(Duration::from_millis(5), Duration::from_secs(1));
        world.spawn(World::watch(world.clone(), every));
        Ok(Self { world })
    }

    /// The base URL of the control plane: what `DAYTONA_API_URL` is for.
    pub fn api_url(&self) -> String {
        format!("{}/api", self.world.origin)
    }

    /// The key that it takes: what `DAYTONA_API_KEY` is for.
    pub fn api_key(&self) -> &str {
        &self.world.api_key
    }

    /// Other faults from now on, counted from here.
    pub fn set_faults(&self, faults: Faults) {
        self.world.dice.replace(faults);
    }

    /// Takes the network away, until [`restore`](Self::restore).
    pub fn cut(&self, how: Cut) {
        self.world.network.cut(how);
    }

    /// Ends every connection that there is now; new ones can be made.
    pub fn sever(&self) {
        self.cut(Cut::Reset);
        self.restore();
    }

    /// Gives the network back.
    pub fn restore(&self) {
        self.world.network.restore();
    }

    /// Everything that was asked so far, in the order of the answers.
    pub fn requests(&self) -> Vec<Recorded> {
        self.world.journal.requests()
    }

    /// Everything so far, in requests and in answers, that the published specs do not allow.
    pub fn violations(&self) -> Vec<Violation> {
        self.world.journal.violations()
    }

    /// Ids and states of the sandboxes that there are.
    pub fn sandboxes(&self) -> Vec<(String, String)> {
        let inner = self.world.lock();
        inner
            .sandboxes
            .values()
            .map(|sandbox| (sandbox.id.clone(), sandbox.state.name().to_owned()))
            .collect()
    }

    /// One sandbox as the control plane tells it, by id or by name.
    pub fn sandbox(&self, id_or_name: &str) -> Option<Value> {
        self.world.find(id_or_name).ok().map(|sandbox| sandbox.told(&self.world.toolbox_url()))
    }

    /// The processes that live in a sandbox, by id or by name; none of one that is not there.
    pub fn processes(&self, id_or_name: &str) -> Vec<i32> {
        self.world
            .find(id_or_name)
            .map(|sandbox| sandbox.mark.pids().into_iter().collect())
            .unwrap_or_default()
    }

    /// Stops a sandbox behind the client's back, as an auto-stop does. Gives whether it was one that runs.
    pub fn stop_sandbox(&self, id_or_name: &str) -> bool {
        self.world.change(id_or_name, STOP).is_ok()
    }

    /// Starts a sandbox that is at rest behind the client's back, or wakes one that stands still. Gives whether it could be.
    pub fn start_sandbox(&self, id_or_name: &str) -> bool {
        let state = self.world.find(id_or_name).ok().map(|sandbox| sandbox.state);
        let change = if state == Some(State::Paused) { RESUME } else { START };
        self.world.change(id_or_name, change).is_ok()
    }

    /// Archives a sandbox at rest behind the client's back, as an auto-archive does. Gives whether it could be.
    pub fn archive_sandbox(&self, id_or_name: &str) -> bool {
        self.world.change(id_or_name, ARCHIVE).is_ok()
    }

    /// Has a sandbox stand still behind the client's back: its processes are there, and do nothing. Gives whether it could be.
    pub fn pause_sandbox(&self, id_or_name: &str) -> bool {
        self.world.change(id_or_name, PAUSE).is_ok()
    }

    /// Deletes a sandbox behind the client's back. Gives whether it could be.
    pub fn delete_sandbox(&self, id_or_name: &str) -> bool {
        self.world.change(id_or_name, DESTROY).is_ok()
    }

    /// Ends it, with everything that runs in its sandboxes, and waits for that.
    ///
    /// # Cancel safety
    ///
    /// Dropped half way it has begun all the same; what is left to be killed is killed by the drop.
    pub async fn close(self) {
        self.world.stop.cancel();
        self.world.tasks.close();
        self.world.tasks.wait().await;
        let world = self.world.clone();
        let _ = tokio::task::spawn_blocking(move || world.end_all()).await;
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.world.stop.cancel();
        self.world.end_all();
    }
}

impl World {
    fn end_all(&self) {
        let marks: Vec<_> = self.lock().sandboxes.values().map(|sandbox| sandbox.mark.clone()).collect();
        for mark in marks {
            mark.end();
        }
        self.lock().sandboxes.clear();
    }
}

/// Serves everything that connects, until `stop`.
pub(crate) fn listen(world: &Arc<World>, listener: TcpListener, router: Router, stop: CancellationToken) {
    let shared = world.clone();
    world.spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            if let Ok((stream, _)) = accepted {
                let (router, stop, world) = (router.clone(), stop.clone(), shared.clone());
                shared.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        _ = world.network.carry(serve(stream, router)) => {}
                    }
                });
            }
        }
    });
}

async fn serve(stream: TcpStream, router: Router) {
    // Answers are small and awaited.
    let _ = stream.set_nodelay(true);
    let line = gate::Line(CancellationToken::new());
    let service = TowerToHyperService::new(router.layer(Extension(line.clone())));
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        () = line.0.cancelled() => {}
        // A client that is gone, or that speaks no HTTP, is its own affair.
        _ = connection => {}
    }
}

/// A free port of loopback, listening.
pub(crate) async fn free_port() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
