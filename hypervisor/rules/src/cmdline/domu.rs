//! `domu`: the line of a boot module that is to be started as a domain of its own.
//!
//! ```text
//! domu name=web memory=32M vcpus=2 weight=256 cap=50 cpus=0-1 u-bit=forced maxmem=64M initrd -- ARGUMENTS
//! ```
//!
//! The words are those of `xl`'s configuration files, and mean the same. Unlike options of the
//! hypervisor's, a word that is not understood is not passed over: the domain would be another than
//! the one that was asked for.

use super::line::split_dom0_arguments;
use super::value::{number, size};
use super::words::{Word, same_name, words};
use core::fmt;

/// A domain as its module's line describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomuLine<'a> {
    /// Its name, if it is given one.
    pub name: Option<&'a str>,
    /// Memory at start, in bytes.
    pub memory_bytes: u64,
    /// Most memory it may ever have, in bytes; never below that at start.
    pub max_memory_bytes: u64,
    /// Its vCPUs.
    pub vcpus: u32,
    /// Its share of the machine's time.
    pub weight: u16,
    /// Most of it in per cent of one pCPU; 0: no bound.
    pub cap: u16,
    /// The pCPUs on which its vCPUs may run, one bit each.
    pub cpus: u64,
    /// Every page of it is a user page, as in Xen.
    pub force_user_bit: bool,
    /// The next module is its initrd.
    pub initrd: bool,
    /// Its kernel's arguments.
    pub arguments: &'a str,
}

/// The most vCPUs that a domain may have.
pub const MAX_VCPUS: u32 = 64;
/// Longest name, in bytes.
pub const MAX_NAME: usize = 32;
/// Memory of a domain for which none is named.
const DEFAULT_MEMORY: u64 = 64 << 20;

/// A word that is not understood, and what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit<'a> {
    /// The word.
    pub text: &'a str,
    /// The form that is understood.
    pub accepted: &'static str,
}

impl fmt::Display for Misfit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not understood: accepted is {}",
            self.text, self.accepted
        )
    }
}

/// All words, for one that is none of them.
const WORDS: &str = "name=, memory=, maxmem=, vcpus=, weight=, cap=, cpus=, u-bit=, initrd, and -- in front \
                     of the kernel's arguments";

/// Sets what a word says; `None`: a bad value.
type Set = for<'a> fn(&mut DomuLine<'a>, Option<&'a str>) -> Option<()>;

struct Known {
    name: &'static str,
    accepted: &'static str,
    set: Set,
}

const MEMORY: &str = "<number>[B|K|M|G|T], at least 1M; a bare number counts MiB";

static KNOWN: &[Known] = &[
    Known {
        name: "name",
        accepted: "name=<at most 32 letters, digits and . _ + ->",
        set: |line, value| {
            let good = |b: u8| b.is_ascii_alphanumeric() || b"._+-".contains(&b);
            let name = value.filter(|v| !v.is_empty() && v.len() <= MAX_NAME)?;
            name.bytes().all(good).then(|| line.name = Some(name))
        },
    },
    Known {
        name: "memory",
        accepted: MEMORY,
        set: |line, value| {
            line.memory_bytes = mebibytes(value?)?;
            Some(())
        },
    },
    Known {
        name: "maxmem",
        accepted: MEMORY,
        set: |line, value| {
            line.max_memory_bytes = mebibytes(value?)?;
            Some(())
        },
    },
    Known {
        name: "vcpus",
        accepted: "vcpus=<1..64>",
        set: |line, value| {
            line.vcpus = within(value?, 1, u64::from(MAX_VCPUS))? as u32;
            Some(())
        },
    },
    Known {
        name: "weight",
        accepted: "weight=<1..65535>; without it 256",
        set: |line, value| {
            line.weight = within(value?, 1, 65535)? as u16;
            Some(())
        },
    },
    Known {
        name: "cap",
        accepted: "cap=<per cent of one CPU, at most 6400>; 0 for no bound",
        set: |line, value| {
            line.cap = within(value?, 0, 6400)? as u16;
            Some(())
        },
    },
    Known {
        name: "cpus",
        accepted: "cpus=all, or a list like 0-3,^1,5 of CPUs 0 to 63",
        set: |line, value| {
            line.cpus = cpu_list(value?)?;
            Some(())
        },
    },
    Known {
        name: "u-bit",
        accepted: "u-bit=as-given or u-bit=forced",
        set: |line, value| {
            line.force_user_bit = match value? {
                "forced" => true,
                "as-given" => false,
                _ => return None,
            };
            Some(())
        },
    },
    Known {
        name: "initrd",
        accepted: "initrd, without a value: the module behind this one",
        set: |line, value| {
            line.initrd = true;
            value.is_none().then_some(())
        },
    },
];

/// Whether a module's string describes a domain.
pub fn is_domu(text: &str) -> bool {
    words(text).next().is_some_and(|word| word.text == "domu")
}

impl<'a> DomuLine<'a> {
    /// Reads a module's string. `None`: it does not describe a domain, or not one that can be: each
    /// word that is not understood has been handed to `complain`.
    pub fn parse(text: &'a str, mut complain: impl FnMut(Misfit<'a>)) -> Option<Self> {
        let split = split_dom0_arguments(text);
        let mut rest = words(split.options);
        rest.next().filter(|word| word.text == "domu")?;
        let mut line = Self {
            name: None,
            memory_bytes: DEFAULT_MEMORY,
            max_memory_bytes: 0,
            vcpus: 1,
            weight: crate::sched::DEFAULT_WEIGHT,
            cap: 0,
            cpus: !0,
            force_user_bit: false,
            initrd: false,
            arguments: split.dom0,
        };
        let mut good = true;
        for word in rest {
            if let Err(misfit) = line.take(word) {
                complain(misfit);
                good = false;
            }
        }
        line.max_memory_bytes = line.max_memory_bytes.max(line.memory_bytes);
        good.then_some(line)
    }

    fn take(&mut self, word: Word<'a>) -> Result<(), Misfit<'a>> {
        let misfit = |accepted| Misfit {
            text: word.text,
            accepted,
        };
        let known = KNOWN
            .iter()
            .find(|known| same_name(known.name, word.name))
            .ok_or(misfit(WORDS))?;
        (known.set)(self, word.value).ok_or(misfit(known.accepted))
    }
}

/// A size of at least 1 MiB, in bytes; a bare number counts MiB, as in `xl`'s files.
fn mebibytes(text: &str) -> Option<u64> {
    let bytes = match number(text) {
        Some(count) => count.checked_mul(1 << 20)?,
        None => size(text)?,
    };
    (bytes >= 1 << 20).then_some(bytes)
}

fn within(text: &str, least: u64, most: u64) -> Option<u64> {
    number(text).filter(|n| (least..=most).contains(n))
}

/// A list of CPUs as in `xl`'s `cpus=`: items are taken in order, `^` takes away.
fn cpu_list(text: &str) -> Option<u64> {
    let mut cpus = 0;
    for item in text.split(',') {
        let (item, away) = match item.strip_prefix('^') {
            Some(item) => (item, true),
            None => (item, false),
        };
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let named = if item == "all" {
            !0
        } else {
            let (first, last) = (within(first, 0, 63)?, within(last, 0, 63)?);
            if first > last {
                return None;
            }
            !0 << first & !0 >> (63 - last)
        };
        cpus = if away { cpus & !named } else { cpus | named };
    }
    (cpus != 0).then_some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn read(text: &str) -> Result<DomuLine<'_>, Vec<Misfit<'_>>> {
        let mut misfits = Vec::new();
        DomuLine::parse(text, |misfit| misfits.push(misfit)).ok_or(misfits)
    }

    #[test]
    fn all_words_are_taken() {
        let line = read(
            "domu name=hostile memory=32M vcpus=2 weight=512 cap=150 cpus=0-1 u-bit=forced \
             maxmem=64M initrd -- console=hvc0  x -- y",
        );
        let wanted = DomuLine {
            name: Some("hostile"),
            memory_bytes: 32 << 20,
            max_memory_bytes: 64 << 20,
            vcpus: 2,
            weight: 512,
            cap: 150,
            cpus: 3,
            force_user_bit: true,
            initrd: true,
            arguments: "console=hvc0  x -- y",
        };
        assert_eq!(line, Ok(wanted));
    }

    #[test]
    fn nothing_is_needed_but_the_first_word() {
        let line = read("domu").unwrap();
        assert_eq!((line.name, line.vcpus, line.weight), (None, 1, 256));
        assert_eq!(
            (line.memory_bytes, line.max_memory_bytes),
            (64 << 20, 64 << 20)
        );
        assert_eq!((line.cpus, line.arguments), (!0, ""));
        assert!(!line.initrd && !line.force_user_bit);
    }

    #[test]
    fn only_the_first_word_makes_a_domain() {
        for text in ["", "domain", "domu=1", "initrd domu", "-- domu", "\"domu\""] {
            assert!(!is_domu(text), "{text}");
            assert_eq!(read(text), Err(Vec::new()));
        }
        assert!(is_domu(" domu\tname=x"));
    }

    #[test]
    fn memory_is_in_mebibytes_as_in_xl() {
        assert_eq!(read("domu memory=32").unwrap().memory_bytes, 32 << 20);
        assert_eq!(read("domu memory=1G").unwrap().memory_bytes, 1 << 30);
        assert_eq!(read("domu memory=2048K").unwrap().memory_bytes, 2 << 20);
        // Never less at most than at start.
        assert_eq!(
            read("domu memory=32 maxmem=16").unwrap().max_memory_bytes,
            32 << 20
        );
    }

    #[test]
    fn cpu_lists() {
        let cpus = |list: &str| {
            let line = std::format!("domu cpus={list}");
            read(&line).ok().map(|line| line.cpus)
        };
        assert_eq!(cpus("all"), Some(!0));
        assert_eq!(cpus("0-3,^1,5"), Some(0b10_1101));
        assert_eq!(cpus("all,^0"), Some(!1));
        assert_eq!(cpus("63"), Some(1 << 63));
        for bad in [
            "", "64", "3-1", "^0", "0,^0", "a", "0,,1", "1-", "-1", "nodes:0",
        ] {
            assert_eq!(cpus(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_bad_word_is_told_with_the_accepted_form() {
        let misfits = read("domu memroy=32 vcpus=0 memory=x initrd=y -- vcpus=0").unwrap_err();
        let texts: Vec<_> = misfits.iter().map(|misfit| misfit.text).collect();
        assert_eq!(texts, ["memroy=32", "vcpus=0", "memory=x", "initrd=y"]);
        assert!(misfits[0].accepted.contains("memory="));
        assert!(misfits[1].accepted.contains("1..64"));
        for bad in [
            "memory=0",
            "memory=4K",
            "vcpus=65",
            "weight=0",
            "weight=65536",
            "cap=x",
            "u-bit=on",
            "name=",
            "name=a/b",
            "name",
            "memory",
            "xyzzy",
        ] {
            let line = std::format!("domu {bad}");
            assert_eq!(read(&line).unwrap_err().len(), 1, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_refused(text in ".{0,80}") {
            let _ = read(&std::format!("domu {text}"));
        }
    }
}
