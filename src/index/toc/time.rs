//! Times of day as tables of contents write them (RFC 3339).

/// Seconds since 1970 and nanoseconds after that. Nothing, and Go's zero time, are 0, as in a tar.
pub(super) fn parse(text: &str) -> Option<(i64, u32)> {
    if text.is_empty() {
        return Some((0, 0));
    }
    let (date, rest) = text.split_once('T')?;
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let (clock, behind) = rest.split_at_checked(8)?;
    let mut parts = clock.split(':');
    let (hour, minute, second) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanos, zone) = fraction(behind)?;
    if year == 1 {
        return Some((0, 0));
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    Some((seconds, nanos))
}

/// Of so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| fits)
}

/// `.FRACTION`, and what is behind it.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let digits = rest[..end].bytes().chain(std::iter::repeat(b'0')).take(9);
    Some((digits.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0')), &rest[end..]))
}

/// `Z`, `+HH:MM` or `-HH:MM`, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = number(hours, 2)? * 3600 + number(minutes, 2)? * 60;
    match zone.as_bytes().first()? {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March, so that a leap day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(parse("2024-01-01T00:00:00Z"), Some((1_704_067_200, 0)));
        assert_eq!(parse("2024-02-29T23:59:59.5+01:00"), Some((1_709_247_599, 500_000_000)));
        assert_eq!(parse("1969-12-31T23:59:59.123456789Z"), Some((-1, 123_456_789)));
        assert_eq!(parse("2000-03-01T00:00:00-00:30"), Some((951_870_600, 0)));
        assert_eq!(parse("9999-12-31T00:00:00Z"), Some((253_402_214_400, 0)));
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(parse(""), Some((0, 0)));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for odd in [
            "x",
            "2024",
            "2024-01-01",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.5",
            "2024-01-01T25:00:00Z",
            "2024-01-01T00:00:00é00:00",
            "+024-01-01T00:00:00Z",
            "2024-01-01T00:00:0é",
        ] {
            assert_eq!(parse(odd), None, "{odd}");
        }
    }
}
