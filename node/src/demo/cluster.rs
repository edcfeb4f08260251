//! Four node processes of the demo: started, watched, killed and started again. Owns their lifetimes.
//! Invariant: it ends only processes it started, and none outlives it. Must not know: policies, records.

use crate::client::{ClientFault, Gateway, NodeStatus};
use crate::demo::DemoFault;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a node to answer after its start.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for a node to reach the others' height.
const LEVEL_WITHIN: Duration = Duration::from_secs(120);
/// How often a waiting loop looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One node's place: its name, data folder and gateway.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Its data folder.
    pub folder: PathBuf,
    /// Its gateway's address.
    pub gateway: SocketAddr,
}

struct Node {
    site: Site,
    gateway: Gateway,
    process: Option<Child>,
}

/// The running nodes.
pub struct Cluster {
    nodes: Vec<Node>,
}

impl Cluster {
    /// Starts a process for every site and waits until each answers.
    pub fn start(sites: Vec<Site>) -> Result<Self, DemoFault> {
        let nodes =
            sites.into_iter().map(|site| Node { gateway: Gateway::new(site.gateway), site, process: None }).collect();
        let mut cluster = Self { nodes };
        for index in 0..cluster.nodes.len() {
            cluster.spawn(index)?;
        }
        for index in 0..cluster.nodes.len() {
            cluster.await_ready(index)?;
        }
        Ok(cluster)
    }

    /// How many sites there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node's name.
    pub fn name(&self, index: usize) -> &str {
        &self.nodes[index].site.name
    }

    /// A node's data folder.
    pub fn folder(&self, index: usize) -> &Path {
        &self.nodes[index].site.folder
    }

    /// The gateways of the nodes that run.
    pub fn running(&self) -> Vec<Gateway> {
        self.nodes.iter().filter(|n| n.process.is_some()).map(|n| n.gateway.clone()).collect()
    }

    /// A node's gateway, whether it runs or not.
    pub fn gateway(&self, index: usize) -> Gateway {
        self.nodes[index].gateway.clone()
    }

    /// Index of the node whose turn it is to propose, as a running node reports it.
    pub fn proposer(&self) -> Result<usize, DemoFault> {
        let gateway = self.running().first().cloned().ok_or(DemoFault::Stopped("no node runs".to_owned()))?;
        let name = gateway.status()?.next_proposer.unwrap_or_default();
        self.nodes
            .iter()
            .position(|n| n.site.name == name)
            .ok_or_else(|| DemoFault::Stopped(format!("the proposer `{name}` is not one of the nodes")))
    }

    /// SIGKILL.
    pub fn kill(&mut self, index: usize) -> Result<(), DemoFault> {
        if let Some(mut process) = self.nodes[index].process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Starts a killed node again; returns how long it took to reach the height the others had at that moment.
    pub fn restart(&mut self, index: usize) -> Result<Duration, DemoFault> {
        let goal = self.highest()?;
        let since = Instant::now();
        self.spawn(index)?;
        self.await_ready(index)?;
        while self.nodes[index].gateway.status().map_or(true, |s| s.height.0 < goal) {
            if since.elapsed() > LEVEL_WITHIN {
                return Err(DemoFault::Stopped(format!("{} did not catch up", self.name(index))));
            }
            self.check_alive(index)?;
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(since.elapsed())
    }

    /// Waits until all nodes report one height and one state root that stay so, and returns them.
    pub fn level(&self) -> Result<Vec<NodeStatus>, DemoFault> {
        let since = Instant::now();
        let mut before: Option<Vec<NodeStatus>> = None;
        loop {
            let now: Result<Vec<_>, ClientFault> = self.nodes.iter().map(|n| n.gateway.status()).collect();
            if let Ok(now) = now {
                let level = now.windows(2).all(|w| w[0].height == w[1].height && w[0].state_root == w[1].state_root);
                if level && before.as_ref().is_some_and(|b| b[0].height == now[0].height) {
                    return Ok(now);
                }
                before = level.then_some(now);
            }
            if since.elapsed() > LEVEL_WITHIN {
                return Err(DemoFault::Stopped("the nodes did not come to one height and root".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn highest(&self) -> Result<u64, DemoFault> {
        self.running()
            .iter()
            .filter_map(|g| g.status().ok())
            .map(|s| s.height.0)
            .max()
            .ok_or(DemoFault::Stopped("no node answers".to_owned()))
    }

    fn spawn(&mut self, index: usize) -> Result<(), DemoFault> {
        let node = &mut self.nodes[index];
        let log = File::options().create(true).append(true).open(node.site.folder.join("node.log"))?;
        let process = Command::new(std::env::current_exe()?)
            .arg("run")
            .arg("--data")
            .arg(&node.site.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        node.process = Some(process);
        Ok(())
    }

    fn await_ready(&mut self, index: usize) -> Result<(), DemoFault> {
        let since = Instant::now();
        while self.nodes[index].gateway.status().is_err() {
            if since.elapsed() > READY_WITHIN {
                return Err(DemoFault::Stopped(format!("{} does not answer", self.name(index))));
            }
            self.check_alive(index)?;
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Errors if a node's process has ended by itself, with the end of its log.
    fn check_alive(&mut self, index: usize) -> Result<(), DemoFault> {
        let node = &mut self.nodes[index];
        if let Some(process) = &mut node.process
            && let Some(status) = process.try_wait()?
        {
            let log = std::fs::read_to_string(node.site.folder.join("node.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(12)..].join("\n");
            return Err(DemoFault::Stopped(format!("{} ended with {status}:\n{tail}", node.site.name)));
        }
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(process) = &mut node.process {
                // A process that is already gone is what we want.
                let _ = process.kill();
                let _ = process.wait();
            }
        }
    }
}
