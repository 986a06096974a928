//! Device presets, each with its source.
//!
//! The one idea: a preset is a [`Contract`] and a sentence that says who promises it, or who was
//! seen breaking it. A preset is a class of device and not a model of one product.
//!
//! Invariant: every preset validates, and every field that differs from the base is argued here.

use super::contract::{CacheOrder, Contract, Flush, Fua, TornContents};

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
    fn every_preset_is_a_valid_contract_with_a_name_of_its_own() {
        let mut names: Vec<String> = Vec::new();
        for preset in all() {
            assert_eq!(preset.contract.validate(), Ok(()), "{}", preset.contract.name);
            assert!(!names.contains(&preset.contract.name));
            assert!(!preset.source.is_empty());
            names.push(preset.contract.name);
        }
        assert_eq!(names.len(), 9);
    }
}
