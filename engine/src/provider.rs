//! What a backend writes: how to start a place, and how to open one more byte stream into it. The engine does the rest.
//!
//! ```text
//!  Engine ──start(spec, boot)──▶ Provider ──▶ Place        one sandbox: its supervisor runs and listens
//!  Engine ──connect(role)──────▶ Place ──▶ Box<dyn ByteStream>   one new duplex stream to that supervisor
//!  Engine ──stop / kill────────▶ Place                     idempotent; nothing is left afterwards
//!  Engine ◀─fate / revive──────▶ Place                     what became of it, and back again with its files
//! ```
//!
//! A place that can share a unix socket connects to it. One that can only run commands with a stdio stream each (`ssh host`,
//! `docker exec`) runs the runner's relay, which pumps that stream to the socket: see [`crate::boot`].

use std::future::Future;

use hibernaculum_core::{
    Error, Features, Limits, SandboxError, SandboxFiles, SandboxId, SandboxSpec, SessionId,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::boot::{Boot, Ready};

/// A duplex byte stream to a sandbox's supervisor.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> ByteStream for T {}

/// What a new stream is for. A place that gives all streams alike may ignore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The one control connection of the sandbox.
    Control,
    /// The connection of one session.
    Session(SessionId),
    /// A connection for files.
    Files,
}

/// What became of a place whose control connection ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It is gone, and nobody knows why.
    #[default]
    Unknown,
    /// It is gone, and why.
    Gone(String),
    /// All that ran in it is gone, and why. Its files are there, and [`Place::revive`] may start it again.
    Stopped(String),
}

impl Fate {
    /// Why it is as it is, where that is known.
    ///
    /// ```
    /// use hibernaculum_engine::Fate;
    ///
    /// assert_eq!(Fate::Gone("memory ran out".into()).why(), Some("memory ran out"));
    /// assert_eq!(Fate::Unknown.why(), None);
    /// ```
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Unknown => None,
            Self::Gone(why) | Self::Stopped(why) => Some(why),
        }
    }
}

/// Starts places.
pub trait Provider: Send + Sync + 'static {
    /// What it starts.
    type Place: Place;

    /// What sandboxes of this provider can do. The engine adds nothing and refuses what is not listed.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(provider: P) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// println!("{}", provider.features().backend);
    /// # Ok(()) }
    /// ```
    fn features(&self) -> Features;

    /// Starts a sandbox's runner and waits until its supervisor listens. The spec has been validated and held against the features.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(provider: P, boot: hibernaculum_engine::Boot) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// let place = provider.start(&hibernaculum_core::SandboxSpec::default(), &boot).await?;
    /// place.stop().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What kept the place from starting: [`hibernaculum_core::SandboxError`] for the most part.
    ///
    /// # Cancel safety
    ///
    /// What was started must end when the future is dropped.
    fn start(
        &self,
        spec: &SandboxSpec,
        boot: &Boot,
    ) -> impl Future<Output = Result<Self::Place, Error>> + Send;

    /// Finds places of this owner that may outlive their host, and still run: those that have a host as well, for the engine asks each of them, but not
    /// those that are `known` to be this engine's. A place that is not taken over is dropped after [`Place::release`], and must go on then.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(provider: P) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// for (id, _place) in provider.adopt(&[]).await? {
    ///     println!("{id} still runs");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What kept it from looking.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed when the future is dropped.
    fn adopt(
        &self,
        known: &[SandboxId],
    ) -> impl Future<Output = Result<Vec<(SandboxId, Self::Place)>, Error>> + Send {
        let _ = known;
        async { Ok(Vec::new()) }
    }
}

/// One sandbox's place.
pub trait Place: Send + Sync + 'static {
    /// What its runner said of itself when it was ready.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// println!("Python {}", place.ready().python);
    /// # Ok(()) }
    /// ```
    fn ready(&self) -> &Ready;

    /// Its working directory, as code in it sees it.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// println!("code runs in {}", place.workdir());
    /// # Ok(()) }
    /// ```
    fn workdir(&self) -> &str;

    /// The limits that its platform gave it beyond those that were asked for; unset are those of which nothing is known.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// println!("it has {:?} cores", place.limits().cpus);
    /// # Ok(()) }
    /// ```
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Opens one more stream to the supervisor.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// let control = place.connect(hibernaculum_engine::Role::Control).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`hibernaculum_core::TransportError::Broken`] where the supervisor cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// A half-open stream must close when the future is dropped.
    fn connect(&self, role: Role) -> impl Future<Output = Result<Box<dyn ByteStream>, Error>> + Send;

    /// Ends the place in order and waits until nothing is left: processes, sockets, temporary files. Idempotent.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// place.stop().await;
    /// place.stop().await; // there is nothing left to do
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The place ends all the same when the future is dropped.
    fn stop(&self) -> impl Future<Output = ()> + Send;

    /// Lets go of the place, which goes on: nothing that happens to this value from now on ends it. Only called where [`Provider::features`] has
    /// [`Feature::Linger`](hibernaculum_core::Feature::Linger).
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// place.release().await;
    /// drop(place); // it runs on
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// It is let go all the same when the future is dropped.
    fn release(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Ends the place at once, without asking it. Idempotent.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// place.kill().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As [`Place::stop`].
    fn kill(&self) -> impl Future<Output = ()> + Send;

    /// What became of it, where the place knows more than that its connection ended: asked when control has. It delays the news to everybody who waits,
    /// so it should take half a second at most.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::{Fate, Place as _};
    /// match place.fate().await {
    ///     Fate::Stopped(why) => println!("it may come back: {why}"),
    ///     fate => println!("{fate:?}"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed when the future is dropped.
    fn fate(&self) -> impl Future<Output = Fate> + Send {
        async { Fate::Unknown }
    }

    /// Starts it again with the files that it has, after [`Place::fate`] was [`Fate::Stopped`]: a new supervisor listens then, and [`Place::connect`] leads
    /// to it. `spec` and `boot` are those that it was started with. Sessions go on as their recovery policies say.
    ///
    /// ```
    /// # use hibernaculum_core::SandboxSpec;
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place, spec: SandboxSpec, boot: hibernaculum_engine::Boot) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::{Fate, Place as _};
    /// if let Fate::Stopped(_) = place.fate().await {
    ///     place.revive(&spec, &boot).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What kept it from starting: it is lost then. It bounds itself in time.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped where the sandbox is ended meanwhile; [`Place::stop`] ends what was started.
    fn revive(&self, spec: &SandboxSpec, boot: &Boot) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (spec, boot);
        async {
            let problem = "this backend starts no sandbox again".to_owned();
            Err(SandboxError::Start { problem, source: None }.into())
        }
    }

    /// A better way to move files than through the runner, where the place has one.
    ///
    /// ```
    /// # async fn example<P: hibernaculum_engine::Provider>(place: P::Place) -> Result<(), hibernaculum_core::Error> {
    /// # use hibernaculum_engine::Place as _;
    /// let has_a_better_way = place.files().is_some();
    /// # Ok(()) }
    /// ```
    fn files(&self) -> Option<&dyn SandboxFiles> {
        None
    }
}
