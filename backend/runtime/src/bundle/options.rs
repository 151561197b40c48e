//! Options of a mount, by the names that mount(8) and the OCI runtime specification give them.
//! Pure: an option that is none of these belongs to the file system, which knows it or fails.

use orlop_linux::mount::{Attributes, Spread};

/// Options of a mount, sorted by who takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// Attributes of the mount itself that are set, and those that are cleared.
    pub own: Change,
    /// The same for it and all below it.
    pub all: Change,
    /// How mount events pass, and whether that holds for all below too.
    pub spread: Option<(Spread, bool)>,
    /// Options of the file system: names, with or without a value.
    pub data: Vec<(String, Option<String>)>,
    /// `bind` or `rbind`.
    pub bind: Option<bool>,
    /// Fill a fresh file system with what it covers.
    pub copy_up: bool,
    /// Options that are known and that Orlop does not offer.
    pub refused: Vec<String>,
}

/// A change of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What is set.
    pub set: Attributes,
    /// What is cleared.
    pub clear: Attributes,
}

impl Default for Change {
    fn default() -> Self {
        Self {
            set: Attributes::empty(),
            clear: Attributes::empty(),
        }
    }
}

impl Change {
    /// Nothing changes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.set.is_empty() && self.clear.is_empty()
    }

    /// The last word on an attribute counts.
    fn note(&mut self, attribute: Attributes, on: bool) {
        let (to, from) = if on {
            (&mut self.set, &mut self.clear)
        } else {
            (&mut self.clear, &mut self.set)
        };
        to.insert(attribute);
        from.remove(attribute);
    }

    /// Ways of noting access times exclude each other, and all their bits are cleared first.
    fn note_times(&mut self, way: Attributes) {
        self.set.remove(Attributes::MOUNT_ATTR__ATIME);
        self.set.insert(way);
        self.clear.insert(Attributes::MOUNT_ATTR__ATIME);
    }
}

/// Attributes that an option sets, with the option that clears them.
const ATTRIBUTES: [(&str, &str, Attributes); 6] = [
    ("ro", "rw", Attributes::MOUNT_ATTR_RDONLY),
    ("nosuid", "suid", Attributes::MOUNT_ATTR_NOSUID),
    ("nodev", "dev", Attributes::MOUNT_ATTR_NODEV),
    ("noexec", "exec", Attributes::MOUNT_ATTR_NOEXEC),
    ("nodiratime", "diratime", Attributes::MOUNT_ATTR_NODIRATIME),
    (
        "nosymfollow",
        "symfollow",
        Attributes::MOUNT_ATTR_NOSYMFOLLOW,
    ),
];

const TIMES: [(&str, Attributes); 6] = [
    ("noatime", Attributes::MOUNT_ATTR_NOATIME),
    ("atime", Attributes::MOUNT_ATTR_RELATIME),
    ("relatime", Attributes::MOUNT_ATTR_RELATIME),
    ("norelatime", Attributes::MOUNT_ATTR_STRICTATIME),
    ("strictatime", Attributes::MOUNT_ATTR_STRICTATIME),
    ("nostrictatime", Attributes::MOUNT_ATTR_RELATIME),
];

const SPREADS: [(&str, Spread); 4] = [
    ("private", Spread::Private),
    ("slave", Spread::Slave),
    ("shared", Spread::Shared),
    ("unbindable", Spread::Unbindable),
];

/// Options that change an existing mount, or its owners.
const REFUSED: [&str; 4] = ["remount", "idmap", "ridmap", "move"];

impl MountOptions {
    /// Sorts options; the last one wins where two contradict each other.
    #[must_use]
    pub fn parse<'a>(options: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parsed = Self::default();
        for option in options {
            parsed.add(option);
        }
        parsed
    }

    fn add(&mut self, option: &str) {
        match option {
            "defaults" | "" => {}
            "bind" => self.bind = Some(self.bind == Some(true)),
            "rbind" => self.bind = Some(true),
            "tmpcopyup" => self.copy_up = true,
            _ if REFUSED.contains(&option) => self.refused.push(option.to_owned()),
            _ => {
                // `r` in front of most names stands for all mounts below.
                let bare = option.strip_prefix('r').unwrap_or(option);
                if let Some((attribute, on)) = attribute(option) {
                    self.own.note(attribute, on);
                } else if let Some(way) = times(option) {
                    self.own.note_times(way);
                } else if let Some(spread) = spread(option) {
                    self.spread = Some((spread, false));
                } else if let Some((attribute, on)) = attribute(bare) {
                    self.all.note(attribute, on);
                } else if let Some(way) = times(bare) {
                    self.all.note_times(way);
                } else if let Some(spread) = spread(bare) {
                    self.spread = Some((spread, true));
                } else {
                    let (name, value) = match option.split_once('=') {
                        Some((name, value)) => (name, Some(value.to_owned())),
                        None => (option, None),
                    };
                    self.data.push((name.to_owned(), value));
                }
            }
        }
    }

    /// The file system is given this option.
    #[must_use]
    pub fn has_data(&self, name: &str) -> bool {
        self.data.iter().any(|(known, _)| known == name)
    }
}

fn attribute(option: &str) -> Option<(Attributes, bool)> {
    ATTRIBUTES.iter().find_map(|(on, off, attribute)| {
        if option == *on {
            Some((*attribute, true))
        } else {
            (option == *off).then_some((*attribute, false))
        }
    })
}

fn times(option: &str) -> Option<Attributes> {
    TIMES
        .iter()
        .find(|(name, _)| *name == option)
        .map(|(_, way)| *way)
}

fn spread(option: &str) -> Option<Spread> {
    SPREADS
        .iter()
        .find(|(name, _)| *name == option)
        .map(|(_, spread)| *spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_go_to_who_takes_them() {
        let parsed = MountOptions::parse([
            "rbind",
            "ro",
            "nosuid",
            "suid",
            "rslave",
            "size=64k",
            "newinstance",
            "tmpcopyup",
            "rnoexec",
        ]);
        assert_eq!(parsed.bind, Some(true));
        assert_eq!(parsed.own.set, Attributes::MOUNT_ATTR_RDONLY);
        assert_eq!(parsed.own.clear, Attributes::MOUNT_ATTR_NOSUID);
        assert_eq!(parsed.all.set, Attributes::MOUNT_ATTR_NOEXEC);
        assert_eq!(parsed.spread, Some((Spread::Slave, true)));
        assert_eq!(parsed.data.len(), 2);
        assert!(parsed.copy_up && parsed.has_data("size") && parsed.refused.is_empty());
    }

    #[test]
    fn names_that_begin_with_r_are_not_taken_for_others() {
        let parsed = MountOptions::parse(["rw", "relatime", "rro", "rrw"]);
        assert_eq!(parsed.own.clear.bits() & 1, 1);
        assert!(parsed.all.set.is_empty());
        assert_eq!(parsed.all.clear, Attributes::MOUNT_ATTR_RDONLY);
        assert_eq!(MountOptions::parse(["remount"]).refused, ["remount"]);
    }

    #[test]
    fn access_times_are_cleared_before_they_are_set() {
        let parsed = MountOptions::parse(["strictatime", "noatime"]);
        assert_eq!(parsed.own.set, Attributes::MOUNT_ATTR_NOATIME);
        assert_eq!(parsed.own.clear, Attributes::MOUNT_ATTR__ATIME);
    }
}
