//! What figures are taken with: a backend, its Python, and a thread to drive them on.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use hibernaculum::{Backend, SandboxSpec};
use tokio::runtime::{Builder, Runtime};

#[cfg(feature = "docker")]
use crate::figures::docker_figures;
use crate::figures::{FIGURES, Figure};
use crate::product::Product;
use crate::trouble::Trouble;

/// A backend to be measured, with a session that is ready, and the Python that its floors run on.
pub struct Bench {
    name: String,
    backend: Arc<dyn Backend>,
    runtime: Rc<Runtime>,
    product: Product,
    python: PathBuf,
    program: Option<PathBuf>,
    store: Option<PathBuf>,
    #[cfg(feature = "docker")]
    containers: Option<Containers>,
}

/// How the Docker backend was built, and what became of that.
#[cfg(feature = "docker")]
struct Containers {
    builder: hibernaculum::DockerBackendBuilder,
    transport: hibernaculum::docker::Transport,
    cpus: Option<String>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench")
            .field("name", &self.name)
            .field("python", &self.python)
            .finish_non_exhaustive()
    }
}

impl Bench {
    /// Opens a first session, with every default, and asks it for its Python.
    ///
    /// Everything runs on the runtime in which the backend was made. [`Bench::runtime`] gives the one that figures are meant for.
    ///
    /// # Errors
    ///
    /// What the backend says.
    pub fn open(name: &str, backend: Arc<dyn Backend>, runtime: Runtime) -> Result<Self, Trouble> {
        let runtime = Rc::new(runtime);
        let product = Product::open(&backend, SandboxSpec::default(), &runtime)?;
        let python = product.python()?;
        Ok(Self {
            name: name.to_owned(),
            backend,
            runtime,
            product,
            python,
            program: None,
            store: None,
            #[cfg(feature = "docker")]
            containers: None,
        })
    }

    /// Builds the Docker backend and opens a first session, as [`Bench::open`]. Its sandboxes, and the bare containers of its floors, are put on one processor beside
    /// this process, where that may not have all of the machine's; streams of both take the way that the first sandbox has found.
    ///
    /// # Errors
    ///
    /// What the backend says.
    #[cfg(feature = "docker")]
    pub fn open_docker(
        name: &str,
        builder: hibernaculum::DockerBackendBuilder,
        runtime: Runtime,
    ) -> Result<Self, Trouble> {
        // Another machine's processors have other numbers.
        let is_here = matches!(builder.endpoint(), Ok(hibernaculum::docker::Endpoint::Unix(_)));
        let cpus = crate::placement::beside().filter(|_| is_here);
        let builder = match &cpus {
            Some(cpus) => builder.cpuset(cpus),
            None => builder,
        };
        let engine = runtime.block_on(builder.clone().build_engine())?;
        let bench = Self::open(name, Arc::clone(&engine) as Arc<dyn Backend>, runtime)?;
        let transport = engine.provider().transport();
        let containers = Containers { builder: builder.transport(transport), transport, cpus };
        Ok(Self { containers: Some(containers), ..bench })
    }

    /// The figures that its backend is held to: of containers, those of the way that streams take.
    pub fn figures(&self) -> &'static [Figure] {
        #[cfg(feature = "docker")]
        if let Some(containers) = &self.containers {
            return docker_figures(containers.transport);
        }
        FIGURES
    }

    /// On which processors its containers are, where it has some and they are not everywhere.
    pub fn container_cpus(&self) -> Option<&str> {
        #[cfg(feature = "docker")]
        return self.containers.as_ref()?.cpus.as_deref();
        #[cfg(not(feature = "docker"))]
        None
    }

    /// A runtime of one thread, the caller's: what `#[tokio::main(flavor = "current_thread")]` makes.
    ///
    /// (A future that `block_on` drives beside a runtime of many threads is on a thread of its own, and pays two more switches for each
    /// round trip. A task that was spawned there does not.)
    ///
    /// # Errors
    ///
    /// [`Trouble::Floor`] where the system refuses it.
    pub fn runtime() -> Result<Runtime, Trouble> {
        Ok(Builder::new_current_thread().enable_all().build()?)
    }

    /// Says which program is `hib`, for the figures that need it.
    #[must_use]
    pub fn with_program(mut self, program: Option<PathBuf>) -> Self {
        self.program = program;
        self
    }

    /// Says in which directory its checkpoint store is, where it is in one, for what is measured on the disk.
    #[must_use]
    pub fn with_store(mut self, directory: Option<PathBuf>) -> Self {
        self.store = directory;
        self
    }

    /// The directory of its checkpoint store, where that is known.
    pub(crate) fn store(&self) -> Option<&Path> {
        self.store.as_deref()
    }

    /// How its bare containers are made, where it has some.
    #[cfg(feature = "docker")]
    pub(crate) fn docker(&self) -> Option<hibernaculum::DockerBackendBuilder> {
        self.containers.as_ref().map(|containers| containers.builder.clone())
    }

    /// The program that is `hib`, where that is known.
    pub fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// The backend's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session that is ready.
    pub fn product(&self) -> &Product {
        &self.product
    }

    /// A session in a new sandbox.
    ///
    /// # Errors
    ///
    /// What the backend says.
    pub fn another(&self, spec: SandboxSpec) -> Result<Product, Trouble> {
        Ok(Product::open(&self.backend, spec, &self.runtime)?)
    }

    /// The Python that it runs on, as that knows itself.
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// Ends everything, and waits until nothing is left.
    ///
    /// # Errors
    ///
    /// What the backend says.
    pub fn close(self) -> Result<(), Trouble> {
        Ok(self.product.close()?)
    }
}
