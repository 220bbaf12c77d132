//! `dom0 check-kernel`: what a kernel file says of itself, and whether it would start.

use pv_guest_abi::elfnote::{
    XEN_ELFNOTE_BSD_SYMTAB, XEN_ELFNOTE_ENTRY, XEN_ELFNOTE_FEATURES, XEN_ELFNOTE_GUEST_OS,
    XEN_ELFNOTE_GUEST_VERSION, XEN_ELFNOTE_HV_START_LOW, XEN_ELFNOTE_HYPERCALL_PAGE,
    XEN_ELFNOTE_INIT_P2M, XEN_ELFNOTE_L1_MFN_VALID, XEN_ELFNOTE_LOADER, XEN_ELFNOTE_MOD_START_PFN,
    XEN_ELFNOTE_PADDR_OFFSET, XEN_ELFNOTE_SUPPORTED_FEATURES, XEN_ELFNOTE_SUSPEND_CANCEL,
    XEN_ELFNOTE_VIRT_BASE, XEN_ELFNOTE_XEN_VERSION,
};
use serde::Serialize;
use std::fmt;
use xenolith_rules::build::{Plan, PlanError, Request, UserBit};
use xenolith_rules::elf::{KernelImage, NoteSource, Notes, Role, Value, notes};
use xenolith_rules::types::PAGE_SIZE;

/// What a missing note means. Notes that are not here say nothing by their absence.
const WITHOUT: &[(u32, &str)] = &[
    (XEN_ELFNOTE_XEN_VERSION, "required"),
    (XEN_ELFNOTE_LOADER, "required unless GUEST_OS is \"linux\""),
    (
        XEN_ELFNOTE_VIRT_BASE,
        "guest frame 0 is mapped at address 0",
    ),
    (XEN_ELFNOTE_ENTRY, "the ELF header's entry point is taken"),
    (
        XEN_ELFNOTE_PADDR_OFFSET,
        "p_paddr counts from guest frame 0",
    ),
    (
        XEN_ELFNOTE_HYPERCALL_PAGE,
        "no page is filled with hypercall stubs at start",
    ),
    (
        XEN_ELFNOTE_INIT_P2M,
        "the p2m list lies in the initial area, behind the kernel",
    ),
    (
        XEN_ELFNOTE_MOD_START_PFN,
        "the initrd is mapped, which takes room in the initial area",
    ),
    (
        XEN_ELFNOTE_HV_START_LOW,
        "the usual hole of the hypervisor is taken as known",
    ),
    (XEN_ELFNOTE_FEATURES, "no feature is required"),
    (
        XEN_ELFNOTE_SUPPORTED_FEATURES,
        "an old kernel, taken to be able to be domain 0",
    ),
    (
        XEN_ELFNOTE_L1_MFN_VALID,
        "cannot be saved and restored safely",
    ),
    (XEN_ELFNOTE_SUSPEND_CANCEL, "a suspend cannot be cancelled"),
    (XEN_ELFNOTE_GUEST_OS, "nameless"),
    (XEN_ELFNOTE_GUEST_VERSION, "of unknown version"),
    (XEN_ELFNOTE_BSD_SYMTAB, "its symbol table is not loaded"),
];

/// Everything there is to say of a kernel file.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The file's name, as given.
    pub file: String,
    /// `dom0` or `domu`.
    pub role: &'static str,
    /// Whether it would start.
    pub boots: bool,
    /// Why not.
    pub error: Option<Refusal>,
    /// Where it would lie.
    pub image: Option<Image>,
    /// Where its notes are: `segment`, `section` or `guest-text`.
    pub notes_in: Option<&'static str>,
    /// Its notes, in the order of the file.
    pub notes: Vec<Note>,
    /// The notes that it does not have.
    pub missing: Vec<Missing>,
}

/// Why a kernel would not start.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// A short name for programs.
    pub code: &'static str,
    /// What was found, what was expected, what to do.
    pub message: String,
}

/// Where a kernel would lie.
#[derive(Clone, Debug, Serialize)]
pub struct Image {
    /// Address of guest frame 0.
    pub virt_base: String,
    /// First address of its segments.
    pub start: String,
    /// One past the last address of its segments.
    pub end: String,
    /// First instruction.
    pub entry: String,
    /// The least memory in MiB that it can be started with, without an initrd.
    pub least_memory_mib: Option<u64>,
}

/// A note.
#[derive(Clone, Debug, Serialize)]
pub struct Note {
    /// Its type's number.
    #[serde(rename = "type")]
    pub kind: u32,
    /// Its type's name.
    pub name: &'static str,
    /// Its value: a hexadecimal number, a text, or bytes as hexadecimal digits.
    pub value: String,
}

/// A note that is not there.
#[derive(Clone, Debug, Serialize)]
pub struct Missing {
    /// Its type's number.
    #[serde(rename = "type")]
    pub kind: u32,
    /// Its type's name.
    pub name: &'static str,
    /// What its absence means.
    pub means: &'static str,
}

impl Report {
    /// Looks at the bytes of a file.
    pub fn new(file: &str, bytes: &[u8], role: Role) -> Self {
        let parsed = KernelImage::parse(bytes, role);
        let mut least = None;
        let error = match &parsed {
            Ok(image) => match least_pages(image, role) {
                Ok(pages) => {
                    least = Some(pages.div_ceil((1 << 20) / PAGE_SIZE));
                    None
                }
                Err(error) => Some(Refusal {
                    code: "no-address-room",
                    message: error.to_string(),
                }),
            },
            Err(error) => Some(Refusal {
                code: error.code(),
                message: error.to_string(),
            }),
        };
        // A kernel that is refused may still have notes, which then tell more.
        let found = match &parsed {
            Ok(image) => Some(image.notes.clone()),
            Err(_) => KernelImage::notes_of(bytes).ok(),
        };
        Self {
            file: file.to_owned(),
            role: match role {
                Role::Dom0 => "dom0",
                Role::DomU => "domu",
            },
            boots: error.is_none(),
            error,
            image: parsed.as_ref().ok().map(|image| Image {
                virt_base: hex(image.virt_base),
                start: hex(image.start),
                end: hex(image.end),
                entry: hex(image.entry),
                least_memory_mib: least,
            }),
            notes_in: found.as_ref().map(|notes| match notes.source {
                NoteSource::Segment => "segment",
                NoteSource::Section => "section",
                NoteSource::GuestText => "guest-text",
            }),
            notes: found
                .iter()
                .flat_map(|notes| &notes.list)
                .map(note)
                .collect(),
            missing: found.as_ref().map(missing).unwrap_or_default(),
        }
    }

    /// The report as JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts, numbers and lists have a JSON form")
    }
}

/// The pages that a kernel needs without an initrd.
fn least_pages(image: &KernelImage<'_>, role: Role) -> Result<u64, PlanError> {
    let request = Request {
        nr_pages: 0,
        initrd_bytes: 0,
        user_bit: UserBit::AsGiven,
        role,
    };
    match Plan::new(image, &request) {
        Ok(plan) => Ok(plan.nr_pages),
        Err(PlanError::TooLittleMemory { needed_pages, .. }) => Ok(needed_pages),
        Err(error) => Err(error),
    }
}

fn note(note: &notes::Note<'_>) -> Note {
    let value = match note.value {
        Value::Number(number) => hex(number),
        Value::Text(text) => text.to_owned(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    Note {
        kind: note.kind,
        name: notes::name(note.kind),
        value,
    }
}

fn missing(notes: &Notes<'_>) -> Vec<Missing> {
    WITHOUT
        .iter()
        .filter(|(kind, _)| !notes.has(*kind))
        .map(|&(kind, means)| Missing {
            kind,
            name: notes::name(kind),
            means,
        })
        .collect()
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.role == "dom0" {
            "domain 0"
        } else {
            "a guest"
        };
        match &self.error {
            None => writeln!(f, "{}: starts here as {role}", self.file)?,
            Some(error) => {
                writeln!(f, "{}: does not start here as {role}", self.file)?;
                writeln!(f, "  {}", error.message)?;
            }
        }
        if let Some(image) = &self.image {
            writeln!(f, "\nImage")?;
            writeln!(f, "  {:<20}{} .. {}", "lies at", image.start, image.end)?;
            writeln!(f, "  {:<20}{}", "guest frame 0 at", image.virt_base)?;
            writeln!(f, "  {:<20}{}", "entry", image.entry)?;
            if let Some(mib) = image.least_memory_mib {
                writeln!(
                    f,
                    "  {:<20}{mib} MiB, and the initrd's size",
                    "least memory"
                )?;
            }
        }
        if let Some(place) = self.notes_in {
            let place = match place {
                "segment" => "in a note segment",
                "section" => "in a note section",
                _ => "in the text of the section __xen_guest",
            };
            writeln!(f, "\nXen ELF notes, {place}")?;
            for note in &self.notes {
                writeln!(f, "  {:<20}{}", note.name, note.value)?;
            }
            writeln!(f, "\nNotes that are not there")?;
            for missing in &self.missing {
                writeln!(f, "  {:<20}{}", missing.name, missing.means)?;
            }
        }
        Ok(())
    }
}
