//! `cargo bench -p hualu-benches --bench turn [-- --short]`: see [`hualu_benches::turn`].

use clap::Parser;
use hualu_benches::turn::{self, Options};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // `cargo bench` starts in the folder of the package; bots are named from that of the workspace.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    turn::run(&Cli::parse().options).await
}
