//! Numbers with units, of three digits at least: `6 MiB`, `1.25 MiB`, `64 GB`, `480 GB`.

/// Of caches: units of 1024.
pub(super) fn cache(bytes: u64) -> String {
    with_unit(bytes, 1024, &["B", "KiB", "MiB", "GiB"])
}

/// Of memory: units of 1024, called as on a module.
pub(super) fn memory(bytes: u64) -> String {
    with_unit(bytes, 1024, &["B", "KB", "MB", "GB", "TB"])
}

/// Of disks: units of 1000, as on the label.
pub(super) fn disk(bytes: u64) -> String {
    with_unit(bytes, 1000, &["B", "KB", "MB", "GB", "TB", "PB"])
}

/// Empty for nothing: that is what is not known.
fn with_unit(bytes: u64, base: u64, units: &[&str]) -> String {
    if bytes == 0 {
        return String::new();
    }
    let mut one = 1_u64;
    let mut place = 0;
    while place + 1 < units.len() && bytes / one >= base {
        one *= base;
        place += 1;
    }
    let number = bytes as f64 / one as f64;
    let decimals = match number {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    let number = format!("{number:.decimals$}");
    let number = if decimals > 0 {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        &number
    };
    format!("{number} {}", units[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits() {
        assert_eq!(cache(6 << 20), "6 MiB");
        assert_eq!(cache(1280 << 10), "1.25 MiB");
        assert_eq!(cache(100 << 10), "100 KiB");
        assert_eq!(memory(64 << 30), "64 GB");
        assert_eq!(memory(1536 << 30), "1.5 TB");
        assert_eq!(memory(24_684_084 << 10), "23.5 GB");
        assert_eq!(disk(480_103_981_056), "480 GB");
        assert_eq!(disk(1_920_383_410_176), "1.92 TB");
        assert_eq!(disk(4_000_787_030_016), "4 TB");
        assert_eq!(
            (disk(0), disk(512), disk(u64::MAX)),
            (String::new(), "512 B".to_owned(), "18447 PB".to_owned())
        );
    }
}
