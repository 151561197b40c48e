//! Made-up names for containers: an adjective and something of a ship or the sea.

const ADJECTIVES: [&str; 48] = [
    "able", "amber", "bold", "brave", "bright", "brisk", "calm", "clear", "clever", "coral",
    "crisp", "deep", "eager", "early", "fair", "fleet", "fond", "gentle", "golden", "grand",
    "hardy", "jolly", "keen", "kind", "light", "lively", "lucky", "mellow", "merry", "mighty",
    "neat", "nimble", "noble", "patient", "plucky", "proud", "quick", "quiet", "ready", "salty",
    "sharp", "silver", "sleek", "steady", "sunny", "trusty", "vivid", "wise",
];

const NOUNS: [&str; 48] = [
    "albatross",
    "anchor",
    "barnacle",
    "bosun",
    "bowsprit",
    "buoy",
    "capstan",
    "caravel",
    "clipper",
    "compass",
    "cormorant",
    "cutter",
    "dolphin",
    "dory",
    "ferry",
    "frigate",
    "galley",
    "gull",
    "halyard",
    "harbour",
    "helm",
    "herring",
    "jib",
    "keel",
    "ketch",
    "lantern",
    "lighter",
    "lugger",
    "marlin",
    "mast",
    "orca",
    "otter",
    "pelican",
    "petrel",
    "porpoise",
    "quay",
    "rudder",
    "sail",
    "schooner",
    "seal",
    "sextant",
    "skiff",
    "sloop",
    "tern",
    "tiller",
    "whaler",
    "windlass",
    "yawl",
];

/// A name of two words out of random bytes; with `again`, a number follows, for when the plain
/// name is taken.
pub(super) fn make_up(random: &[u8; 32], again: bool) -> String {
    let pick = |list: &'static [&'static str], byte: u8| list[usize::from(byte) % list.len()];
    let name = format!(
        "{}_{}",
        pick(&ADJECTIVES, random[0]),
        pick(&NOUNS, random[1])
    );
    if again {
        format!("{name}{}", u16::from_le_bytes([random[2], random[3]]))
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_are_names() {
        for byte in 0..=255 {
            let random = [byte; 32];
            for again in [false, true] {
                let name = make_up(&random, again);
                assert!(
                    name.parse::<orlop_model::name::ContainerName>().is_ok(),
                    "{name}"
                );
            }
        }
    }
}
