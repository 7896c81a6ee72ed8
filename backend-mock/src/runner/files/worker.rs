//! The far end of a connection for files.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use hibernaculum_engine::wire::messages::{
    Call, Done, FileList, FilesDownload, FilesEnd, FilesEntries, FilesList, FilesMkdir, FilesRemove,
    FilesRename, FilesStat, FilesUpload, Notice as _,
};
use hibernaculum_engine::wire::{ErrorData, Frame, Id, Incoming, RpcError, WireError, rpc};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::runner::greeting::Wire;
use crate::runner::world::World;

/// Entries of one message, as the Python worker has it.
const PAGE: usize = 1000;
/// The longest chunk.
const CHUNK: usize = 1 << 20;

/// Serves until the connection ends.
pub(crate) async fn serve(mut wire: Wire, world: &World) {
    while let Some(Ok(frame)) = wire.next().await {
        let Frame::Message(message) = frame else { return };
        let Ok(Incoming::Request { id, method, params }) = rpc::parse(&message) else { continue };
        match request(&mut wire, &id, &method, params, world).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return,
        }
    }
}

/// One request; whether the connection may go on.
async fn request(
    wire: &mut Wire,
    id: &Id,
    method: &str,
    params: &RawValue,
    world: &World,
) -> Result<bool, WireError> {
    let now = i64::try_from(world.now_ms()).unwrap_or_default();
    match method {
        FilesStat::METHOD => {
            let file = world.tree().stat(&read::<FilesStat>(params)?.path);
            answer(wire, id, file).await?;
        }
        FilesList::METHOD => {
            let listed = world.tree().list(&read::<FilesList>(params)?.path);
            list(wire, id, listed).await?;
        }
        FilesMkdir::METHOD => {
            let made = world.tree().make_directory(&read::<FilesMkdir>(params)?.path, now);
            answer(wire, id, made.map(|()| Done {})).await?;
        }
        FilesRename::METHOD => {
            let rename = read::<FilesRename>(params)?;
            let renamed = world.tree().rename(&rename.path, &rename.to);
            answer(wire, id, renamed.map(|()| Done {})).await?;
        }
        FilesRemove::METHOD => {
            let removed = world.tree().remove(&read::<FilesRemove>(params)?.path);
            answer(wire, id, removed.map(|()| Done {})).await?;
        }
        FilesDownload::METHOD => download(wire, id, &read::<FilesDownload>(params)?.path, world).await?,
        FilesUpload::METHOD => return upload(wire, id, &read::<FilesUpload>(params)?.path, now, world).await,
        unknown => wire.send(rpc::failure(Some(id), &RpcError::unknown_method(unknown))?).await?,
    }
    Ok(true)
}

fn read<C: Call>(params: &RawValue) -> Result<C, WireError> {
    rpc::contents(C::METHOD, params)
}

async fn answer<T: Serialize>(wire: &mut Wire, id: &Id, done: Result<T, ErrorData>) -> Result<(), WireError> {
    let frame = match done {
        Ok(result) => rpc::response(id, &result)?,
        Err(refused) => rpc::failure(Some(id), &RpcError::new(RpcError::OTHER, refused))?,
    };
    wire.send(frame).await
}

async fn list(
    wire: &mut Wire,
    id: &Id,
    listed: Result<Vec<hibernaculum_engine::wire::messages::File>, ErrorData>,
) -> Result<(), WireError> {
    let mut files = match listed {
        Ok(files) => files,
        Err(refused) => return answer::<FileList>(wire, id, Err(refused)).await,
    };
    while files.len() > PAGE {
        let rest = files.split_off(PAGE);
        wire.send(rpc::notification(&FilesEntries { files })?).await?;
        files = rest;
    }
    answer(wire, id, Ok(FileList { files })).await
}

async fn download(wire: &mut Wire, id: &Id, path: &str, world: &World) -> Result<(), WireError> {
    let found = world.tree().read(path);
    let (file, mut content) = match found {
        Ok(found) => found,
        Err(refused) => return answer::<Done>(wire, id, Err(refused)).await,
    };
    answer(wire, id, Ok(file)).await?;
    let transfer = number(id);
    let bytes = content.len() as u64;
    while !content.is_empty() {
        let data = content.split_to(content.len().min(CHUNK));
        wire.send(Frame::Chunk { transfer, data }).await?;
    }
    wire.send(rpc::notification(&FilesEnd { transfer, bytes, problem: None })?).await
}

/// Takes a file; a refused one ends the connection, when what was on its way has been taken.
async fn upload(wire: &mut Wire, id: &Id, path: &str, now: i64, world: &World) -> Result<bool, WireError> {
    let allowed = world.tree().writable(path);
    if let Err(refused) = allowed {
        answer::<Done>(wire, id, Err(refused)).await?;
        while let Some(frame) = wire.next().await {
            frame?;
        }
        return Ok(false);
    }
    let Some(content) = body(wire).await? else { return Ok(false) };
    // The tree may have changed meanwhile, so that this can be refused as well.
    let written = world.tree().write(path, content, now);
    let is_there = written.is_ok();
    answer(wire, id, written).await?;
    Ok(is_there)
}

/// The bytes of an upload; `None` where it was not brought to its end.
async fn body(wire: &mut Wire) -> Result<Option<Bytes>, WireError> {
    let mut content = BytesMut::new();
    while let Some(frame) = wire.next().await {
        match frame? {
            Frame::Chunk { data, .. } => content.extend_from_slice(&data),
            Frame::Message(message) => {
                let Incoming::Notification { method, params } = rpc::parse(&message)? else {
                    return Ok(None);
                };
                let end = (method == FilesEnd::METHOD).then(|| rpc::contents::<FilesEnd>(&method, params));
                let is_whole = end.transpose()?.is_some_and(|end| end.bytes == content.len() as u64);
                return Ok(is_whole.then(|| content.freeze()));
            }
        }
    }
    Ok(None)
}

fn number(id: &Id) -> u64 {
    match id {
        Id::Number(number) => *number,
        Id::Text(_) => 0,
    }
}
