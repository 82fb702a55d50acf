//! `poste demo`: a whole small site on this machine, to look at.
//!
//! Two admin nodes and three kiosks, each a process of its own, founded and
//! admitted in the same way as on real machines. Nothing leaves loopback. The
//! state stays in its folder: a second start goes on from it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{self, DemoArgs};
use crate::control::{Answer, PlaceNamed, Request};
use crate::standard_input;
use crate::texts::{Lang, Say};

mod crew;
mod notice;
mod plan;
mod prepare;

use crew::{Crew, Event};
use plan::{Plan, Role};

/// The file by which a folder is known as a demonstration's.
const MARK: &str = "poste-demo";

/// Runs until interrupted.
pub(crate) fn demo(args: &DemoArgs) -> anyhow::Result<String> {
    let folder = std::path::absolute(&args.dir)?;
    let _alone = take_over(&folder, args.fresh)?;
    let plan = Plan::new(&folder, args.ports);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(run(&plan))?;
    Ok(String::new())
}

/// Makes the folder a demonstration's own, empty if `fresh`. What is not known as
/// a demonstration is never removed.
fn take_over(folder: &Path, fresh: bool) -> Result<File, Say> {
    let trouble = |error: std::io::Error| Say::FileTrouble {
        file: folder.display().to_string(),
        reason: error.to_string(),
    };
    fs::create_dir_all(folder).map_err(trouble)?;
    let mark = folder.join(MARK);
    let empty = fs::read_dir(folder).map_err(trouble)?.next().is_none();
    if !empty && !mark.exists() {
        return Err(Say::NotADemo { folder: folder.display().to_string() });
    }
    let lock = File::create(&mark).map_err(trouble)?;
    lock.try_lock().map_err(|_| Say::AlreadyRunning { folder: folder.display().to_string() })?;
    if fresh {
        for entry in fs::read_dir(folder).map_err(trouble)? {
            let path = entry.map_err(trouble)?.path();
            if path == mark {
                continue;
            }
            if path.is_dir() {
                fs::remove_dir_all(&path).map_err(trouble)?;
            } else {
                fs::remove_file(&path).map_err(trouble)?;
            }
        }
    }
    Ok(lock)
}

async fn run(plan: &Plan) -> anyhow::Result<()> {
    let lang = Lang::here();
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    plan.check_ports()?;
    let mut crew = Crew::new(plan.folder.clone());
    let started = tokio::select! {
        started = start(plan, &mut crew) => started,
        _ = interrupted.recv() => Ok(None),
        _ = terminated.recv() => Ok(None),
    };
    let outcome = match started {
        Ok(Some(codes)) => {
            cli::say_now(&notice::welcome(plan, &crew, &codes, lang));
            let mut lines = standard_input::lines();
            let mut listening = true;
            loop {
                tokio::select! {
                    _ = interrupted.recv() => break Ok(()),
                    _ = terminated.recv() => break Ok(()),
                    event = crew.event(plan) => match event? {
                        Event::Restarted { name, pid } => {
                            cli::say_now(&notice::restarted(name, pid, lang));
                        }
                        Event::Stopped { name } => {
                            cli::say_now(&notice::stopped(name, lang));
                        }
                    },
                    line = lines.recv(), if listening => match line {
                        Some(()) => {
                            for (name, pid) in crew.start_stopped(plan)? {
                                cli::say_now(&notice::restarted(name, pid, lang));
                            }
                        }
                        None => listening = false,
                    },
                }
            }
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    cli::say_now(&notice::stopping(lang));
    crew.stop().await;
    outcome
}

/// Brings the site up; returns three codes to try.
async fn start(plan: &Plan, crew: &mut Crew) -> anyhow::Result<Option<Vec<String>>> {
    let first = plan.first_admin();
    if !plan.is_ready() {
        cli::say_now(&notice::preparing(Lang::here()));
        prepare::found(plan)?;
        crew.start(first)?;
        crew.wait_until_up(first).await?;
        prepare::furnish(plan).await?;
        plan.set_ready()?;
    }
    for member in &plan.members {
        crew.start(member)?;
    }
    for member in &plan.members {
        crew.wait_until_up(member).await?;
    }
    for admin in plan.members.iter().filter(|m| m.role == Role::Admin) {
        crew.wait_until_furnished(admin).await?;
    }
    for kiosk in plan.members.iter().filter(|m| m.role == Role::Kiosk) {
        crew.wait_until_joined(kiosk).await?;
    }
    let request =
        Request::CodeIssue { minutes: 45, hours: 12, count: 3, place: PlaceNamed::Anywhere };
    let Answer::Codes(codes) = crew::ask(first, &request).await? else {
        return Err(Say::AnswerOdd.into());
    };
    Ok(Some(codes))
}

/// The folder of one member.
fn folder_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

#[cfg(test)]
mod tests {
    use super::{MARK, take_over};
    use crate::texts::Say;

    #[test]
    fn folder_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thesis.odt"), b"years of work").unwrap();
        for fresh in [false, true] {
            assert!(matches!(take_over(folder.path(), fresh), Err(Say::NotADemo { .. })));
        }
        assert!(folder.path().join("thesis.odt").exists());
    }

    #[test]
    fn fresh_start_empties_the_folder_and_a_second_start_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo");
        drop(take_over(&path, false).unwrap());
        std::fs::create_dir(path.join("admin-1")).unwrap();
        std::fs::write(path.join("ready"), b"").unwrap();
        drop(take_over(&path, false).unwrap());
        assert!(path.join("admin-1").exists());
        drop(take_over(&path, true).unwrap());
        assert!(!path.join("admin-1").exists());
        assert!(!path.join("ready").exists());
        assert!(path.join(MARK).exists());
    }

    #[test]
    fn one_demonstration_runs_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let running = take_over(folder.path(), false).unwrap();
        assert!(matches!(take_over(folder.path(), true), Err(Say::AlreadyRunning { .. })));
        drop(running);
        take_over(folder.path(), true).unwrap();
    }
}
