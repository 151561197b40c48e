//! Traffic counters of an interface, from the text of `/proc/<pid>/net/dev`: pure. Reading the
//! file of a process needs no visit to its network namespace.

/// What went through an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes received.
    pub received_bytes: u64,
    /// Packets received.
    pub received_packets: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Packets sent.
    pub sent_packets: u64,
}

/// The counters of an interface, if it is there.
#[must_use]
pub fn of_interface(text: &str, interface: &str) -> Option<Counters> {
    let line = text.lines().find_map(|line| {
        let (name, counters) = line.split_once(':')?;
        (name.trim() == interface).then_some(counters)
    })?;
    // Received: bytes packets errs drop fifo frame compressed multicast; sent: bytes packets …
    let numbers: Vec<u64> = line
        .split_ascii_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    Some(Counters {
        received_bytes: *numbers.first()?,
        received_packets: *numbers.get(1)?,
        sent_bytes: *numbers.get(8)?,
        sent_packets: *numbers.get(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
        Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n    \
        lo:       0       0    0    0    0     0          0         0        0       0    0\n  \
        eth0:12345     17    0    0    0     0          0         0      678       9    0    0\n";

    #[test]
    fn an_interface_is_found_by_its_whole_name() {
        let found = of_interface(TEXT, "eth0").expect("eth0");
        assert_eq!((found.received_bytes, found.received_packets), (12_345, 17));
        assert_eq!((found.sent_bytes, found.sent_packets), (678, 9));
        assert_eq!(of_interface(TEXT, "lo"), Some(Counters::default()));
        assert_eq!(of_interface(TEXT, "eth"), None);
        assert_eq!(of_interface("", "eth0"), None);
    }
}
