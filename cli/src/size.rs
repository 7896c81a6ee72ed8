//! Sizes as people type them.

use hibernaculum::ByteSize;

/// What a unit is worth, in bytes: by thousands, as disks are sold, or by 1024, as memory is.
const UNITS: [(&str, u64); 9] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
];

/// Reads `1GB`, `1.5 GiB`, `500MB`; a number alone means bytes. More than zero.
pub(crate) fn parse_size(text: &str) -> Result<ByteSize, String> {
    let example = "write a size such as 500MB, 1.5GB or 2GiB; a number alone means bytes";
    let lower = text.trim().to_lowercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((lower.strip_suffix(name)?.trim_end(), *unit)))
        .unwrap_or((lower.as_str(), 1));
    let whole = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    let bytes = whole.or_else(|| fraction(number, unit));
    match bytes {
        Some(0) => Err(format!("must be more than zero: {example}")),
        Some(bytes) => Ok(ByteSize::bytes(bytes)),
        None => Err(format!("it is no size: {example}")),
    }
}

/// So many units, where it is no whole number of them.
fn fraction(number: &str, unit: u64) -> Option<u64> {
    if !number.contains('.') || number.starts_with(['+', '-']) {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "units are exact, and who writes 1.5GB means no byte in particular"
    )]
    let bytes = number.parse::<f64>().ok()? * unit as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds")]
    (bytes.is_finite() && (0.0..9e18).contains(&bytes)).then(|| bytes.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("1GB", 1_000_000_000),
            ("1 gb", 1_000_000_000),
            ("1.5GiB", 3 << 29),
            ("500MB", 500_000_000),
            ("20 KiB", 20 << 10),
            ("7B", 7),
            ("4096", 4096),
            ("2TB", 2_000_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(ByteSize::bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_an_example() {
        for text in [
            "",
            "0",
            "0GB",
            "much",
            "-1GB",
            "-1.5GB",
            "1.5.5MB",
            "1PB",
            "GB",
            "99999999999TB",
            "nan",
            "1e3MB",
        ] {
            let refused = parse_size(text).expect_err(text);
            assert!(refused.contains("such as 500MB"), "{text}: {refused}");
        }
    }
}
