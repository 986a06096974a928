//! Numbers of bytes, as people write them.
//!
//! The one idea: a number and at most one of k, M, G, each 1024 of the one before.
//!
//! Invariant: what is not such a number is told with what was expected.
//!
//! What it is not: a guess. `1.5G` is 1536M.

/// Reads `1048576`, `512k`, `64M`, `1G`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!("expected a number of bytes, or one with k, M or G, such as 512M, found `{text}`")
    };
    let (digits, unit) = match text.char_indices().last().ok_or_else(wrong)? {
        (at, 'k' | 'K') => (&text[..at], 1u64 << 10),
        (at, 'm' | 'M') => (&text[..at], 1 << 20),
        (at, 'g' | 'G') => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|&bytes| bytes > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_with_or_without_a_unit() {
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("512k"), Ok(512 << 10));
        assert_eq!(bytes("64M"), Ok(64 << 20));
        assert_eq!(bytes("1G"), Ok(1 << 30));
        for wrong in
            ["", "M", "1.5G", "-1k", "0", "1T", "99999999999999999999", "18446744073709551615k"]
        {
            assert!(bytes(wrong).unwrap_err().contains("expected"), "{wrong}");
        }
    }
}
