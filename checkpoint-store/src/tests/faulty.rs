//! A storage that fails when it is told to.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Memory in front of which a count runs down: at zero everything fails, as if the host, or the way to the storage, were gone.
#[derive(Debug)]
pub(super) struct Faulty {
    memory: InMemory,
    left: AtomicU64,
    /// Whether the call at which the count ends has its effect all the same, and only its answer is lost.
    loses_answers: bool,
}

impl Faulty {
    pub(super) fn new(loses_answers: bool) -> Self {
        Self { memory: InMemory::new(), left: AtomicU64::new(u64::MAX), loses_answers }
    }

    /// So many calls succeed from now on.
    pub(super) fn allow(&self, calls: u64) {
        self.left.store(calls, Ordering::SeqCst);
    }

    /// Whether a call may have its effect, and whether it may be answered.
    fn pass(&self) -> (bool, bool) {
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let succeeds = before.is_ok();
        let is_last = before == Ok(1);
        (succeeds, succeeds && !(is_last && self.loses_answers))
    }

    fn gone() -> object_store::Error {
        let source = std::io::Error::other("the storage is gone").into();
        object_store::Error::Generic { store: "faulty", source }
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let (acts, answers) = self.pass();
        if !acts {
            return Err(Self::gone());
        }
        let put = self.memory.put_opts(location, payload, options).await;
        if answers { put } else { Err(Self::gone()) }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Self::gone())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.pass().1 { self.memory.get_opts(location, options).await } else { Err(Self::gone()) }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.pass().1 {
            self.memory.delete_stream(locations)
        } else {
            futures_util::stream::once(async { Err(Self::gone()) }).boxed()
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.pass().1 {
            self.memory.list(prefix)
        } else {
            futures_util::stream::once(async { Err(Self::gone()) }).boxed()
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.memory.copy_opts(from, to, options).await
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty memory")
    }
}
