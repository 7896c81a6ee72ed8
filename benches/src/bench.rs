//! What figures are taken with: a backend, its Python, and a thread to drive them on.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use hibernaculum::{Backend, SandboxSpec};
use tokio::runtime::{Builder, Runtime};

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
    docker: Option<hibernaculum::DockerBackendBuilder>,
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
            docker: None,
        })
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

    /// Says how the backend was built, for the floors that are bare containers.
    #[cfg(feature = "docker")]
    #[must_use]
    pub fn with_docker(mut self, builder: hibernaculum::DockerBackendBuilder) -> Self {
        self.docker = Some(builder);
        self
    }

    /// How the Docker backend was built, where it is that.
    #[cfg(feature = "docker")]
    pub(crate) fn docker(&self) -> Option<hibernaculum::DockerBackendBuilder> {
        self.docker.clone()
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
