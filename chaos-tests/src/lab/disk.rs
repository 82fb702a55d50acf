//! A host's disk: a folder, or where a scenario harms it a small file system of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::rngs::StdRng;

use crate::target::NotRun;

use super::ground::{Ground, broken};

/// Size of a disk that is harmed: a store wants 8 MiB to be free.
const SIZE: &str = "96M";
/// `EXT4_IOC_SHUTDOWN`, with how the log is left.
const POWER_OFF: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', int(sys.argv[2])))";

/// What a power cut leaves of that which no barrier covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing: the file system's log is not flushed.
    Nothing,
    /// Some of it: the log is, what it speaks of is not.
    Half,
}

/// Where a node keeps everything.
#[derive(Debug)]
pub(super) struct Disk {
    /// The node's data folder, as the node sees it.
    data: PathBuf,
    /// The file behind it, if it is a file system of its own.
    image: Option<PathBuf>,
    mounted: bool,
}

impl Disk {
    /// A plain folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn folder(home: &Path) -> Result<Self, NotRun> {
        let data = home.join("data");
        fs::create_dir_all(&data).map_err(|error| broken("data folder", error))?;
        Ok(Self { data, image: None, mounted: false })
    }

    /// A file system of its own, on which a power cut and a full disk are real.
    ///
    /// # Errors
    /// No loop device, or no right to mount one.
    pub(super) fn image(ground: &Ground, home: &Path) -> Result<Self, NotRun> {
        let image = home.join("disk.img");
        let mut disk = Self { image: Some(image.clone()), ..Self::folder(home)? };
        ground.script(&format!(
            "truncate --size={SIZE} '{0}'
            mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 '{0}'\n",
            image.display()
        ))?;
        disk.mount(ground)?;
        ground.script(&format!("chmod 700 '{}'\n", disk.data.display()))?;
        Ok(disk)
    }

    /// The data folder, as the node sees it.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// Whether it is a file system of its own.
    pub(super) fn is_own(&self) -> bool {
        self.image.is_some()
    }

    /// Makes what is on it reachable, after a power cut.
    ///
    /// # Errors
    /// It cannot be mounted.
    pub(super) fn mount(&mut self, ground: &Ground) -> Result<(), NotRun> {
        let Some(image) = &self.image else {
            return Ok(());
        };
        if !self.mounted {
            let (image, data) = (image.display(), self.data.display());
            ground.script(&format!("mount -o loop '{image}' '{data}'\n"))?;
            self.mounted = true;
        }
        Ok(())
    }

    /// Cuts its power: what no barrier covered is lost, or half lost. The process on it must be killed next, and
    /// [`Disk::let_go`] come after that.
    ///
    /// # Errors
    /// It has none of its own, or the file system knows no such thing.
    pub(super) fn power_off(&self, ground: &Ground, left: Left) -> Result<(), NotRun> {
        let flag = match left {
            Left::Half => "1",
            Left::Nothing => "2",
        };
        let words = ["-c", POWER_OFF];
        let done = ground.command("python3").args(words).arg(&self.data).arg(flag).output();
        let done = done.map_err(|error| broken("python3", error))?;
        if done.status.success() {
            return Ok(());
        }
        Err(broken("power cut", String::from_utf8_lossy(&done.stderr).trim()))
    }

    /// Unmounts it after its power was cut and its process ended.
    ///
    /// # Errors
    /// Somebody still holds it.
    pub(super) fn let_go(&mut self, ground: &Ground) -> Result<(), NotRun> {
        if self.image.is_some() && self.mounted {
            let data = self.data.display();
            // The killed process may still be on its way out.
            ground.script(&format!(
                "n=0; until umount '{data}'; do n=$((n+1)); [ $n -lt 50 ]; sleep 0.1; done\n"
            ))?;
            self.mounted = false;
        }
        Ok(())
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// It is a folder, and filling it would fill this machine.
    pub(super) fn fill(&self, ground: &Ground) -> Result<(), NotRun> {
        if self.image.is_none() {
            return Err(NotRun::Broken("a folder is not filled".into()));
        }
        let mut file =
            File::create(ground.path(&self.filler())).map_err(|error| broken("filler", error))?;
        let mut block = vec![0xa5; 256 * 1024];
        while !block.is_empty() {
            while file.write_all(&block).is_ok() {}
            block.truncate(block.len() / 2);
        }
        Ok(())
    }

    /// Makes room again.
    ///
    /// # Errors
    /// It was not full.
    pub(super) fn make_room(&self, ground: &Ground) -> Result<(), NotRun> {
        fs::remove_file(ground.path(&self.filler())).map_err(|error| broken("filler", error))
    }

    fn filler(&self) -> PathBuf {
        self.data.join("filler")
    }

    /// Copies everything on it into a folder. Its process must stand still meanwhile.
    ///
    /// # Errors
    /// The copy failed.
    pub(super) fn copy_to(&self, ground: &Ground, to: &Path) -> Result<(), NotRun> {
        let (from, to) = (self.data.display(), to.display());
        ground
            .script(&format!("rm -rf '{to}'\nmkdir -p -m 700 '{to}'\ncp -a '{from}/.' '{to}'\n"))
            .map(drop)
    }

    /// Replaces everything on it by a copy.
    ///
    /// # Errors
    /// There is no such copy.
    pub(super) fn put_back(&self, ground: &Ground, from: &Path) -> Result<(), NotRun> {
        let (from, to) = (from.display(), self.data.display());
        ground
            .script(&format!(
                "[ -d '{from}' ]\nfind '{to}' -mindepth 1 -delete\ncp -a '{from}/.' '{to}'\n"
            ))
            .map(drop)
    }

    /// Empties the store and leaves the keys.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) fn lose_store(&self, ground: &Ground) -> Result<(), NotRun> {
        ground.script(&format!("rm -rf '{}/store'\n", self.data.display())).map(drop)
    }

    /// Empties it.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(super) fn lose_all(&self, ground: &Ground) -> Result<(), NotRun> {
        let data = self.data.display();
        ground.script(&format!("find '{data}' -mindepth 1 -delete\n")).map(drop)
    }

    /// Turns one bit over in the store's file.
    ///
    /// # Errors
    /// There is no store.
    pub(super) fn flip_bit(&self, ground: &Ground, draw: &mut StdRng) -> Result<(), NotRun> {
        let path = ground.path(&self.data.join("store").join("db"));
        let failed = |error: std::io::Error| broken("bit flip", error);
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let at = SeekFrom::Start(draw.random_range(0..length.max(1)));
        let mut byte = [0];
        file.seek(at).and_then(|_| file.read_exact(&mut byte)).map_err(failed)?;
        byte[0] ^= 1 << draw.random_range(0..8);
        file.seek(at).and_then(|_| file.write_all(&byte)).map_err(failed)
    }

    /// Bytes that it holds.
    pub(super) fn used(&self, ground: &Ground) -> u64 {
        let said = ground
            .script(&format!("du -sb '{}/store' 2>/dev/null || echo 0\n", self.data.display()));
        let used = said.ok().and_then(|said| said.split_whitespace().next()?.parse().ok());
        used.unwrap_or(0)
    }
}
