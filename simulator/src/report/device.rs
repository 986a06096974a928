//! A contract in words.
//!
//! The one idea: one phrase for each knob that can make a difference, in the order of the contract's
//! rules; what another knob makes meaningless is left out.
//!
//! Invariant: two contracts of the same words allow the same images.
//!
//! What it is not: a name. Presets have those.

use crate::disk::contract::{CacheOrder, Contract, Flush, Fua, InnerTear, TearShape};

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
    for (sectors, what) in
        [(contract.bit_flips, "with a flipped bit"), (contract.latent_errors, "unreadable")]
    {
        if sectors > 0 {
            words.push(format!("at rest {sectors} {what} in each life"));
        }
    }
    words
}

fn tears(contract: &Contract) -> String {
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
    ] {
        may.extend(allowed.then(|| what.to_owned()));
    }
    match contract.inner_tear {
        InnerTear::Never => {}
        InnerTear::Linear(bytes) => may.push(format!("old and new, split at {bytes} bytes")),
        InnerTear::Any(bytes) => may.push(format!("old and new mixed by {bytes} bytes")),
    }
    let wide = contract.physical_bytes > contract.logical_bytes;
    let domain = match contract.neighbours && wide {
        true => "physical sector, neighbours included,",
        false => "sector",
    };
    let many = match contract.damage_max {
        1 => format!("one {domain}"),
        most => format!("any of {most} {domain}s").replace(",s", "s,"),
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
}
