//! Links between a host and its registry: named ones, and those that a person describes.

/// A link to a registry, and the disk behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// `office`, …; `custom` for one that was described.
    pub name: String,
    /// Bits a second, as a provider names them.
    pub bandwidth: f64,
    /// Seconds from a request to the first byte of its answer.
    pub rtt: f64,
    /// How many times as long unpacking takes as on the machine of the coefficients.
    pub disk: f64,
}

/// Why something is no link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not a rate.
    #[error("{text:?} is no bandwidth: say it as 50Mbit, 1Gbit or 800kbit (a second)")]
    Bandwidth {
        /// What was given.
        text: String,
    },
    /// Not a time.
    #[error("{text:?} is no round trip: say it as 30ms, 0.5ms or 1s, up to 10s")]
    RoundTrip {
        /// What was given.
        text: String,
    },
}

type Row = (&'static str, f64, f64, f64);

/// Name, bits a second, seconds, disk. Typical figures, not measurements; `loopback` is what one machine does.
const NAMED: [Row; 6] = [
    ("office", 100e6, 0.020, 1.0),
    ("ci", 1e9, 0.005, 1.0),
    ("cloud", 2e9, 0.002, 1.0),
    ("edge", 20e6, 0.060, 3.0),
    ("lan", 1e9, 0.0005, 1.0),
    LOOPBACK,
];
const LOOPBACK: Row = ("loopback", 8e9, 0.0001, 1.0);
/// What TCP, IP and Ethernet leave of a link for data.
const PAYLOAD: f64 = 0.965;
/// Slower or longer than this is no link for images, and faster is none that is known.
const RATES: std::ops::RangeInclusive<f64> = 1e3..=1e12;
const LONGEST_TRIP: f64 = 10.0;

impl Profile {
    /// The names there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, ..)| *name)
    }

    /// A profile by name.
    pub fn named(name: &str) -> Option<Self> {
        NAMED.iter().find(|(known, ..)| *known == name).map(|row| Self::of(*row))
    }

    /// A registry on the same machine.
    pub fn loopback() -> Self {
        Self::of(LOOPBACK)
    }

    fn of((name, bandwidth, rtt, disk): Row) -> Self {
        Self { name: name.into(), bandwidth, rtt, disk }
    }

    /// A link that a person describes; what is left out is that of `self`.
    #[must_use]
    pub fn with(self, bandwidth: Option<f64>, rtt: Option<f64>) -> Self {
        if bandwidth.is_none() && rtt.is_none() {
            return self;
        }
        let name = "custom".into();
        Self { name, bandwidth: bandwidth.unwrap_or(self.bandwidth), rtt: rtt.unwrap_or(self.rtt), disk: self.disk }
    }

    /// Bytes of data a second.
    pub fn goodput(&self) -> f64 {
        self.bandwidth * PAYLOAD / 8.0
    }
}

/// `50Mbit`, `1Gbit`, `2.5Gbit/s`, `800kbit`: bits a second.
pub fn bandwidth(text: &str) -> Result<f64, ProfileError> {
    let wrong = || ProfileError::Bandwidth { text: text.into() };
    let lower = text.trim().to_ascii_lowercase();
    let stem = lower.trim_end_matches("/s").trim_end_matches("ps");
    let units = [("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9), ("bit", 1.0)];
    let (number, unit) =
        units.iter().find_map(|(unit, size)| Some((stem.strip_suffix(unit)?, size))).ok_or_else(wrong)?;
    let rate = number.trim().parse::<f64>().map_err(|_| wrong())? * unit;
    RATES.contains(&rate).then_some(rate).ok_or_else(wrong)
}

/// `30ms`, `0.5ms`, `1s`: seconds.
pub fn round_trip(text: &str) -> Result<f64, ProfileError> {
    let wrong = || ProfileError::RoundTrip { text: text.into() };
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let stem = text.trim();
    let (number, unit) =
        units.iter().find_map(|(unit, size)| Some((stem.strip_suffix(unit)?, size))).ok_or_else(wrong)?;
    let trip = number.trim().parse::<f64>().map_err(|_| wrong())? * unit;
    (0.0..=LONGEST_TRIP).contains(&trip).then_some(trip).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_as_people_write_them() {
        for (text, bits) in
            [("50Mbit", 50e6), ("1Gbit/s", 1e9), ("2.5 gbit", 2.5e9), ("800kbps", -1.0), ("1e20bit", -1.0)]
        {
            assert_eq!(bandwidth(text).unwrap_or(-1.0), bits, "{text}");
        }
        for (text, seconds) in [("30ms", 0.03), ("0.5ms", 0.0005), ("1s", 1.0), ("250us", 250e-6), ("0ms", 0.0)] {
            assert!((round_trip(text).unwrap() - seconds).abs() < 1e-12, "{text}");
        }
        for text in ["", "30", "ms", "-1ms", "NaNs", "infs", "11s", "1m"] {
            assert!(round_trip(text).is_err(), "{text}");
        }
        assert!(
            ["", "50", "Mbit", "0Mbit", "-5Mbit", "NaNMbit", "infMbit"].iter().all(|text| bandwidth(text).is_err())
        );
    }

    #[test]
    fn a_described_link_keeps_what_is_left_out() {
        let office = Profile::named("office").unwrap();
        let own = office.clone().with(Some(50e6), None);
        assert_eq!((own.name.as_str(), own.bandwidth, own.rtt), ("custom", 50e6, office.rtt));
        assert_eq!(office.clone().with(None, None), office);
        assert!(Profile::names().all(|name| Profile::named(name).is_some()));
    }
}
