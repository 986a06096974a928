//! A contract in words.
//!
//! The one idea: one phrase for each knob that can make a difference, in the order of the contract's
//! rules; what another knob makes meaningless is left out.
//!
//! Invariant: two contracts of the same words allow the same images.
//!
//! What it is not: a name. Presets have those.

use crate::disk::contract::{
    CacheOrder, Contract, DAMAGE_UNBOUNDED, Flush, Fua, InnerTear, TearShape,
};

/// The sectors of a contract.
#[must_use]
pub fn geometry(logical_bytes: u32, physical_bytes: u32) -> String {
    match logical_bytes == physical_bytes {
        true => format!("{logical_bytes}-byte sectors"),
        false => format!("{logical_bytes}-byte sectors over {physical_bytes}-byte physical ones"),
    }
}

/// What a contract allows, but for its sectors.
#[must_use]
pub fn words(contract: &Contract) -> Vec<String> {
    let mut words = vec![match contract.order {
        CacheOrder::WriteThrough => "no volatile cache".to_owned(),
        CacheOrder::Prefix => "first-in-first-out cache".to_owned(),
        CacheOrder::Window(calls) => format!("cache in which {calls} calls may overtake"),
        CacheOrder::Epoch => "cache of any order between flushes".to_owned(),
        CacheOrder::Any => "any-order cache".to_owned(),
    }];
    if contract.order != CacheOrder::WriteThrough {
        words.push(
            match contract.flush {
                Flush::Honoured => "flush honoured",
                Flush::BarrierOnly => "flush orders and makes nothing durable",
                Flush::Ignored => "flush ignored",
            }
            .to_owned(),
        );
        words.push(
            match contract.fua {
                Fua::Native => "FUA honoured",
                Fua::PostFlush => "FUA carried out as a flush",
                Fua::Ignored => "FUA ignored",
            }
            .to_owned(),
        );
        if contract.page_bytes > contract.logical_bytes {
            words.push(format!("cached in whole {}-byte pages", contract.page_bytes));
        }
    }
    words.push(tears(contract));
    words.push(damage(contract));
    words.extend(goes_back(contract));
    for (sectors, what) in
        [(contract.bit_flips, "with a flipped bit"), (contract.latent_errors, "unreadable")]
    {
        if sectors > 0 {
            words.push(format!("at rest {sectors} {what} in each life"));
        }
    }
    words
}

/// What is taken back though it was stable.
fn goes_back(contract: &Contract) -> Vec<String> {
    let mut words = Vec::new();
    if contract.late_calls > 0 {
        words.push(format!("the last {} calls at risk though flushed", contract.late_calls));
    }
    let counted = |most: u32, one: &str, verb: [&str; 2]| match most {
        1 => format!("one {one} per cut {}", verb[0]),
        most => format!("up to {most} {one}s per cut {}", verb[1]),
    };
    if contract.rollback_max > 0 {
        words.push(counted(contract.rollback_max, "stable sector", ["goes back", "go back"]));
    }
    if contract.lost_writes_max > 0 {
        words.push(counted(contract.lost_writes_max, "stable write", ["is lost", "are lost"]));
    }
    words
}

fn tears(contract: &Contract) -> String {
    if contract.store_bytes > 0 {
        let (line, store) = (contract.logical_bytes, contract.store_bytes);
        return format!("of each {line}-byte line the first {store}-byte stores persist");
    }
    let shape = match contract.tear_shape {
        TearShape::Prefix => "the first sectors of a torn command persist",
        TearShape::PrefixOrSuffix => "the first or the last sectors of a torn command persist",
        TearShape::Any => "any sectors of a torn command persist",
    };
    match contract.atomic_bytes {
        u32::MAX => format!("aligned commands do not tear, of others {shape}"),
        bytes if bytes > contract.logical_bytes => {
            format!("aligned commands up to {bytes} bytes do not tear, of others {shape}")
        }
        _ => shape.to_owned(),
    }
}

fn damage(contract: &Contract) -> String {
    if !contract.damages_writes() {
        return "no sector is damaged".to_owned();
    }
    let torn = contract.torn;
    let mut may: Vec<String> = Vec::new();
    for (allowed, what) in [
        (torn.unreadable, "unreadable"),
        (torn.zeros, "zeros"),
        (torn.ones, "0xFF"),
        (torn.garbage, "garbage"),
        (torn.stale, "something older"),
    ] {
        may.extend(allowed.then(|| what.to_owned()));
    }
    match contract.inner_tear {
        InnerTear::Never => {}
        InnerTear::Linear(bytes) => may.push(format!("old and new, split at {bytes} bytes")),
        InnerTear::Any(bytes) => may.push(format!("old and new mixed by {bytes} bytes")),
    }
    let wide = contract.physical_bytes > contract.logical_bytes;
    let (domain, included) = match (contract.damage_bytes(), contract.neighbours && wide) {
        (bytes, _) if bytes > contract.physical_bytes => {
            (format!("{bytes}-byte domain"), ", neighbours included,")
        }
        (_, true) => ("physical sector".to_owned(), ", neighbours included,"),
        (_, false) => ("sector".to_owned(), ""),
    };
    let many = match contract.damage_max {
        1 => format!("one {domain}{included}"),
        DAMAGE_UNBOUNDED => format!("any {domain}{included}"),
        most => format!("up to {most} {domain}s{included}"),
    };
    let neighbours = if wide && !contract.neighbours { "; no neighbours" } else { "" };
    format!("{many} being written may be {}{neighbours}", may.join(", or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::presets;

    #[test]
    fn a_disk_with_large_physical_sectors_reads_as_a_person_would_say_it() {
        let words = words(&presets::named("hdd-512e").unwrap());
        assert_eq!(words[..2], ["any-order cache", "flush honoured"]);
        let damage = "one physical sector, neighbours included, being written may be unreadable, \
                      or zeros";
        assert_eq!(words.last().unwrap(), damage);
    }

    #[test]
    fn no_two_presets_have_the_same_words() {
        let said = |c: &Contract| (geometry(c.logical_bytes, c.physical_bytes), words(c));
        let all: Vec<_> = presets::all().iter().map(|preset| said(&preset.contract)).collect();
        for (i, one) in all.iter().enumerate() {
            assert!(!all[..i].contains(one), "{one:?}");
        }
    }

    #[test]
    fn what_an_sd_card_takes_back_is_said() {
        let words = words(&presets::named("sd-card").unwrap());
        let damage = "one 4096-byte domain, neighbours included, being written may be unreadable, \
                      or 0xFF, or garbage";
        let back =
            ["the last 4 calls at risk though flushed", "one stable sector per cut goes back"];
        assert!(words.contains(&damage.to_owned()), "{words:?}");
        assert_eq!(words[words.len() - 2..], back);
    }
}
