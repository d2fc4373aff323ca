//! Sizes as people read them.

const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// Bytes in decimal units, as Docker and registries count: `0 B`, `999 B`, `1.2 kB`, `703.4 MB`.
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1000.0, 0);
    // What would round to 1000.0 belongs to the next unit.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// The same with a sign: `+1.2 kB`, `-703.4 MB`, `0 B`.
pub fn signed_bytes(difference: i64) -> String {
    match difference {
        0 => bytes(0),
        more if more > 0 => format!("+{}", bytes(more.unsigned_abs())),
        less => format!("-{}", bytes(less.unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_to_the_unit_that_fits() {
        let shown: Vec<String> =
            [0, 999, 1000, 1049, 1050, 999_949, 999_950, 703_400_000, u64::MAX].into_iter().map(bytes).collect();
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "1.0 kB", "1.1 kB", "999.9 kB", "1.0 MB", "703.4 MB", "18.4 EB"]);
        assert_eq!((signed_bytes(-1500), signed_bytes(7)), ("-1.5 kB".into(), "+7 B".into()));
        assert_eq!(signed_bytes(i64::MIN), "-9.2 EB");
    }
}
