//! Small words: lists of entries, runs of sectors, wrapped lines, grouped digits.
//!
//! The one idea: one way to say each thing, so that pictures, matrices and messages agree.
//!
//! Invariant: what is given to [`wrap`] comes back in lines no longer than asked, but for single
//! words that are longer.
//!
//! What it is not: localisation, or aware of anything but ASCII.

/// `0`, `0 and 1`, `0, 1 and 2`, `0 to 5`.
#[must_use]
pub fn list(numbers: &[u32]) -> String {
    let run = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
    match numbers {
        [] => "none".to_owned(),
        [one] => one.to_string(),
        [first, .., last] if run && numbers.len() > 3 => format!("{first} to {last}"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(ToString::to_string).collect();
            format!("{} and {last}", most.join(", "))
        }
    }
}

/// `entry 0`, `entries 0 and 1`, `no entry`.
#[must_use]
pub fn entries(numbers: &[u32]) -> String {
    match numbers {
        [] => "no entry".to_owned(),
        [one] => format!("entry {one}"),
        more => format!("entries {}", list(more)),
    }
}

/// `LBA 3`, `LBA 3 to 5`, `LBA 3, 7`; sorted, without repeats.
#[must_use]
pub fn sectors(lbas: &[u64]) -> String {
    let mut lbas = lbas.to_vec();
    lbas.sort_unstable();
    lbas.dedup();
    let run = lbas.windows(2).all(|pair| pair[1] == pair[0] + 1);
    match lbas[..] {
        [] => "no sector".to_owned(),
        [one] => format!("LBA {one}"),
        [first, .., last] if run => format!("LBA {first} to {last}"),
        _ => format!("LBA {}", lbas.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Digits in groups of three: `1,234,567`.
#[must_use]
pub fn grouped(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes in the largest unit that holds it, cut off after one decimal: `1.5 MiB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|&(unit, _)| number >= unit) {
        Some((unit, name)) if number.is_multiple_of(unit) => format!("{} {name}", number / unit),
        Some((unit, name)) => {
            let tenths = u128::from(number) * 10 / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{number} bytes"),
    }
}

/// So many of something: `1 leaf`, `25,000 leaves`.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// `text` in lines of at most `width`, the first behind `head`, the others indented as far.
#[must_use]
pub fn wrap(head: &str, text: &str, width: usize) -> String {
    let indent = head.len();
    let mut out = head.to_owned();
    let mut at = indent;
    for (i, word) in text.split_whitespace().enumerate() {
        if i > 0 && at + 1 + word.len() > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = indent;
        } else if i > 0 {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += word.len();
    }
    out.push('\n');
    out
}

/// `parts` two spaces apart, in lines of at most `width`; a part is broken only where it does not fit
/// a line of its own.
#[must_use]
pub fn wrap_parts(head: &str, parts: &[String], width: usize) -> String {
    let indent = head.len();
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !line.is_empty() && indent + line.trim_end().len() + 2 + part.trim_end().len() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push_str("  ");
        }
        line.push_str(part);
    }
    lines.push(line);
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        let head = if i == 0 { head.to_owned() } else { " ".repeat(indent) };
        let line = line.trim_end();
        if indent + line.len() <= width {
            out += (head + line).trim_end();
            out.push('\n');
        } else {
            out += &wrap(&head, line, width);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_a_person_would_say_them() {
        assert_eq!(list(&[0]), "0");
        assert_eq!(list(&[0, 1]), "0 and 1");
        assert_eq!(list(&[0, 1, 2]), "0, 1 and 2");
        assert_eq!(list(&[0, 1, 2, 3]), "0 to 3");
        assert_eq!(list(&[0, 1, 2, 4]), "0, 1, 2 and 4");
        assert_eq!(entries(&[]), "no entry");
        assert_eq!(sectors(&[4, 3, 4]), "LBA 3 to 4");
        assert_eq!(sectors(&[7, 3]), "LBA 3, 7");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(123), "123");
    }

    #[test]
    fn wrapped_lines_keep_within_the_width() {
        let text = wrap("  why   ", "one two three four five six seven eight", 20);
        assert!(text.lines().all(|line| line.len() <= 20), "{text}");
        assert_eq!(text.split_whitespace().count(), 9);
    }
}
