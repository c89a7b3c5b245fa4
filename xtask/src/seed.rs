//! `cargo xtask seed`: the seed figure at length. Of thousands of images 15 % are poison and the store fails now and then;
//! every valid one must succeed.

use anyhow::Result;

use crate::project::Project;
use crate::{shell, torture};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many images are sent, 65536 at most.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    submissions: u32,
    /// How often the server is killed meanwhile.
    #[arg(long, value_name = "N", default_value_t = 6)]
    kills: u32,
    /// Over SQLite, which only kills disturb; else over PostgreSQL, to which connections break, too.
    #[arg(long)]
    sqlite: bool,
}

pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    torture::build(project, false)?;
    let mut command = torture::program(project);
    command.arg("seed");
    command.args([args.submissions.to_string(), args.kills.to_string()]);
    if !args.sqlite {
        torture::over_postgres(&mut command)?;
    }
    shell::run(&mut command)
}
