//! Secrets typed at a terminal, or read from a file for scripts.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::texts::Say;

/// Longest secret that is read, in bytes: twenty-four words fit well.
const LONGEST: u64 = 1024;

/// The secret in `file`, or, without one, what a person types after `question`.
///
/// # Errors
/// A file that cannot be read; nothing typed.
pub(crate) fn secret(file: Option<&Path>, question: &Say) -> Result<Zeroizing<String>, Say> {
    let typed = match file {
        Some(path) => from_file(path)?,
        None => ask(question)?,
    };
    if typed.is_empty() {
        return Err(Say::NothingTyped);
    }
    Ok(typed)
}

/// As [`secret`], but a new one: typed twice, so that a slip of the finger does
/// not lock anybody out.
///
/// # Errors
/// As [`secret`]; [`Say::TypedTwice`] when the two differ.
pub(crate) fn new_secret(file: Option<&Path>, question: &Say) -> Result<Zeroizing<String>, Say> {
    let once = secret(file, question)?;
    if file.is_none() && std::io::stdin().is_terminal() && *ask(&Say::AskAgain)? != *once {
        return Err(Say::TypedTwice);
    }
    Ok(once)
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, Say> {
    let trouble = |error: std::io::Error| Say::FileTrouble {
        file: path.display().to_string(),
        reason: error.to_string(),
    };
    let mut text = Zeroizing::new(String::new());
    fs::File::open(path)
        .map_err(trouble)?
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(trouble)?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Asks at the terminal without echo; standard input that is none gives its next
/// line.
fn ask(question: &Say) -> Result<Zeroizing<String>, Say> {
    let trouble = |error: std::io::Error| Say::FileTrouble {
        file: "stdin".to_owned(),
        reason: error.to_string(),
    };
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return line(&mut stdin.lock()).map_err(trouble);
    }
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(trouble)?;
    write!(terminal, "{question}").and_then(|()| terminal.flush()).map_err(trouble)?;
    let quiet = Quiet::on(&terminal).map_err(|e| trouble(e.into()))?;
    let typed = line(&mut BufReader::new(&terminal)).map_err(trouble);
    drop(quiet);
    writeln!(&terminal).map_err(trouble)?;
    typed
}

fn line(from: &mut impl BufRead) -> std::io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    from.take(LONGEST).read_line(&mut text)?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A terminal that does not show what is typed, until dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn on(terminal: &'a File) -> rustix::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(self.terminal, OptionalActions::Now, &self.before) {
            tracing::debug!(%error, "terminal was gone already");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{line, secret};
    use crate::texts::Say;

    #[test]
    fn secret_is_read_from_a_file_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "mot de passe \r\n").unwrap();
        let read = secret(Some(&file), &Say::AskPassphrase).unwrap();
        assert_eq!(*read, "mot de passe ");
        std::fs::write(&file, "\n").unwrap();
        assert!(matches!(secret(Some(&file), &Say::AskPassphrase), Err(Say::NothingTyped)));
        std::fs::write(&file, [0xff]).unwrap();
        assert!(secret(Some(&file), &Say::AskPassphrase).is_err());
        assert!(secret(Some(&folder.path().join("no")), &Say::AskPassphrase).is_err());
    }

    #[test]
    fn line_that_never_ends_is_cut() {
        let mut endless = std::io::BufReader::new(std::io::repeat(b'a'));
        assert_eq!(line(&mut endless).unwrap().len(), 1024);
    }
}
