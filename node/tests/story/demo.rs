//! The demonstration as a process, and what it says.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until there is something.
///
/// # Panics
/// When there is nothing in time.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// As [`until`], with a time that was promised.
///
/// # Panics
/// When there is nothing in time.
pub(crate) fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A running demonstration; killed when dropped.
pub(crate) struct Demo {
    folder: PathBuf,
    child: Child,
    stdin: Option<ChildStdin>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Demo {
    /// The command that starts it.
    pub(crate) fn command(folder: &Path, ports: u16) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_poste"));
        command
            .args(["demo", "--dir"])
            .arg(folder.join("demo"))
            .args(["--ports", &ports.to_string()])
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts it and waits until it has said everything.
    pub(crate) fn start(folder: &Path, ports: u16) -> Self {
        let mut child = Self::command(folder, ports).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let pipes: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for pipe in pipes {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    said.lock().unwrap().push(line);
                }
            });
        }
        let stdin = child.stdin.take();
        let mut demo = Self { folder: folder.join("demo"), child, stdin, said };
        until("the demonstration is up", || {
            if let Some(status) = demo.child.try_wait().unwrap() {
                panic!("the demonstration ended: {status}\n{}", demo.text());
            }
            demo.text().contains("Ctrl-C").then_some(())
        });
        demo
    }

    fn text(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    /// The line after the first one that contains `word`.
    fn line_after(&self, word: &str) -> String {
        let said = self.said.lock().unwrap();
        let place = said.iter().position(|line| line.contains(word)).unwrap();
        said[place + 1].clone()
    }

    /// The codes that it printed.
    pub(crate) fn codes(&self) -> Vec<String> {
        let line = self.line_after("Access codes");
        line.split_whitespace().map(str::to_owned).collect()
    }

    /// Login and password.
    pub(crate) fn login(&self) -> (String, String) {
        let text = self.text();
        let line = text.lines().find(|line| line.contains("password")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        (words[1].to_owned(), words[3].to_owned())
    }

    /// The node's id.
    pub(crate) fn node(&self, name: &str) -> String {
        let status = self.status(name).unwrap();
        status["node"].as_str().unwrap().to_owned()
    }

    /// The sealed site key, and a file that holds its passphrase.
    pub(crate) fn site_key(&self) -> (PathBuf, PathBuf) {
        let passphrase = self.folder.join("passphrase");
        std::fs::write(&passphrase, "une démonstration n'a pas de secret").unwrap();
        (self.folder.join("site-key.txt"), passphrase)
    }

    /// Runs a command on the node of this name; its words, or its refusal's.
    pub(crate) fn poste(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(env!("CARGO_BIN_EXE_poste"))
            .arg("--config")
            .arg(self.folder.join(name).join("poste.toml"))
            .args(arguments)
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8(output.stderr).unwrap())
        }
    }

    /// What the node says of itself, if it runs.
    pub(crate) fn status(&self, name: &str) -> Option<Value> {
        let text = self.poste(name, &["status", "--json"]).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The fingerprint of the node's state.
    pub(crate) fn fingerprint(&self, name: &str) -> Option<String> {
        Some(self.status(name)?["fingerprint"].as_str()?.to_owned())
    }

    fn pid(&self, name: &str) -> u32 {
        let status = self.status(name).unwrap();
        status["pid"].as_u64().unwrap().try_into().unwrap()
    }

    /// The nodes' processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        ["admin-1", "admin-2", "poste-1", "poste-2", "poste-3"].map(|name| self.pid(name)).to_vec()
    }

    /// Kills a node without a word.
    pub(crate) fn kill(&self, name: &str) {
        signal("KILL", self.pid(name));
    }

    /// Waits until it said that the node runs again.
    pub(crate) fn wait_for_restart(&self, name: &str) {
        let sentence = format!("{name} was started again");
        until(&sentence, || self.text().contains(&sentence).then_some(()));
    }

    /// Waits until the node answers.
    pub(crate) fn wait_until_up(&self, name: &str) {
        until("a node answers", || self.status(name).map(|_| ()));
    }

    /// Has whatever stopped started again.
    pub(crate) fn press_enter(&mut self) {
        self.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Ctrl-C, and waits for its end.
    pub(crate) fn interrupt(&mut self) {
        signal("INT", self.child.id());
        let status = until("the demonstration ends", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }

    /// Kills the demonstration itself.
    pub(crate) fn kill_parent(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.text());
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}
