//! One node as a process of its own, with what can be asked of it from outside.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::waiting::until;

/// The built binary.
pub(crate) const POSTE: &str = env!("CARGO_BIN_EXE_poste");

/// A node: its folder, its addresses and, while it runs, its process. Killed when dropped.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) links: SocketAddr,
    /// The console of an admin node, the page of a kiosk.
    pub(crate) page: SocketAddr,
    pub(crate) ops: SocketAddr,
    child: Option<Child>,
}

impl Member {
    pub(crate) fn new(folder: &Path, name: &str, ports: [SocketAddr; 3]) -> Self {
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        let [links, page, ops] = ports;
        Self { name: name.to_owned(), folder, links, page, ops, child: None }
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.name.starts_with("admin")
    }

    /// Writes the configuration; `peers` are dialled whatever else is known.
    pub(crate) fn configure(&self, peers: &[SocketAddr]) {
        let (kind, console, page) = if self.is_admin() {
            ("admin", self.page, "127.0.0.1:8480".parse().unwrap())
        } else {
            ("kiosk", "127.0.0.1:8443".parse().unwrap(), self.page)
        };
        let quoted: Vec<String> = peers.iter().map(|peer| format!("\"{peer}\"")).collect();
        let text = format!(
            "data_dir = \"{}\"\nkind = \"{kind}\"\nlisten = \"{}\"\n\
             [discovery]\ninterfaces = []\nstatic_peers = [{}]\n\
             [console]\nlisten = \"{console}\"\nplain = true\n\
             [kiosk]\nmachine = \"{}\"\npage = \"{page}\"\n\
             [ops]\nlisten = \"{}\"\n\
             [log]\ndir = \"{}\"\n",
            self.data_dir().display(),
            self.links,
            quoted.join(", "),
            self.name,
            self.ops,
            self.folder.join("log").display(),
        );
        fs::write(self.config(), text).unwrap();
    }

    /// Has the node bear faults that an admin node orders, from its next start on.
    pub(crate) fn obeys_faults(&self) {
        let mut config = OpenOptions::new().append(true).open(self.config()).unwrap();
        config.write_all(b"[faults]\nobey = true\n").unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("poste.toml")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The program with this node's configuration, in English.
    pub(crate) fn poste(&self) -> Command {
        let mut command = Command::new(POSTE);
        command.arg("--config").arg(self.config());
        command.env("LC_ALL", "C").env_remove("RUST_LOG");
        command
    }

    /// Carries out a command of the command line.
    pub(crate) fn cli<I: AsRef<std::ffi::OsStr>>(
        &self,
        words: impl IntoIterator<Item = I>,
    ) -> Output {
        self.poste().args(words).stdin(Stdio::null()).output().unwrap()
    }

    /// What a command that must succeed says.
    #[track_caller]
    pub(crate) fn says<I: AsRef<std::ffi::OsStr>>(
        &self,
        words: impl IntoIterator<Item = I>,
    ) -> String {
        let output = self.cli(words);
        assert!(output.status.success(), "{}: {output:?}", self.name);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the node and does not wait for it.
    pub(crate) fn launch(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let output = OpenOptions::new().create(true).append(true).open(self.said_file()).unwrap();
        let mut command = self.poste();
        command
            // The end of this test, however it comes, is the node's end.
            .args(["run", "--with-parent"])
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        self.child = Some(command.spawn().unwrap());
    }

    /// Starts the node and waits until it answers.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    #[track_caller]
    pub(crate) fn start_with(&mut self, environment: &[(&str, &str)]) {
        self.launch(environment);
        until(&format!("{} to answer", self.name), || {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{} ended: {}", self.name, self.said());
            self.try_status()
        });
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks the node to stop and waits for its end.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = until(&format!("{} to stop", self.name), || child.try_wait().unwrap());
        assert!(ended.success(), "{}: {ended}: {}", self.name, self.said());
    }

    fn said_file(&self) -> PathBuf {
        self.folder.join("said.log")
    }

    /// All that the node has printed so far, over its restarts.
    pub(crate) fn said(&self) -> String {
        let bytes = fs::read(self.said_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The lines of it that hold `text`.
    pub(crate) fn said_of(&self, text: &str) -> Vec<String> {
        let said = self.said();
        let lines = said.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }

    /// Forgets what was printed.
    pub(crate) fn forget_what_was_said(&self) {
        File::options().write(true).open(self.said_file()).unwrap().set_len(0).unwrap();
    }

    #[track_caller]
    pub(crate) fn never_panicked(&self) {
        let said = self.said();
        assert!(!said.contains("panicked"), "{}: {said}", self.name);
    }

    /// Sends one line to the control socket; what comes back.
    pub(crate) fn ask_raw(&self, line: &[u8]) -> std::io::Result<String> {
        let mut stream = UnixStream::connect(self.data_dir().join("control.sock"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(line)?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer)
    }

    pub(crate) fn ask(&self, request: &Value) -> Option<Value> {
        let answer = self.ask_raw(format!("{request}\n").as_bytes()).ok()?;
        serde_json::from_str(&answer).ok()
    }

    pub(crate) fn try_status(&self) -> Option<Value> {
        let mut answer = self.ask(&json!({"do": "status"}))?;
        Some(answer.get_mut("status")?.take())
    }

    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        until(&format!("{}'s status", self.name), || self.try_status())
    }

    /// The node's id.
    pub(crate) fn node(&self) -> String {
        self.status()["node"].as_str().unwrap().to_owned()
    }

    pub(crate) fn fingerprint(&self) -> String {
        self.status()["fingerprint"].as_str().unwrap().to_owned()
    }

    /// Whether it has a link to the node of this id.
    pub(crate) fn is_linked_to(&self, node: &str) -> bool {
        let status = self.status();
        let mut links = status["links"].as_array().unwrap().iter();
        links.any(|link| link["node"] == node)
    }

    pub(crate) fn link_count(&self) -> usize {
        self.status()["links"].as_array().unwrap().len()
    }

    /// One access code, by the command line's own request.
    #[track_caller]
    pub(crate) fn issue(&self, minutes: u32) -> String {
        let asked = json!({"do": "code_issue", "minutes": minutes, "hours": 12, "count": 1,
            "place": "anywhere"});
        let answer = self.ask(&asked).unwrap();
        match answer["codes"][0].as_str() {
            Some(code) => code.to_owned(),
            None => panic!("no code: {answer}"),
        }
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let figure = line.unwrap().split_whitespace().nth(1).unwrap();
        figure.parse().unwrap()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("── {} said:\n{}", self.name, self.said());
        }
    }
}
