//! What the words for hosts mean on a site of a given shape.
//!
//! One reading for every target: the same seed draws the same hosts in the simulator and in the
//! laboratory.

use rand::Rng;
use rand::seq::IndexedRandom;

use crate::event::HostId;
use crate::fault::Hosts;
use crate::scenario::{Shape, Words};

/// A word that means no host of the site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchHost {
    /// Not a word for hosts at all.
    #[error(
        "{word:?} names no host: write admin-1, poste-3, admins, kiosks, all, half, any-admin or \
         any-kiosk, joined by +"
    )]
    Unknown {
        /// As it was written.
        word: String,
    },
    /// The site has fewer.
    #[error("{word} is beyond this site, which has {admins} admin hosts and {kiosks} kiosks")]
    Beyond {
        /// As it was written.
        word: String,
        /// Admin hosts of the site.
        admins: u16,
        /// Its kiosks.
        kiosks: u16,
    },
}

impl NoSuchHost {
    /// Why, in both languages.
    pub fn words(&self) -> Words {
        let fr = match self {
            Self::Unknown { word } => format!(
                "{word:?} ne désigne aucune machine : écrivez admin-1, poste-3, admins, kiosks, all, half, \
                 any-admin ou any-kiosk, joints par +"
            ),
            Self::Beyond { word, admins, kiosks } => {
                format!("{word} n'existe pas ici : accueils {admins}, postes {kiosks}")
            }
        };
        Words::new(fr, self.to_string())
    }
}

impl Shape {
    /// Every host, in order: admin hosts first.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..self.admins + self.kiosks).map(HostId)
    }

    /// The admin hosts.
    pub fn admin_hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..self.admins).map(HostId)
    }

    /// The kiosks.
    pub fn kiosk_hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        (self.admins..self.admins + self.kiosks).map(HostId)
    }

    /// Whether a host is a kiosk.
    pub fn is_kiosk(&self, host: HostId) -> bool {
        host.0 >= self.admins
    }

    /// Whether a host forgets everything when it stops.
    pub fn is_amnesic(&self, host: HostId) -> bool {
        self.is_kiosk(host) && host.0 >= (self.admins + self.kiosks).saturating_sub(self.amnesic)
    }

    /// A host's name in files and reports: `admin-1`, `poste-3`.
    pub fn name(&self, host: HostId) -> String {
        if self.is_kiosk(host) {
            format!("poste-{}", host.0 - self.admins + 1)
        } else {
            format!("admin-{}", host.0 + 1)
        }
    }
}

impl Hosts {
    /// The hosts that are meant, each once, in the order in which they are written. A word that
    /// draws takes a host that was not named before it, as long as there is one.
    ///
    /// # Errors
    /// The word that means nothing here.
    pub fn mean(&self, site: &Shape, draw: &mut impl Rng) -> Result<Vec<HostId>, NoSuchHost> {
        let mut meant = Vec::new();
        for word in self.0.split('+').map(str::trim) {
            let named = match word {
                "all" => site.hosts().collect(),
                "admins" => site.admin_hosts().collect(),
                "kiosks" => site.kiosk_hosts().collect(),
                "half" => site.admin_hosts().take(1).chain(site.kiosk_hosts().step_by(2)).collect(),
                "any-admin" => one_of(site.admin_hosts().collect(), &meant, draw),
                "any-kiosk" => one_of(site.kiosk_hosts().collect(), &meant, draw),
                _ => vec![by_name(word, site)?],
            };
            if named.is_empty() {
                return Err(beyond(word, site));
            }
            for host in named {
                if !meant.contains(&host) {
                    meant.push(host);
                }
            }
        }
        Ok(meant)
    }

    /// The words that mean exactly these hosts.
    pub fn named(hosts: &[HostId], site: &Shape) -> Self {
        let names: Vec<String> = hosts.iter().map(|host| site.name(*host)).collect();
        Self(names.join("+"))
    }
}

fn one_of(all: Vec<HostId>, taken: &[HostId], draw: &mut impl Rng) -> Vec<HostId> {
    let free: Vec<HostId> = all.iter().copied().filter(|host| !taken.contains(host)).collect();
    let among = if free.is_empty() { all } else { free };
    among.choose(draw).copied().into_iter().collect()
}

fn by_name(word: &str, site: &Shape) -> Result<HostId, NoSuchHost> {
    let unknown = || NoSuchHost::Unknown { word: word.to_owned() };
    let (kind, number) = word.split_once('-').ok_or_else(unknown)?;
    let (first, count) = match kind {
        "admin" => (0, site.admins),
        "poste" => (site.admins, site.kiosks),
        _ => return Err(unknown()),
    };
    let number: u16 = number.parse().map_err(|_| unknown())?;
    if !(1..=count).contains(&number) {
        return Err(beyond(word, site));
    }
    Ok(HostId(first + number - 1))
}

fn beyond(word: &str, site: &Shape) -> NoSuchHost {
    NoSuchHost::Beyond { word: word.to_owned(), admins: site.admins, kiosks: site.kiosks }
}
