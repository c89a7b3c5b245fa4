//! How each server is started and asked.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::cases::Case;
use crate::bench::lab::Lab;
use crate::bench::load::Request;

#[derive(Debug, Clone, Copy)]
pub(super) enum Contender {
    Stopbath,
    /// One node process; sharp works on several threads.
    Ipx,
    /// One process a core.
    Thumbor,
}

impl Contender {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stopbath => "stopbath",
            Self::Ipx => "ipx",
            Self::Thumbor => "thumbor",
        }
    }

    pub(super) fn command(self, lab: &Lab, folder: &Path, port: u16) -> Command {
        match self {
            Self::Stopbath => {
                let mut command = Command::new(&lab.stopbath);
                command
                    .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
                    .arg(folder.join("data"));
                command.arg("--pipelines").arg(folder.join("pipelines"));
                if lab.plugins.is_dir() {
                    command.arg("--plugins").arg(&lab.plugins);
                }
                command
            }
            Self::Ipx => {
                let mut command = lab.node("ipx.mjs");
                command
                    .arg(port.to_string())
                    .arg(lab.pictures())
                    .env("NODE_ENV", "production");
                command
            }
            Self::Thumbor => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                let mut command = lab.python("thumbor");
                command.args([
                    "--ip",
                    "127.0.0.1",
                    "--port",
                    &port.to_string(),
                    "--processes",
                    &cores.to_string(),
                ]);
                command
                    .arg("--conf")
                    .arg(lab.script("thumbor.conf"))
                    .env("BENCH_PICTURES", lab.pictures());
                command
            }
        }
    }

    /// All that is sent for one original.
    pub(super) fn requests(self, case: &Case, width: u32, body: &Arc<Vec<u8>>) -> Vec<Request> {
        let file = format!("photo-{}.jpg", case.picture);
        match self {
            Self::Stopbath => {
                let path = format!("/v1/pipelines/{}{width}/process", case.pipeline);
                let single = case.sizes.len() * case.formats.len() == 1;
                vec![Request::post(
                    &path,
                    if single { "*/*" } else { "application/zip" },
                    body,
                )]
            }
            Self::Ipx => {
                let get = |(width, format)| Request::get(&format!("/w_{width},f_{format},q_80/{file}"));
                case.renditions(width).map(get).collect()
            }
            Self::Thumbor => {
                let get = |(width, format)| {
                    Request::get(&format!("/unsafe/{width}x0/filters:format({format})/{file}"))
                };
                case.renditions(width).map(get).collect()
            }
        }
    }
}
