//! Carries a connection, frame by frame, through its lanes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hibernaculum_engine::{ByteStream, Role};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;

use super::doom::{Doom, Verdict};
use super::lane::Lane;
use crate::frames::{is_noise, take_frame};

/// How a way through a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// The sender had no more to say.
    Said,
    /// The connection is to end, both ways.
    Cut,
}

/// Carries until both sides have ended.
pub(super) async fn carry(
    host: DuplexStream,
    runner: Box<dyn ByteStream>,
    [to_runner, to_host]: [Lane; 2],
    role: Role,
    doom: Arc<Doom>,
) {
    let (host_reads, host_writes) = tokio::io::split(host);
    let (runner_reads, runner_writes) = tokio::io::split(runner);
    let orders = if role == Role::Control { doom.take_orders() } else { None };
    let inward = one_way(host_reads, runner_writes, to_runner, orders, |frame| doom.to_runner(&role, frame));
    let outward = one_way(runner_reads, host_writes, to_host, None, |frame| doom.to_host(&role, frame));
    tokio::pin!(inward, outward);
    let (mut heard, mut told) = (false, false);
    while !(heard && told) {
        let ended = tokio::select! {
            ended = &mut inward, if !heard => { heard = true; ended }
            ended = &mut outward, if !told => { told = true; ended }
        };
        if ended == Ended::Cut {
            return;
        }
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut lane: Lane,
    mut orders: Option<mpsc::Receiver<Bytes>>,
    judge: impl Fn(Bytes) -> Verdict,
) -> Ended {
    let mut buffer = BytesMut::new();
    loop {
        while let Some(frame) = take_frame(&mut buffer) {
            match judge(frame) {
                Verdict::Pass(frame) => {
                    let passage = lane.pass(&frame);
                    if !passage.delay.is_zero() {
                        tokio::time::sleep(passage.delay).await;
                    }
                    for piece in passage.pieces {
                        if write(&mut to, &piece).await.is_err() {
                            return Ended::Cut;
                        }
                    }
                    if passage.is_cut {
                        return Ended::Cut;
                    }
                }
                Verdict::Swallow => {}
            }
        }
        // What is no frame is passed on as it comes: who gets it must see that, and would wait for its end with us.
        if is_noise(&buffer) && write(&mut to, &buffer.split()).await.is_err() {
            return Ended::Cut;
        }
        let order = async {
            match &mut orders {
                Some(orders) => orders.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(order) = order => if write(&mut to, &order).await.is_err() { return Ended::Cut },
            read = from.read_buf(&mut buffer) => if !matches!(read, Ok(1..)) {
                // A torn frame at the end is passed on as it came.
                let rest = [lane.end().unwrap_or_default(), buffer.freeze()].concat();
                let is_written = write(&mut to, &rest).await.is_ok() && to.shutdown().await.is_ok();
                return if is_written { Ended::Said } else { Ended::Cut };
            },
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes).await?;
    // Each piece by itself: a stream that gathers would undo that.
    to.flush().await?;
    tokio::task::yield_now().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::place::plan::PlaceFaults;
    use crate::faults::place::provider::Plan;

    #[tokio::test(start_paused = true)]
    async fn what_is_no_frame_is_passed_on_without_waiting_for_its_end() {
        let plan = Arc::new(Plan::of(PlaceFaults::seeded(1)));
        let lane = || Lane::new(Vec::new(), Arc::clone(&plan));
        let (mut host, ours) = tokio::io::duplex(64);
        let (theirs, mut runner) = tokio::io::duplex(64);
        let doom = Arc::new(Doom::new(Arc::clone(&plan)));
        let carried = tokio::spawn(carry(ours, Box::new(theirs), [lane(), lane()], Role::Files, doom));
        // A frame of three bytes, and a header that no frame has.
        let said = *b"\x00\x00\x00\x03abc\x7f\xff\xff\xffx";
        host.write_all(&said).await.unwrap();
        let mut heard = [0; 12];
        let read = tokio::time::timeout(std::time::Duration::from_secs(1), runner.read_exact(&mut heard));
        read.await.unwrap().unwrap();
        assert_eq!(heard, said);
        drop((host, runner));
        carried.await.unwrap();
    }
}
