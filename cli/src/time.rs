//! Times as people type them.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// Reads `30s`, `2m`, `1h 30m`, `7d`, `500ms`; a number alone means seconds. More than zero; a day has 24 hours.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let example = "write a time such as 500ms, 30s, 2m or `1h 30m`; a number alone means seconds";
    let time = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
        Err(_) => text
            .parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
            .map_err(|_| "it is no time".to_owned())
            .and_then(|time| Duration::try_from(time).map_err(|_| "it is negative".to_owned())),
    };
    match time {
        Ok(Duration::ZERO) => Err(format!("must be more than zero: {example}")),
        Ok(time) => Ok(time),
        Err(problem) => Err(format!("{problem}: {example}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("2m", 120_000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1.5s", 1500),
            ("2 minutes", 120_000),
            ("7d", 604_800_000),
            ("1w 1d", 691_200_000),
            ("10", 10_000),
            ("0.25", 250),
        ] {
            assert_eq!(parse_time(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_an_example() {
        for text in ["", "0", "0s", "-1", "-5s", "soon", "5 parsecs", "nan", "inf", "1e300"] {
            let refused = parse_time(text).expect_err(text);
            assert!(refused.contains("such as 500ms, 30s, 2m"), "{text}: {refused}");
        }
    }
}
