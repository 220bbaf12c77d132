//! The entry points that `callback_op`, `set_callbacks` and `nmi_op` register.

use super::{BadHandler, Handler};

/// The callbacks of the ABI, by their `CALLBACKTYPE_*` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackKind {
    /// 0: event upcall.
    Event,
    /// 1: a user segment could not be loaded.
    Failsafe,
    /// 2: 64-bit system call.
    Syscall,
    /// 4: non-maskable interrupt.
    Nmi,
    /// 5: `sysenter`.
    Sysenter,
    /// 7: 32-bit `syscall`.
    Syscall32,
}

impl CallbackKind {
    /// The kind for an ABI number; 3 is the form that 64-bit guests never had.
    pub const fn from_abi(kind: u16) -> Option<Self> {
        Some(match kind {
            0 => Self::Event,
            1 => Self::Failsafe,
            2 => Self::Syscall,
            4 => Self::Nmi,
            5 => Self::Sysenter,
            7 => Self::Syscall32,
            _ => return None,
        })
    }
}

/// `callback_register.flags`: entering sets the upcall mask (`CALLBACKF_mask_events`).
const MASK_EVENTS: u16 = 1;

/// Why a registration was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackError {
    /// No such callback: `-ENOSYS`.
    Unknown,
    /// A bad address: `-EINVAL`.
    Address(BadHandler),
    /// This callback can be replaced, not removed: `-EINVAL`.
    Permanent,
}

/// The callbacks of one vCPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Callbacks {
    /// Event upcall; always masks further events, whether the guest asked for it or not.
    pub event: Option<Handler>,
    /// Failsafe.
    pub failsafe: Option<Handler>,
    /// 64-bit system call.
    pub syscall: Option<Handler>,
    /// NMI.
    pub nmi: Option<Handler>,
    /// `sysenter`.
    pub sysenter: Option<Handler>,
    /// 32-bit `syscall`.
    pub syscall32: Option<Handler>,
}

impl Callbacks {
    /// Registers (address 0: forgets) a callback given by its ABI number.
    ///
    /// # Errors
    /// [`CallbackError::Address`] is looked at before [`CallbackError::Unknown`], as in Xen.
    pub const fn register(
        &mut self,
        kind: u16,
        flags: u16,
        address: u64,
    ) -> Result<(), CallbackError> {
        let known = CallbackKind::from_abi(kind);
        let mask = flags & MASK_EVENTS != 0 || matches!(known, Some(CallbackKind::Event));
        let handler = match Handler::check(address, mask) {
            Ok(handler) => handler,
            Err(bad) => return Err(CallbackError::Address(bad)),
        };
        let Some(known) = known else {
            return Err(CallbackError::Unknown);
        };
        *self.slot(known) = handler;
        Ok(())
    }

    /// Removes a callback: the NMI's only, as in Xen.
    ///
    /// # Errors
    /// [`CallbackError::Permanent`] for the other kinds, [`CallbackError::Unknown`].
    pub const fn unregister(&mut self, kind: u16) -> Result<(), CallbackError> {
        match CallbackKind::from_abi(kind) {
            Some(CallbackKind::Nmi) => {
                self.nmi = None;
                Ok(())
            }
            Some(_) => Err(CallbackError::Permanent),
            None => Err(CallbackError::Unknown),
        }
    }

    /// A callback by its kind.
    pub const fn get(&self, kind: CallbackKind) -> Option<Handler> {
        match kind {
            CallbackKind::Event => self.event,
            CallbackKind::Failsafe => self.failsafe,
            CallbackKind::Syscall => self.syscall,
            CallbackKind::Nmi => self.nmi,
            CallbackKind::Sysenter => self.sysenter,
            CallbackKind::Syscall32 => self.syscall32,
        }
    }

    const fn slot(&mut self, kind: CallbackKind) -> &mut Option<Handler> {
        match kind {
            CallbackKind::Event => &mut self.event,
            CallbackKind::Failsafe => &mut self.failsafe,
            CallbackKind::Syscall => &mut self.syscall,
            CallbackKind::Nmi => &mut self.nmi,
            CallbackKind::Sysenter => &mut self.sysenter,
            CallbackKind::Syscall32 => &mut self.syscall32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDLER: u64 = 0xffff_ffff_8100_0000;

    #[test]
    fn each_kind_has_its_place_and_its_flag() {
        for (number, kind) in [
            (1, CallbackKind::Failsafe),
            (2, CallbackKind::Syscall),
            (4, CallbackKind::Nmi),
            (5, CallbackKind::Sysenter),
            (7, CallbackKind::Syscall32),
        ] {
            let mut callbacks = Callbacks::default();
            callbacks.register(number, 0, HANDLER).unwrap();
            assert!(!callbacks.get(kind).unwrap().masks_events());
            callbacks.register(number, 1, HANDLER + 16).unwrap();
            let handler = callbacks.get(kind).unwrap();
            assert!(handler.masks_events());
            assert_eq!(handler.address().0, HANDLER + 16);
        }
    }

    #[test]
    fn an_event_upcall_masks_events_even_unasked() {
        let mut callbacks = Callbacks::default();
        callbacks.register(0, 0, HANDLER).unwrap();
        assert!(callbacks.event.unwrap().masks_events());
    }

    #[test]
    fn refusals() {
        let mut callbacks = Callbacks::default();
        for kind in [3, 6, 8, 0xffff] {
            assert_eq!(
                callbacks.register(kind, 0, HANDLER),
                Err(CallbackError::Unknown)
            );
            assert_eq!(callbacks.unregister(kind), Err(CallbackError::Unknown));
        }
        assert_eq!(
            callbacks.register(3, 0, 0x8000_0000_0000),
            Err(CallbackError::Address(BadHandler::NotCanonical))
        );
        assert_eq!(
            callbacks.register(0, 0, 0xffff_8100_0000_0000),
            Err(CallbackError::Address(BadHandler::Hypervisors))
        );
        assert_eq!(callbacks, Callbacks::default());
    }

    #[test]
    fn only_the_nmi_callback_can_be_removed() {
        let mut callbacks = Callbacks::default();
        callbacks.register(4, 0, HANDLER).unwrap();
        callbacks.register(2, 0, HANDLER).unwrap();
        assert_eq!(callbacks.unregister(4), Ok(()));
        assert_eq!(callbacks.nmi, None);
        assert_eq!(callbacks.unregister(2), Err(CallbackError::Permanent));
        assert!(callbacks.syscall.is_some());
    }
}
