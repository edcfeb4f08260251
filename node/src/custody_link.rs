//! The pipe between a node and its custodian process. Owns the child process and the frames on its stdin and stdout.
//! Invariant: after every start of the child it is fed the feeds of all heights in order, read back from the store,
//! so a lost or slow child never holds up the node and never misses a block; everything else sent to it can be asked
//! for again and is dropped when the queue is full. Must not know: what feeds, orders and reports mean beyond that.

pub mod child;

use crate::codec::{Decode, Encode, Writer};
use crate::custody::protocol::{CustodyOrder, CustodyReport, FRAME_BYTES_MAX};
use crate::state::Backing;
use crate::transaction::Height;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Orders that may wait for the child.
const ORDERS_MAX: usize = 256;
/// Reports that may wait for the node.
const REPORTS_MAX: usize = 256;
/// How often the child is told that time passes.
const TICK: Duration = Duration::from_secs(2);
const RESTART_MIN: Duration = Duration::from_millis(200);
const RESTART_MAX: Duration = Duration::from_secs(5);
/// A child that stops in this time after its input ended is not killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The running link.
pub struct CustodyLink {
    committed: watch::Sender<Height>,
    orders: mpsc::Sender<CustodyOrder>,
    task: JoinHandle<()>,
}

impl CustodyLink {
    /// Starts the custodian as `program custodian --data folder` and feeds it all of `store` up to `height`.
    pub fn start<B: Backing + Clone + 'static>(
        program: PathBuf,
        folder: PathBuf,
        store: B,
        height: Height,
    ) -> (Self, mpsc::Receiver<CustodyReport>) {
        let (committed, heights) = watch::channel(height);
        let (orders, waiting) = mpsc::channel(ORDERS_MAX);
        let (reports, received) = mpsc::channel(REPORTS_MAX);
        let session = Session { program, folder, store, heights, orders: waiting, reports };
        let task = tokio::spawn(session.run());
        (Self { committed, orders, task }, received)
    }

    /// Tells the link that the store now holds the feed of `height`.
    pub fn committed(&self, height: Height) {
        // Fails only when the link has stopped, and then nobody waits for it.
        let _ = self.committed.send(height);
    }

    /// Where orders for the child can be left, feeds excepted; what does not fit is to be dropped.
    pub fn orders(&self) -> mpsc::Sender<CustodyOrder> {
        self.orders.clone()
    }

    /// Passes an order on; feeds come from the store and are ignored here. Never waits.
    pub fn order(&self, order: CustodyOrder) {
        if matches!(order, CustodyOrder::Feed(_) | CustodyOrder::CaughtUp) {
            return;
        }
        if self.orders.try_send(order).is_err() {
            tracing::warn!("the custodian is behind; an order was dropped and will be asked for again");
        }
    }

    /// Ends the child's input and waits for it.
    pub async fn stop(self) {
        drop((self.committed, self.orders));
        if timeout(STOP_TIMEOUT * 2, self.task).await.is_err() {
            tracing::warn!("the custodian did not stop in time");
        }
    }
}

struct Session<B> {
    program: PathBuf,
    folder: PathBuf,
    store: B,
    heights: watch::Receiver<Height>,
    orders: mpsc::Receiver<CustodyOrder>,
    reports: mpsc::Sender<CustodyReport>,
}

/// Why a session with one child ended.
enum End {
    /// The node stops.
    Stopping,
    /// The child is gone or broke the protocol.
    Child(String),
}

impl<B: Backing + Clone + 'static> Session<B> {
    async fn run(mut self) {
        let mut pause = RESTART_MIN;
        loop {
            let started = tokio::time::Instant::now();
            match self.serve().await {
                End::Stopping => return,
                End::Child(why) => tracing::error!(why, "the custodian process ended; starting it again"),
            }
            if started.elapsed() > RESTART_MAX * 2 {
                pause = RESTART_MIN;
            }
            sleep(pause).await;
            pause = (pause * 2).min(RESTART_MAX);
        }
    }

    async fn serve(&mut self) -> End {
        let child = Command::new(&self.program)
            .arg("custodian")
            .arg("--data")
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(e) => return End::Child(format!("{}: {e}", self.program.display())),
        };
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return End::Child("no pipes".to_owned());
        };
        let reports = self.reports.clone();
        let end = tokio::select! {
            end = self.feed(BufWriter::new(stdin)) => end,
            end = receive(stdout, reports) => end,
        };
        let status = stop_child(&mut child).await;
        match end {
            End::Child(why) => End::Child(format!("{why} ({status})")),
            End::Stopping => End::Stopping,
        }
    }

    /// Writes feeds and orders, alternating, until something ends.
    async fn feed(&mut self, mut stdin: impl AsyncWrite + Unpin) -> End {
        let replay = *self.heights.borrow();
        let mut next = Height(1);
        let mut caught_up = false;
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + TICK, TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let committed = *self.heights.borrow_and_update();
            let mut written = Ok(());
            if next <= committed {
                let Some(feed) = self.store.feed(next) else {
                    return End::Child(format!("the store has no feed of height {next}"));
                };
                let mut frame = Writer::default();
                // The encoding of `CustodyOrder::Feed`, without decoding what the store encoded.
                frame.u8(1);
                frame.raw(&feed);
                written = write_frame(&mut stdin, &frame.into_bytes()).await;
                next = next.next();
            }
            if written.is_ok() && !caught_up && next > replay {
                caught_up = true;
                written = write_frame(&mut stdin, &CustodyOrder::CaughtUp.to_bytes()).await;
            }
            let order = if next <= committed {
                self.orders.try_recv().ok()
            } else {
                if written.is_ok() {
                    written = stdin.flush().await;
                }
                tokio::select! {
                    changed = self.heights.changed() => {
                        if changed.is_err() {
                            return End::Stopping;
                        }
                        None
                    }
                    _ = ticks.tick() => Some(CustodyOrder::Tick),
                    order = self.orders.recv() => match order {
                        Some(order) => Some(order),
                        None => return End::Stopping,
                    },
                }
            };
            if let (Some(order), Ok(())) = (order, &written) {
                written = write_frame(&mut stdin, &order.to_bytes()).await;
            }
            if let Err(e) = written {
                return End::Child(e.to_string());
            }
        }
    }
}

async fn receive(mut stdout: impl AsyncRead + Unpin, reports: mpsc::Sender<CustodyReport>) -> End {
    loop {
        let bytes = match read_frame(&mut stdout).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return End::Child("it closed its output".to_owned()),
            Err(e) => return End::Child(e.to_string()),
        };
        match CustodyReport::from_bytes(&bytes) {
            Ok(report) => {
                if reports.send(report).await.is_err() {
                    return End::Stopping;
                }
            }
            Err(e) => return End::Child(format!("an undecodable report: {e}")),
        }
    }
}

/// Its stdin is closed by now; that is its signal to stop. Says how it ended.
async fn stop_child(child: &mut Child) -> String {
    match timeout(STOP_TIMEOUT, child.wait()).await {
        Ok(Ok(status)) => status.to_string(),
        Ok(Err(e)) => e.to_string(),
        Err(_) => {
            // Fails only if it has ended meanwhile.
            let _ = child.kill().await;
            "killed".to_owned()
        }
    }
}

async fn write_frame(out: &mut (impl AsyncWrite + Unpin), payload: &[u8]) -> io::Result<()> {
    if payload.len() > FRAME_BYTES_MAX {
        return Err(io::Error::other(format!("a frame of {} bytes", payload.len())));
    }
    let length = u32::try_from(payload.len()).expect("FRAME_BYTES_MAX is below 4 GiB");
    out.write_all(&length.to_be_bytes()).await?;
    out.write_all(payload).await
}

async fn read_frame(input: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut prefix = [0; 4];
    match input.read_exact(&mut prefix).await {
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(e),
    }
    let length = u32::from_be_bytes(prefix) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::other(format!("a frame of {length} bytes")));
    }
    let mut payload = Vec::new();
    let read = input.take(length as u64).read_to_end(&mut payload).await?;
    if read < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok(Some(payload))
}

#[cfg(test)]
mod tests;
