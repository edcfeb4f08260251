//! `guiju-node demo`: the main job. Must not know: how any step works.

use super::{EXIT_CHECK, EXIT_OK};
use crate::demo::{self, Options};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// 以 JSON 输出同样的事实 / Print the same facts as one JSON document
    #[arg(long)]
    json: bool,
    /// 保留各节点数据目录 / Leave the nodes' data folders here
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// 策略目录 / Folder of the policies to publish
    #[arg(long, value_name = "DIR", default_value = "policies")]
    policies: PathBuf,
    /// 虚构城市的人数 / Persons of the synthetic city
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2_000..=100_000))]
    persons: u32,
    /// 虚构城市的种子 / Seed of the synthetic city
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

impl Demo {
    pub(super) fn run(self) -> u8 {
        let options = Options { policies: self.policies, keep: self.keep, persons: self.persons, seed: self.seed };
        match demo::run(&options) {
            Ok(facts) => {
                println!("{}", if self.json { facts.json() } else { facts.text() });
                let broken = facts.broken_promises();
                broken.iter().for_each(|promise| eprintln!("未成立 / BROKEN: {promise}"));
                if broken.is_empty() { EXIT_OK } else { EXIT_CHECK }
            }
            Err(fault) => {
                eprintln!("演示中止 / the demo stopped: {fault}");
                EXIT_CHECK
            }
        }
    }
}
