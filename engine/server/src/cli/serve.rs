//! `stopbath serve`: the HTTP API, until a signal ends it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, EngineArgs};
use crate::ceilings::CeilingArgs;
use crate::http::limits::Limits;
use crate::http::{self, connections};
use crate::jobs::{JobArgs, upkeep, webhooks, worker};

#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub(super) struct Args {
    /// Where to listen. Whoever reaches it may do everything: there are no keys or users yet.
    #[arg(
        long,
        env = "STOPBATH_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:8080"
    )]
    listen: SocketAddr,
    /// Folder of pipelines (*.yaml); without it there are none, and jobs of before run on.
    #[arg(long, env = "STOPBATH_PIPELINES", value_name = "DIR")]
    pipelines: Option<PathBuf>,
    /// The photo in the line that is printed to try it with.
    #[arg(
        long,
        env = "STOPBATH_EXAMPLE",
        value_name = "FILE",
        default_value = "photo.jpg",
        hide = true
    )]
    example: PathBuf,
    /// How long work in hand may take when the server is told to stop, in seconds.
    #[arg(long, env = "STOPBATH_DRAIN", value_name = "SECONDS", default_value_t = 30)]
    drain: u64,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    ceilings: CeilingArgs,
    #[command(flatten)]
    jobs: JobArgs,
}

pub(super) fn main(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let app = runtime.block_on(App::start(
        &args.engine,
        &args.ceilings,
        &args.jobs,
        args.limits.clone(),
        args.pipelines.as_deref(),
    ))?;
    if !runtime.block_on(serve(args, Arc::clone(&app)))? {
        // The executors end with this process.
        std::process::exit(1);
    }
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Some(app) = Arc::into_inner(app) {
        app.pool.drain();
    }
    tracing::info!("stopped");
    Ok(())
}

/// False if work in hand was not finished.
async fn serve(args: &Args, app: Arc<App>) -> Result<bool> {
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    upkeep::begin(&app)
        .await
        .context("look after the jobs of before")?;
    greet(address, &args.example, &app);
    if app.library.pipelines.is_empty() {
        tracing::warn!("there are no pipelines; name a folder of them with --pipelines");
    }
    let limit = Duration::from_secs(args.drain);
    let mut stopped = app.stop.subscribe();
    let stop_listening = {
        let mut stopped = app.stop.subscribe();
        async move { drop(stopped.wait_for(|stop| *stop).await) }
    };
    let keeping_up = tokio::spawn(upkeep::keep_up(Arc::clone(&app)));
    let webhooks = tokio::spawn(webhooks::deliver(Arc::clone(&app)));
    let worker = tokio::spawn(worker::work(Arc::clone(&app), app.stop.subscribe(), limit));
    let stop = app.stop.clone();
    tokio::spawn(async move {
        told_to_stop().await;
        tracing::info!("told to stop: finishing work in hand; told once more, it stops at once");
        stop.send_replace(true);
    });
    let router = http::router(Arc::clone(&app));
    let server = connections::serve(listener, router, &args.limits, stop_listening);
    let impatient = async {
        drop(stopped.wait_for(|stop| *stop).await);
        tokio::select! {
            // The worker gives back what it could not finish by then.
            () = tokio::time::sleep(limit + Duration::from_secs(1)) => {}
            () = told_to_stop() => {}
        }
    };
    let done = async { tokio::join!(server, worker).1 };
    let in_time = tokio::select! {
        _ = done => true,
        () = impatient => false,
    };
    // What was being sent is sent again after the next start.
    webhooks.abort();
    drop(webhooks.await);
    if in_time {
        upkeep::end(&app).await;
    }
    keeping_up.abort();
    drop(keeping_up.await);
    if !in_time {
        let (waiting, running) = app.pool.load();
        tracing::warn!("stopped with {running} jobs running and {waiting} waiting");
    }
    Ok(in_time)
}

/// Where the server is, and one line that works.
fn greet(address: SocketAddr, example: &Path, app: &App) {
    anstream::println!("listening on http://{address}");
    if let Some((name, pipeline)) = app.library.pipelines.iter().next() {
        let (name, pipeline) = app
            .library
            .pipelines
            .iter()
            .find(|(_, p)| p.plan.renditions.len() == 1)
            .unwrap_or((name, pipeline));
        let output = pipeline
            .plan
            .renditions
            .first()
            .map_or("result.json", |r| r.name.as_str());
        anstream::println!(
            "try:  curl --fail-with-body --data-binary @{} -o {output} http://{address}/v1/pipelines/{name}/process",
            example.display()
        );
    }
    anstream::println!("docs: http://{address}/docs");
}

async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
