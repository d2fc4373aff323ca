//! Numbers as people read them.

pub use crate::model::{bytes, signed_bytes};

/// `12,345`.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The same with a sign.
pub(super) fn signed_count(difference: i64) -> String {
    let sign = match difference {
        0 => "",
        more if more > 0 => "+",
        _ => "-",
    };
    format!("{sign}{}", count(difference.unsigned_abs()))
}

/// `1 file`, `20 files`.
pub(super) fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{} {noun}s", count(n)) }
}

/// A part of a whole: `21.6%`.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.1}%", fraction * 100.0)
}

/// Seconds, as finely as they are worth: `0.08 s`, `4.1 s`, `127 s`.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds.abs() {
        size if size < 0.9995 => format!("{seconds:.2} s"),
        size if size < 99.95 => format!("{seconds:.1} s"),
        _ => format!("{seconds:.0} s"),
    }
}

/// Bits a second: `50 Mbit/s`, `2.5 Gbit/s`.
pub(super) fn rate(bits: f64) -> String {
    let units = [(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")];
    let (size, unit) = units.into_iter().find(|(size, _)| bits >= *size).unwrap_or((1.0, "bit/s"));
    let number = format!("{:.1}", bits / size);
    format!("{} {unit}", number.strip_suffix(".0").unwrap_or(&number))
}

/// A link: `100 Mbit/s, 20 ms`. Round trips of less than a millisecond are said in tenths of it.
pub(super) fn link(bandwidth: f64, rtt: f64) -> String {
    let trip = rtt * 1e3;
    let trip = if trip < 1.0 { format!("{trip:.1} ms") } else { format!("{trip:.0} ms") };
    format!("{}, {trip}", rate(bandwidth))
}

/// How much more `b` is than `a`: `-86.2%`, `+0.4%`; nothing where there is no `a`.
pub(super) fn change(a: u64, b: u64) -> String {
    if a == 0 || a == b {
        return String::new();
    }
    format!("{:+.1}%", (b as f64 - a as f64) / a as f64 * 100.0)
}

/// Seconds since 1970 as `2024-03-05 08:00`, in UTC (days to date: Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
pub(super) fn time(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", of_day / 3_600, of_day / 60 % 60)
}

/// … to the nanosecond: `2024-03-05 08:00:07.5`.
pub(super) fn exact_time(seconds: i64, nanos: u32) -> String {
    let fraction = if nanos == 0 { String::new() } else { format!(".{nanos:09}") };
    format!("{}:{:02}{}", time(seconds), seconds.rem_euclid(60), fraction.trim_end_matches('0'))
}

/// Today's date, `YYYY-MM-DD`, in UTC.
pub fn today() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    time(now.as_secs().try_into().unwrap_or(i64::MAX)).split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_changes() {
        assert_eq!([count(7), count(1234), count(1_234_567)], ["7", "1,234", "1,234,567"]);
        assert_eq!(
            (signed_count(-1234), signed_count(0), counted(1, "file")),
            ("-1,234".into(), "0".into(), "1 file".into())
        );
        assert_eq!([change(200, 50), change(50, 51), change(0, 9), change(4, 4)], ["-75.0%", "+2.0%", "", ""]);
    }

    #[test]
    fn seconds_and_rates_have_the_digits_that_matter() {
        let shown = [0.0, 0.084, 0.999, 0.9996, 4.06, 99.94, 99.96, 127.4, -0.3].map(seconds);
        assert_eq!(shown, ["0.00 s", "0.08 s", "1.00 s", "1.0 s", "4.1 s", "99.9 s", "100 s", "127 s", "-0.30 s"]);
        assert_eq!(
            [50e6, 2.5e9, 1e9, 800e3, 5.0].map(rate),
            ["50 Mbit/s", "2.5 Gbit/s", "1 Gbit/s", "800 kbit/s", "5 bit/s"]
        );
        assert_eq!([link(1e9, 0.0004), link(50e6, 0.03)], ["1 Gbit/s, 0.4 ms", "50 Mbit/s, 30 ms"]);
    }

    #[test]
    fn times_are_those_of_date() {
        let shown: Vec<String> = [0, -1, 951_827_696, 1_709_625_600, 253_402_300_799].into_iter().map(time).collect();
        let expected =
            ["1970-01-01 00:00", "1969-12-31 23:59", "2000-02-29 12:34", "2024-03-05 08:00", "9999-12-31 23:59"];
        assert_eq!(shown, expected);
        assert_eq!(exact_time(1_709_625_607, 500_000_000), "2024-03-05 08:00:07.5");
        assert_eq!(exact_time(-1, 1), "1969-12-31 23:59:59.000000001");
        time(i64::MIN);
        time(i64::MAX);
    }
}
