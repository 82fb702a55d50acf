//! Files of lines that say when they are not whole: ledger exports and backups.
//!
//! The first line is JSON and says what the file is. Each further line is a letter,
//! a space, and fields in hexadecimal. The last line is `Z`, the number of lines
//! between, and the SHA-256 of everything before it. A file is written beside its
//! place and renamed, with mode 0600: it holds the whole or is not there.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use domain::id::SiteId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::texts::Say;

/// Longest line that is read: a table's largest value in hexadecimal, and its key.
const LINE_MAX: u64 = 140 * 1024;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Title {
    /// `poste-ledger` or `poste-backup`.
    pub(crate) format: String,
    /// Version of the format.
    pub(crate) version: u32,
    /// The site.
    pub(crate) site: SiteId,
}

/// A file being written.
pub(crate) struct Writer {
    path: PathBuf,
    beside: PathBuf,
    file: BufWriter<File>,
    hash: Sha256,
    lines: u64,
}

fn trouble(path: &Path) -> impl Fn(std::io::Error) -> Say {
    move |error| Say::FileTrouble {
        file: path.display().to_string(),
        reason: error.to_string(),
    }
}

impl Writer {
    /// Begins a file that will be at `path`, where nothing may be yet.
    ///
    /// # Errors
    /// [`Say::AlreadyThere`]; the disk.
    pub(crate) fn begin(path: &Path, title: &Title) -> Result<Self, Say> {
        if path.exists() {
            return Err(Say::AlreadyThere {
                file: path.display().to_string(),
            });
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(trouble(&beside)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .map_err(trouble(&beside))?;
        let mut writer = Self {
            path: path.to_owned(),
            beside,
            file: BufWriter::new(file),
            hash: Sha256::new(),
            lines: 0,
        };
        let title = serde_json::to_string(title).map_err(|error| Say::Broken {
            reason: error.to_string(),
        })?;
        writer.put(&title)?;
        Ok(writer)
    }

    fn put(&mut self, line: &str) -> Result<(), Say> {
        self.hash.update(line.as_bytes());
        self.hash.update(b"\n");
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(trouble(&self.path))
    }

    /// Writes a line.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn line(&mut self, letter: char, fields: &[&[u8]]) -> Result<(), Say> {
        let mut line = String::from(letter);
        for field in fields {
            line.push(' ');
            line.push_str(&HEXLOWER.encode(field));
        }
        self.lines += 1;
        self.put(&line)
    }

    /// Closes the file and puts it in its place, durably.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn finish(mut self) -> Result<(), Say> {
        let hash = HEXLOWER.encode(&self.hash.clone().finalize());
        let last = format!("Z {} {hash}", self.lines);
        self.put(&last)?;
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.beside, &self.path))
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(trouble(&self.path))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Gone already where the file was finished.
        fs::remove_file(&self.beside).ok();
    }
}

/// A line: its letter and fields.
pub(crate) type Line = (char, Vec<Vec<u8>>);

/// A file being read. What it gives is not known to be whole before the end.
pub(crate) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    hash: Sha256,
    lines: u64,
    title: Title,
}

impl Reader {
    /// Opens a file of `format`.
    ///
    /// # Errors
    /// [`Say::ArchiveOther`] for another kind of file; the disk.
    pub(crate) fn open(path: &Path, format: &str) -> Result<Self, Say> {
        let file = BufReader::new(File::open(path).map_err(trouble(path))?);
        let other = || Say::ArchiveOther {
            file: path.display().to_string(),
            wanted: format.to_owned(),
        };
        let mut reader = Self {
            path: path.to_owned(),
            file,
            hash: Sha256::new(),
            lines: 0,
            title: Title {
                format: String::new(),
                version: 0,
                site: SiteId([0; 32]),
            },
        };
        let first = reader.take()?.ok_or_else(other)?;
        reader.hash.update(&first);
        reader.title = serde_json::from_slice(&first).map_err(|_| other())?;
        if reader.title.format != format || reader.title.version != 1 {
            return Err(other());
        }
        Ok(reader)
    }

    /// The site that the file is of.
    pub(crate) fn site(&self) -> SiteId {
        self.title.site
    }

    fn damaged(&self) -> Say {
        Say::ArchiveDamaged {
            file: self.path.display().to_string(),
            line: self.lines + 2,
        }
    }

    /// The next bytes up to a line's end, that end included.
    fn take(&mut self) -> Result<Option<Vec<u8>>, Say> {
        let mut line = Vec::new();
        let read = self
            .file
            .by_ref()
            .take(LINE_MAX)
            .read_until(b'\n', &mut line)
            .map_err(trouble(&self.path))?;
        match line.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) => {
                tracing::debug!(read, "a line without its end");
                Err(self.damaged())
            }
        }
    }

    /// The next line; `None` after the last, once the file is known to be whole.
    ///
    /// # Errors
    /// [`Say::ArchiveDamaged`] names the line.
    pub(crate) fn next(&mut self) -> Result<Option<Line>, Say> {
        let bytes = self.take()?.ok_or_else(|| self.damaged())?;
        let text = std::str::from_utf8(&bytes).map_err(|_| self.damaged())?;
        let mut parts = text.trim_end_matches('\n').split(' ');
        let letter = parts.next().unwrap_or_default();
        if letter == "Z" {
            let lines = parts.next().and_then(|count| count.parse().ok());
            let hash = HEXLOWER.encode(&self.hash.clone().finalize());
            let whole = lines == Some(self.lines) && parts.next() == Some(&hash);
            let ends = whole && parts.next().is_none() && self.take()?.is_none();
            return if ends { Ok(None) } else { Err(self.damaged()) };
        }
        let mut letters = letter.chars();
        let (Some(letter), None) = (letters.next(), letters.next()) else {
            return Err(self.damaged());
        };
        let mut fields = Vec::new();
        for part in parts {
            let field = HEXLOWER_PERMISSIVE.decode(part.as_bytes());
            fields.push(field.map_err(|_| self.damaged())?);
        }
        self.hash.update(&bytes);
        self.lines += 1;
        Ok(Some((letter, fields)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use domain::id::SiteId;

    use super::{Line, Reader, Title, Writer};
    use crate::texts::Say;

    fn title() -> Title {
        Title {
            format: "poste-ledger".into(),
            version: 1,
            site: SiteId([8; 32]),
        }
    }

    fn write(path: &Path) {
        let mut writer = Writer::begin(path, &title()).unwrap();
        writer.line('E', &[&[1, 2, 3]]).unwrap();
        writer.line('U', &[b"key", b""]).unwrap();
        writer.finish().unwrap();
    }

    fn read(path: &Path) -> Result<Vec<Line>, Say> {
        let mut reader = Reader::open(path, "poste-ledger")?;
        let mut lines = Vec::new();
        while let Some(line) = reader.next()? {
            lines.push(line);
        }
        Ok(lines)
    }

    #[test]
    fn file_reads_back_and_is_private() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write(&path);
        let lines = read(&path).unwrap();
        assert_eq!(lines[0], ('E', vec![vec![1, 2, 3]]));
        assert_eq!(lines[1], ('U', vec![b"key".to_vec(), Vec::new()]));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(
            Writer::begin(&path, &title()),
            Err(Say::AlreadyThere { .. })
        ));
    }

    #[test]
    fn file_cut_anywhere_or_changed_anywhere_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write(&path);
        let whole = std::fs::read(&path).unwrap();
        let other = folder.path().join("y");
        for length in 0..whole.len() {
            std::fs::write(&other, &whole[..length]).unwrap();
            assert!(read(&other).is_err(), "cut at {length}");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            std::fs::write(&other, &changed).unwrap();
            // A site's digit is in the hash too; only the end tells.
            assert!(read(&other).is_err(), "changed at {place}");
        }
        std::fs::write(&other, [&whole[..], b"E 00\n"].concat()).unwrap();
        assert!(read(&other).is_err());
    }

    #[test]
    fn interrupted_writing_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut writer = Writer::begin(&path, &title()).unwrap();
        writer.line('E', &[&[1]]).unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn another_kind_of_file_is_told_apart_from_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write(&path);
        assert!(matches!(
            Reader::open(&path, "poste-backup"),
            Err(Say::ArchiveOther { .. })
        ));
        std::fs::write(&path, "photo\n").unwrap();
        assert!(matches!(
            Reader::open(&path, "poste-ledger"),
            Err(Say::ArchiveOther { .. })
        ));
    }
}
