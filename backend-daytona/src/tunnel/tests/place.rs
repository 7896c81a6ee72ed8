//! A runner behind its tunnel on this machine, and an engine before it: no service in between.

use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Error, Features, Isolation, NetworkPolicy, SandboxSpec, TransportError};
use hibernaculum_engine::boot::wait_ready;
use hibernaculum_engine::wire::Secret;
use hibernaculum_engine::{
    Boot, BootPlace, BootTunnel, ByteStream, Fate, Place, Provider, RUNNER_FEATURES, Ready, Role, STAGE0,
};
use reqwest::header::HeaderMap;
use tokio::io::BufReader;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

use super::cutter::Cutter;
use crate::tunnel::{Door, Road, TunnelStream};

/// Starts runners of this machine, each behind a tunnel and a network that can be cut.
pub(crate) struct Near {
    pub(crate) cutter: Arc<Mutex<Option<Arc<Cutter>>>>,
    pub(crate) patience: Duration,
}

pub(crate) struct NearPlace {
    ready: Ready,
    workdir: String,
    road: Arc<Road>,
    process: Mutex<Child>,
    _directory: tempfile::TempDir,
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

pub(crate) fn road(port: u16, secret: &Secret, patience: Duration) -> Road {
    let door = Door::new(&reqwest::Client::new(), &format!("http://127.0.0.1:{port}"), HeaderMap::new());
    Road::new(
        "test".to_owned(),
        door,
        secret.clone(),
        patience,
        Box::new(|| Box::pin(async { Fate::Unknown })),
    )
}

impl Provider for Near {
    type Place = NearPlace;

    fn features(&self) -> Features {
        Features::new("near", NetworkPolicy::Full).with(RUNNER_FEATURES).with_isolation([Isolation::Trusted])
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<NearPlace, Error> {
        let directory = tempfile::Builder::new().prefix("hib-").tempdir().unwrap();
        let home = directory.path().to_str().unwrap().to_owned();
        let (port, file) = (free_port(), format!("{home}/boot"));
        let tunnel = BootTunnel { port, window: Duration::from_mins(1), unlink: Some(&file) };
        let place = BootPlace {
            socket: &format!("{home}/s"),
            workdir: &home,
            runner_dir: &format!("{home}/runner"),
            bundle: true,
            remove: &[],
            tunnel: Some(tunnel),
        };
        std::fs::write(&file, boot.stdin(spec, &place)).unwrap();
        let python = std::env::var("HIBERNACULUM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut process = Command::new(python)
            .args(["-I", "-u", "-c", STAGE0])
            .stdin(std::fs::File::open(&file).unwrap())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let ready = wait_ready(&mut BufReader::new(process.stdout.take().unwrap())).await?;
        let cutter = Arc::new(Cutter::before(port).await);
        let road = Arc::new(road(cutter.port, &boot.secret, self.patience));
        *self.cutter.lock().await = Some(cutter);
        Ok(NearPlace { ready, workdir: home, road, process: Mutex::new(process), _directory: directory })
    }
}

impl Place for NearPlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn connect(&self, _role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let (stream, pump) = TunnelStream::begin(Arc::clone(&self.road))
            .await
            .map_err(|doing| TransportError::Broken { doing, source: None })?;
        tokio::spawn(pump);
        Ok(Box::new(stream))
    }

    async fn stop(&self) {
        self.kill().await;
    }

    async fn kill(&self) {
        self.road.end(Fate::Gone("it was stopped".to_owned()));
        let mut process = self.process.lock().await;
        let _ = process.start_kill();
        let _ = process.wait().await;
    }
}
