//! Times in filter texts.

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Days from 1970-01-01 of a date of the Gregorian calendar (years 1 to 9999).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

struct Reader<'a>(&'a str);

impl Reader<'_> {
    /// A number of `least` to `most` digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let n = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if n < least {
            return None;
        }
        let value = self.0[..n].parse().ok()?;
        self.0 = &self.0[n..];
        Some(value)
    }
    fn take(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches(' ');
    }
    /// `HH:MM[:SS[.fraction]]` as seconds and nanoseconds.
    fn clock(&mut self, least: usize) -> Option<(i64, i32)> {
        let hour = self.number(least, 2).filter(|&h| h < 24)?;
        if !self.take(':') {
            return None;
        }
        let minute = self.number(2, 2).filter(|&m| m < 60)?;
        let mut second = 0;
        let mut nanos = 0;
        if self.take(':') {
            second = self.number(2, 2).filter(|&s| s <= 60)?;
            if self.take('.') {
                nanos = self.fraction()?;
            }
        }
        Some((hour * 3600 + minute * 60 + second, nanos))
    }
    /// Digits behind a decimal point, as nanoseconds.
    fn fraction(&mut self) -> Option<i32> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        let value: i32 = self.0[..digits].parse().ok()?;
        self.0 = &self.0[digits..];
        Some(value * 10i32.pow(9 - digits as u32))
    }
}

fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + leap as i64,
        _ => return None,
    };
    (1..=length).contains(&day).then(|| days(year, month, day) * 86_400)
}

/// An absolute time: ISO 8601 (`2020-07-04T12:34:56.5+02:00`; the clock may be missing) or `Sep 26, 2004 23:18:04.954975`.
/// Without a zone it is UTC. Seconds and nanoseconds since 1970, both of the same sign.
pub(crate) fn absolute(text: &str) -> Option<(i64, i32)> {
    let text = text.trim();
    let (secs, nanos) = iso(text).or_else(|| legacy(text))?;
    Some(if secs < 0 && nanos > 0 { (secs + 1, nanos - 1_000_000_000) } else { (secs, nanos) })
}

fn iso(text: &str) -> Option<(i64, i32)> {
    let mut r = Reader(text);
    let year = r.number(4, 4)?;
    if !r.take('-') {
        return None;
    }
    let month = r.number(2, 2)?;
    if !r.take('-') {
        return None;
    }
    let midnight = date(year, month, r.number(2, 2)?)?;
    if r.0.is_empty() {
        return Some((midnight, 0));
    }
    if !r.take('T') {
        let before = r.0.len();
        r.blanks();
        if r.0.len() == before {
            return None;
        }
    }
    let (clock, nanos) = r.clock(2)?;
    r.blanks();
    let zone = match r.0.as_bytes() {
        [] | b"Z" | b"UTC" => 0,
        [sign @ (b'+' | b'-'), ..] => {
            let sign = if *sign == b'+' { 1 } else { -1 };
            r.0 = &r.0[1..];
            let hours = r.number(2, 2).filter(|&h| h < 24)?;
            r.take(':');
            let minutes = if r.0.is_empty() { 0 } else { r.number(2, 2).filter(|&m| m < 60)? };
            if !r.0.is_empty() {
                return None;
            }
            sign * (hours * 3600 + minutes * 60)
        }
        _ => return None,
    };
    Some((midnight + clock - zone, nanos))
}

fn legacy(text: &str) -> Option<(i64, i32)> {
    let name = text.get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|m| *m == name)? as i64 + 1;
    let mut r = Reader(text[3..].trim_start_matches(|c: char| c.is_ascii_alphabetic()));
    r.blanks();
    let day = r.number(1, 2)?;
    if !r.take(',') {
        return None;
    }
    r.blanks();
    let midnight = date(r.number(4, 4)?, month, day)?;
    r.blanks();
    let (clock, nanos) = r.clock(1)?;
    r.blanks();
    matches!(r.0, "" | "UTC").then_some((midnight + clock, nanos))
}

/// A time offset: decimal seconds with a sign and at most nine decimals.
pub(crate) fn relative(text: &str, negative: bool) -> Option<(i64, i32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.is_empty() && !text.contains('.') || !whole.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let secs: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut r = Reader(fraction);
    let nanos = r.fraction()?;
    let sign = if negative { -1 } else { 1 };
    r.0.is_empty().then_some((secs * sign, nanos * sign as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_times() {
        // date -u -d ... +%s
        assert_eq!(absolute("2020-07-04T12:34:56"), Some((1_593_866_096, 0)));
        assert_eq!(absolute("2020-07-04 12:34:56.5Z"), Some((1_593_866_096, 500_000_000)));
        assert_eq!(absolute("2020-07-04T14:34:56+02:00"), Some((1_593_866_096, 0)));
        assert_eq!(absolute("2020-07-04"), Some((1_593_820_800, 0)));
        assert_eq!(absolute("Sep 26, 2004 23:18:04.954975"), Some((1_096_240_684, 954_975_000)));
        assert_eq!(absolute("2000-02-29 00:00:00"), Some((951_782_400, 0)));
        for wrong in ["2001-02-29", "Jan 1, 2010", "foo", "2020-13-01", "2020-07-04X", "é"] {
            assert_eq!(absolute(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn offsets() {
        assert_eq!(relative("1.5", false), Some((1, 500_000_000)));
        assert_eq!(relative("0.25", true), Some((0, -250_000_000)));
        assert_eq!(relative(".5", false), Some((0, 500_000_000)));
        for wrong in ["", ".", "1.", "a", "1.5.2", "1e3"] {
            assert_eq!(relative(wrong, false), None, "{wrong}");
        }
    }
}
