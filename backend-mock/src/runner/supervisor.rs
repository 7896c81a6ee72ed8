//! The far end of the control connection: orders in, output and deaths out.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hibernaculum_engine::wire::messages::{
    Census, Checkpoints, Closed, ControlCall, ControlNotice, Done, Dropped, Interrupt, Interrupted, Killed,
    Stats,
};
use hibernaculum_engine::wire::{Frame, Id, Incoming, RpcError, WireError, rpc};

use super::greeting::Wire;
use super::world::{Order, ToControl, World};

/// Serves until the connection ends or everything is shut down. Its end is the end of the sandbox.
pub(super) async fn serve(mut wire: Wire, world: &World) {
    let Some(mut told) = world.take_control() else { return };
    let mut transfers = 0;
    loop {
        tokio::select! {
            biased;
            frame = wire.next() => {
                let Some(Ok(Frame::Message(message))) = frame else { break };
                match hear(&message, world).await {
                    Ok(Some(answer)) => if wire.send(answer.frame).await.is_err() || answer.is_last { break },
                    Ok(None) => {}
                    Err(_) => break,
                }
            }
            Some(message) = told.recv() => if pass_on(&mut wire, message, &mut transfers).await.is_err() { break },
        }
    }
    world.end();
}

struct Answer {
    frame: Frame,
    is_last: bool,
}

async fn hear(message: &Bytes, world: &World) -> Result<Option<Answer>, WireError> {
    match rpc::parse(message)? {
        Incoming::Request { id, method, params } => {
            let call = ControlCall::parse(&method, params)?;
            let is_last = matches!(call, ControlCall::Shutdown(_));
            Ok(Some(Answer { frame: answer(&id, call, world).await?, is_last }))
        }
        Incoming::Notification { method, params } => {
            match ControlNotice::parse(&method, params)? {
                ControlNotice::Interrupt(order) => drop(interrupt(&order, world)),
                ControlNotice::Watch(watch) => {
                    if let Some(door) = world.door(&watch.session) {
                        door.watched.send_replace(watch.execution);
                    }
                }
                ControlNotice::Credit(credit) => {
                    if let Some(door) = world.door(&credit.session) {
                        door.credit.add(credit.bytes);
                    }
                }
                // It ends with its host: nobody will ask for memos.
                ControlNotice::Remember(_) | ControlNotice::Unknown { .. } => {}
            }
            Ok(None)
        }
        Incoming::Response { .. } | Incoming::Complaint { .. } => Ok(None),
    }
}

async fn answer(id: &Id, call: ControlCall, world: &World) -> Result<Frame, WireError> {
    match call {
        ControlCall::Interrupt(order) => {
            rpc::response(id, &Interrupted { delivered: interrupt(&order, world) })
        }
        ControlCall::Kill(kill) => {
            let delivered = end(&kill.session, Order::Kill(kill.reason), world).await;
            rpc::response(id, &Killed { delivered })
        }
        ControlCall::Close(close) => {
            let closed = end(&close.session, Order::Close, world).await;
            // Also where its process ended by itself: now nobody will take the session up again.
            world.ledger.session_ended(&world.sandbox, &close.session);
            rpc::response(id, &Closed { closed })
        }
        ControlCall::Stats(_) => {
            let (sessions, uptime_ms) = (world.stats(), world.uptime_ms());
            rpc::response(id, &Stats { pid: 1, uptime_ms, sessions, ..Stats::default() })
        }
        ControlCall::Adopt(_) => rpc::response(id, &Census::default()),
        ControlCall::Shutdown(_) => rpc::response(id, &Done {}),
        ControlCall::CheckpointDrop(order) => {
            rpc::response(id, &Dropped { dropped: world.drop_checkpoint(&order.checkpoint) })
        }
        ControlCall::CheckpointList(_) => {
            rpc::response(id, &Checkpoints { checkpoints: world.checkpoints() })
        }
        ControlCall::Unknown { method, .. } => rpc::failure(Some(id), &RpcError::unknown_method(&method)),
    }
}

/// Interrupts an execution that runs or has not begun; one that ended is none.
fn interrupt(order: &Interrupt, world: &World) -> bool {
    let Some(door) = world.door(&order.session) else { return false };
    door.interrupt.send_replace(order.execution);
    *door.running.borrow() <= order.execution
}

/// Ends a session's process, and waits until it is gone.
async fn end(session: &str, order: Order, world: &World) -> bool {
    let Some(door) = world.door(session) else { return false };
    let was_there = door.ending.send(order).await.is_ok();
    door.ending.closed().await;
    was_there
}

async fn pass_on(wire: &mut Wire, message: ToControl, transfers: &mut u64) -> Result<(), WireError> {
    match message {
        ToControl::Raw(mut output, data) => {
            *transfers += 1;
            output.transfer = *transfers;
            wire.feed(Frame::Chunk { transfer: output.transfer, data }).await?;
            wire.send(rpc::notification(&output)?).await
        }
        ToControl::Text(text) => wire.send(rpc::notification(&text)?).await,
        ToControl::Died(died) => wire.send(rpc::notification(&died)?).await,
    }
}
