//! Pairing on real processes: an admin node that runs, and machines that ask it by
//! `poste join --pair`.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const PASSPHRASE: &str = "sept mots que personne ne devine";
const PASSWORD: &str = "Vacoa-et-Filao-974";
const ROOM: &str = "Salle multimédia";

/// One node's folder and configuration.
struct Machine {
    folder: PathBuf,
    address: String,
}

impl Machine {
    fn new(parent: &Path, name: &str, kind: &str) -> Self {
        let folder = parent.join(name);
        fs::create_dir(&folder).unwrap();
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        // Taken until both are known, so that they differ.
        let faces = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [console, page] = faces.map(|face| face.local_addr().unwrap());
        let data_dir = folder.join("data");
        let config = format!(
            "data_dir = {data_dir:?}\nkind = \"{kind}\"\nlisten = \"{address}\"\n\
             [discovery]\ninterfaces = []\n\
             [console]\nlisten = \"{console}\"\nplain = true\n\
             [kiosk]\nmachine = \"{name}\"\npage = \"{page}\"\n\
             [ops]\nenabled = false\n"
        );
        fs::write(folder.join("poste.toml"), config).unwrap();
        Self { folder, address }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_poste"));
        command
            .arg("--config")
            .arg(self.folder.join("poste.toml"))
            .args(arguments)
            .env("LC_ALL", "C");
        command
    }

    fn poste(&self, arguments: &[&str]) -> Result<String, String> {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        if status.success() {
            Ok(String::from_utf8(stdout).unwrap())
        } else {
            Err(String::from_utf8(stderr).unwrap())
        }
    }

    fn run(&self) -> Running {
        let child = self
            .command(&["run", "--with-parent"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.folder.join("run.log")).unwrap())
            .spawn()
            .unwrap();
        let running = Running(child);
        until("the node to answer", || self.status().map(drop));
        running
    }

    fn status(&self) -> Option<Value> {
        let text = self.poste(&["status", "--json"]).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn has_membership(&self) -> bool {
        self.folder.join("data/membership.json").exists()
    }

    /// Asks to be paired; the digits that its screen shows.
    fn ask(&self, admin: &Self) -> (Asking, String) {
        let mut child = self
            .command(&["join", "--pair", &admin.address])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let digits = loop {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "no digits");
            let digits = line.trim().replace(' ', "");
            if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()) {
                break digits;
            }
        };
        (Asking(child, lines), digits)
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A machine that waits for an operator, and the rest of what it says.
struct Asking(Child, BufReader<ChildStdout>);

impl Asking {
    /// Waits until it has ended; whether it joined, and what it complained of.
    fn outcome(mut self) -> (bool, String) {
        let mut rest = String::new();
        self.1.read_to_string(&mut rest).unwrap();
        let output = self.0.wait_with_output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), complaint)
    }
}

fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A site with one admin node that runs, and one room.
fn site(folder: &Path) -> (Machine, Running) {
    let admin = Machine::new(folder, "admin", "admin");
    let secret = |name: &str, text: &str| {
        let path = admin.folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (passphrase, password) = (secret("passphrase", PASSPHRASE), secret("password", PASSWORD));
    let key = admin.folder.join("site-key.txt").display().to_string();
    admin
        .poste(&[
            "init",
            "--name",
            "Médiathèque",
            "--site-key",
            &key,
            "--passphrase-file",
            &passphrase,
            "--password-file",
            &password,
        ])
        .unwrap();
    let running = admin.run();
    (admin, running)
}

/// As the console does it: no command of the command line makes a room.
fn name_room(admin: &Machine) {
    let mut socket = UnixStream::connect(admin.folder.join("data/control.sock")).unwrap();
    let request = format!("{{\"do\":\"room_name\",\"name\":\"{ROOM}\",\"order\":0}}\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.trim(), "\"done\"");
}

#[test]
fn a_machine_joins_once_an_operator_has_compared_the_digits() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, _admin) = site(folder.path());
    let kiosk = Machine::new(folder.path(), "kiosk", "kiosk");

    let (asking, digits) = kiosk.ask(&admin);
    until("the machine to be listed", || {
        let listed = admin.poste(&["node", "list"]).unwrap();
        listed.contains(&format!("waits, digits {digits}")).then_some(())
    });
    let others = if digits == "000000" { "000001" } else { "000000" };
    let wrong = admin.poste(&["node", "pair", others, "--kiosk", "Poste 1"]);
    assert!(wrong.unwrap_err().contains("DO NOT CONFIRM"));
    let nowhere = admin.poste(&["node", "pair", &digits, "--kiosk", "Poste 1"]);
    assert!(nowhere.unwrap_err().contains("no such kiosk"));
    let nowhere = admin.poste(&["node", "pair", &digits, "--room", ROOM]);
    assert!(nowhere.unwrap_err().contains("no such room"));
    assert!(!kiosk.has_membership(), "nothing before an operator decides");
    name_room(&admin);
    let paired = admin.poste(&["node", "pair", &digits, "--kiosk", "Poste 1", "--room", ROOM]);
    assert!(paired.unwrap().contains("is paired"));
    let (joined, complaint) = asking.outcome();
    assert!(joined, "{complaint}");

    // It runs, is a member, and both hold the same truth.
    let _kiosk = kiosk.run();
    until("the kiosk to be a member that both know", || {
        let (there, here) = (kiosk.status()?, admin.status()?);
        let same = there["fingerprint"] == here["fingerprint"];
        (there["joined"] == true && same).then_some(())
    });
    let listed = admin.poste(&["node", "list"]).unwrap();
    let line = listed.lines().find(|line| line.contains("Poste 1")).unwrap();
    assert!(line.contains("linked"), "{line}");
    assert!(!listed.contains("waits, digits"), "{listed}");

    // A kiosk pairs nobody, and who has a site does not ask for another.
    let other = Machine::new(folder.path(), "other", "kiosk");
    let refused = other.poste(&["join", "--pair", &kiosk.address]).unwrap_err();
    assert!(refused.contains("pairs nobody"), "{refused}");
    assert!(!other.has_membership());
    let again = kiosk.poste(&["join", "--pair", &admin.address]);
    assert!(again.unwrap_err().contains("belongs to a site already"));
}

#[test]
fn a_machine_that_is_turned_away_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (admin, running) = site(folder.path());
    let kiosk = Machine::new(folder.path(), "kiosk", "kiosk");
    let (asking, digits) = kiosk.ask(&admin);
    until("the refusal", || admin.poste(&["node", "refuse", &digits]).ok());
    let (joined, complaint) = asking.outcome();
    assert!(!joined && complaint.contains("Pairing refused"), "{complaint}");
    assert!(!kiosk.has_membership());

    // Nor does one whose admin node dies meanwhile.
    let (asking, _) = kiosk.ask(&admin);
    drop(running);
    let (joined, complaint) = asking.outcome();
    assert!(!joined && complaint.contains("no longer answers"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert!(!kiosk.has_membership());
    let nobody = kiosk.poste(&["join", "--pair", &admin.address]);
    assert!(nobody.unwrap_err().contains("Nobody answers"));
}
