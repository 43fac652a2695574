//! `json2avro run`: the pipelines of a config file, until SIGTERM.
//!
//! Comes in: a config file, `--set` flags, the environment. Goes out: the pipelines' work and an exit code. Must never:
//! print a secret.

use crate::app::App;
use crate::config;
use crate::fault::Fault;
use crate::telemetry::log;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The config file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Overrides a config key, over file and environment: --set pipeline.orders.start=latest
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

/// Runs the pipelines to their end.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    let config = match config::load(&args.config, &args.sets, std::env::vars_os()) {
        Ok(config) => config,
        Err(mistakes) => return super::refuse(&mistakes.to_string()),
    };
    let ended = log::init(&config.log).and_then(|()| run_app(&config));
    log::flush();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            super::complain(&format!("json2avro: {fault}"));
            ExitCode::from(fault.blame.exit_code())
        }
    }
}

fn run_app(config: &config::Config) -> Result<(), Fault> {
    let app = App::build(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        let message = format!("no runtime: {error}");
        Fault::lasting(crate::fault::Stage::Config, crate::fault::Blame::Us, "died", message)
    })?;
    runtime.block_on(app.run())
}
