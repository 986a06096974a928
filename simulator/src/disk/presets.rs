//! Device presets, each with its source.
//!
//! The one idea: a preset is a [`Contract`] and a sentence that says who promises it, or who was
//! seen breaking it. A preset is a class of device and not a model of one product.
//!
//! Invariant: every preset validates, and every field that differs from the base is argued here.

use super::contract::{
    CacheOrder, Contract, DAMAGE_UNBOUNDED, Flush, Fua, InnerTear, TornContents,
};

/// A preset and where it comes from.
#[derive(Clone, Debug)]
pub struct Preset {
    /// The contract; its name is the preset's.
    pub contract: Contract,
    /// What it stands for.
    pub about: &'static str,
    /// Where its values come from.
    pub source: &'static str,
}

/// All presets, from kind to hostile.
#[must_use]
pub fn all() -> Vec<Preset> {
    everyday().into_iter().chain(others()).collect()
}

/// The presets of which checks, self-tests and fuzzing ask unless others are named: a proof about a
/// small workload takes them a blink.
#[must_use]
pub fn everyday() -> Vec<Preset> {
    let base = Contract::base;
    let lost_sector = TornContents { unreadable: true, zeros: true, ..TornContents::default() };
    vec![
        Preset {
            contract: Contract {
                atomic_bytes: u32::MAX,
                order: CacheOrder::WriteThrough,
                ..base("ideal")
            },
            about: "every command persists whole or not at all, in order, at once",
            source: "no device: the baseline that every journal must survive",
        },
        Preset {
            contract: Contract {
                logical_bytes: 4096,
                physical_bytes: 4096,
                atomic_bytes: 4096,
                page_bytes: 4096,
                order: CacheOrder::WriteThrough,
                ..base("enterprise-nvme-plp")
            },
            about: "power-loss protected: completed is stable, only the call in flight may tear, \
                    between 4096-byte blocks",
            source: "NVMe 1.4 section 6.4 (AWUPF, zero-based, in logical blocks)",
        },
        Preset {
            contract: Contract { physical_bytes: 4096, ..base("consumer-nvme-no-plp") },
            about: "a volatile cache that persists any subset of 512-byte sectors until a flush",
            source: "NVMe 1.4 section 6.4 (minimum of one block; volatile write cache); shorn \
                     writes: Zheng et al., FAST 2013",
        },
        Preset {
            contract: Contract {
                torn: lost_sector,
                damage_max: 1,
                fua: Fua::PostFlush,
                ..base("hdd-512n")
            },
            about: "the sector under the head when the power goes may be unreadable or zeros, one \
                    per cut; no other byte changes",
            source: "SQLite, powersafe overwrite (without it an interrupted sector reads as zeros \
                     or fails its ECC); libata carries out FUA as a flush by default",
        },
        Preset {
            contract: Contract {
                physical_bytes: 4096,
                torn: lost_sector,
                damage_max: 1,
                neighbours: true,
                fua: Fua::PostFlush,
                ..base("hdd-512e")
            },
            about: "512-byte sectors over 4096-byte physical ones: an interrupted read-modify-\
                    write of the drive may damage the seven neighbours too",
            source: "Dell 4K sector FAQ (power loss during the drive's read-modify-write); SQLite, \
                     powersafe overwrite",
        },
        Preset {
            contract: Contract {
                physical_bytes: 4096,
                order: CacheOrder::Window(64),
                flush: Flush::Ignored,
                fua: Fua::Ignored,
                ..base("lying-flush")
            },
            about: "acknowledges flushes and does not carry them out; writes overtake each other \
                    within a window of 64 calls",
            source: "Bishop 2022 (2 of 4 consumer NVMe drives lost flushed data); the window is a \
                     modelling choice",
        },
        Preset {
            contract: Contract {
                physical_bytes: 4096,
                order: CacheOrder::Epoch,
                flush: Flush::BarrierOnly,
                fua: Fua::Ignored,
                ..base("barrier-flush")
            },
            about: "a flush orders writes and makes nothing durable: consistent, not durable",
            source: "SQLite, How To Corrupt (disks that ignore sync but keep order)",
        },
        Preset {
            contract: Contract {
                page_bytes: 4096,
                fua: Fua::PostFlush,
                ..base("virtio-writeback")
            },
            about: "a guest disk over the host's page cache: any subset of 4096-byte pages until \
                    a flush, when the host loses power",
            source: "virtio 1.2, block device: writeback and VIRTIO_BLK_F_FLUSH; the page is the \
                     host's",
        },
        Preset {
            contract: Contract {
                page_bytes: 4096,
                flush: Flush::Ignored,
                fua: Fua::Ignored,
                ..base("virtio-cache-unsafe")
            },
            about: "the same with the guest's flushes ignored: any subset of the whole history",
            source: "QEMU cache=unsafe; Firecracker's default cache_type Unsafe",
        },
        Preset {
            contract: Contract {
                physical_bytes: 4096,
                atomic_bytes: 16_384,
                order: CacheOrder::WriteThrough,
                ..base("cloud-twp-16k")
            },
            about: "torn-write protection: naturally aligned commands up to 16 KiB persist whole or \
                    not at all, and completed is stable",
            source: "Amazon EBS torn write prevention and its like at other clouds (16 KiB); the \
                     alignment is that of Linux RWF_ATOMIC",
        },
    ]
}

/// The presets of which `compare` asks by name alone: so much hangs together there, or a sector may hold
/// so much, that searches of two lives end at their bound, or take as long as all others together.
pub const BY_NAME: [&str; 3] = ["pm-8byte", "sd-card", "ssd-zheng-hostile"];

/// Presets that a check asks of by name. Of most, searches of two lives are large; on `hdd-512e-nvc` no
/// named journal breaks that stands on `consumer-nvme-no-plp`.
fn others() -> Vec<Preset> {
    let base = Contract::base;
    vec![
        Preset {
            contract: Contract {
                logical_bytes: 64,
                physical_bytes: 64,
                atomic_bytes: 64,
                page_bytes: 64,
                store_bytes: 8,
                ..base("pm-8byte")
            },
            about: "persistent memory: lines of 64 bytes, each holding the first so many of its 8-byte \
                    stores until it is written back; lines independent. A flush is CLWB and SFENCE",
            source: "Px86: stores to one line persist in program order, lines in any; aligned 8-byte \
                     stores do not tear (SNIA NVM programming model). As explored by Jaaru, ASPLOS 2021",
        },
        Preset {
            contract: Contract {
                torn: TornContents {
                    zeros: true,
                    ones: true,
                    garbage: true,
                    stale: true,
                    ..TornContents::default()
                },
                inner_tear: InnerTear::Any(256),
                damage_max: DAMAGE_UNBOUNDED,
                fua: Fua::PostFlush,
                ..base("virtio-spec-literal")
            },
            about: "the letter of the specification: whatever is covered by a write that is not stable \
                    yet holds anything, in any number of sectors at once; by representatives",
            source: "virtio 1.2, block device: contents of sectors covered by a volatile write are \
                     undefined in persistent storage until the write becomes stable",
        },
        Preset {
            contract: Contract {
                torn: TornContents {
                    unreadable: true,
                    ones: true,
                    garbage: true,
                    ..TornContents::default()
                },
                damage_max: 1,
                neighbours: true,
                domain_bytes: 4096,
                fua: Fua::PostFlush,
                late_calls: 4,
                rollback_max: 1,
                ..base("sd-card")
            },
            about: "a flash page of 4096 bytes is ruined with whatever else it holds; the last 4 calls \
                    are at risk though they were flushed; one sector per cut shows an older version",
            source: "OLPC 2010 (cards die or corrupt for 1.6 s after they said programmed: a call takes no \
                     time here, so calls are counted, and 4 is a modelling choice, two commits); Datalight \
                     2018 (weakly programmed pages); rollback: Zheng et al., FAST 2013",
        },
        Preset {
            contract: Contract {
                physical_bytes: 4096,
                atomic_bytes: 4096,
                fua: Fua::PostFlush,
                ..base("hdd-512e-nvc")
            },
            about: "512-byte sectors over 4096-byte physical ones, finished from a cache of its own when the \
                    power goes: aligned commands of up to 4096 bytes do not tear, and nothing is damaged",
            source: "Dell 4K sector FAQ (enterprise drives complete the read-modify-write from a \
                     non-volatile cache); libata carries out FUA as a flush by default",
        },
        Preset {
            contract: Contract {
                physical_bytes: 4096,
                torn: TornContents { unreadable: true, garbage: true, ..TornContents::default() },
                damage_max: 1,
                bit_flips: 1,
                rollback_max: 1,
                ..base("ssd-zheng-hostile")
            },
            about: "what 13 of 15 drives did when their power was cut, all in one: a write reads as garbage \
                    or not at all, a bit flips at rest, a sector shows an older version; one of each per cut",
            source: "Zheng et al., FAST 2013: bit corruption 3, shorn writes 3 (at 512 bytes: any subset), \
                     unserializable writes 8 of 15 drives; what the numbers per cut are nobody said",
        },
    ]
}

/// The preset of a name.
#[must_use]
pub fn named(name: &str) -> Option<Contract> {
    all().into_iter().map(|preset| preset.contract).find(|contract| contract.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_by_name_is_there_and_not_asked_of_every_day() {
        let everyday: Vec<String> = everyday().into_iter().map(|p| p.contract.name).collect();
        for name in BY_NAME {
            assert!(named(name).is_some() && !everyday.iter().any(|other| other == name), "{name}");
        }
    }

    #[test]
    fn every_preset_is_a_valid_contract_with_a_name_of_its_own() {
        let mut names: Vec<String> = Vec::new();
        for preset in all() {
            assert_eq!(preset.contract.validate(), Ok(()), "{}", preset.contract.name);
            assert!(!names.contains(&preset.contract.name));
            assert!(!preset.source.is_empty());
            names.push(preset.contract.name);
        }
        assert_eq!(names.len(), 15);
    }
}
