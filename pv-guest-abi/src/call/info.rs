//! Console, version and features.

use zerocopy::FromZeros;

use super::{Calls, Gate, address, address_mut};
use crate::console::{CONSOLEIO_READ, CONSOLEIO_WRITE};
use crate::errno::Errno;
use crate::hypercall::Hypercall;
use crate::version::{
    CapabilitiesInfo, CompileInfo, DomainHandle, Extraversion, FeatureInfo, PlatformParameters,
    XENVER_CAPABILITIES, XENVER_COMPILE_INFO, XENVER_EXTRAVERSION, XENVER_GET_FEATURES,
    XENVER_GUEST_HANDLE, XENVER_PLATFORM_PARAMETERS, XENVER_VERSION,
};

impl<G: Gate> Calls<G> {
    /// Writes bytes to the hypervisor's console.
    ///
    /// For an unprivileged domain a hypervisor may refuse (`EPERM`) or print it only in a debug build.
    pub fn console_write(bytes: &[u8]) -> Result<(), Errno> {
        let args = [
            CONSOLEIO_WRITE.into(),
            bytes.len() as u64,
            address(bytes),
            0,
            0,
        ];
        // SAFETY: the hypervisor reads exactly the borrowed bytes.
        unsafe { Self::raw(Hypercall::ConsoleIo, args) }.map(drop)
    }

    /// Reads waiting bytes from the hypervisor's console; returns how many (control domain only).
    pub fn console_read(buffer: &mut [u8]) -> Result<usize, Errno> {
        let args = [
            CONSOLEIO_READ.into(),
            buffer.len() as u64,
            address_mut(buffer),
            0,
            0,
        ];
        // SAFETY: the hypervisor writes at most the borrowed bytes.
        unsafe { Self::raw(Hypercall::ConsoleIo, args) }.map(|n| n as usize)
    }

    /// The hypervisor's major and minor version.
    pub fn version() -> Result<(u16, u16), Errno> {
        let v = Self::plain(Hypercall::XenVersion, [XENVER_VERSION.into(), 0, 0, 0, 0])?;
        Ok(((v >> 16) as u16, v as u16))
    }

    /// The rest of the version, NUL-padded.
    pub fn extraversion() -> Result<Extraversion, Errno> {
        let mut text = Extraversion::new_zeroed();
        Self::with(Hypercall::XenVersion, XENVER_EXTRAVERSION, &mut text)?;
        Ok(text)
    }

    /// How the hypervisor was built.
    pub fn compile_info() -> Result<CompileInfo, Errno> {
        let mut info = CompileInfo::new_zeroed();
        Self::with(Hypercall::XenVersion, XENVER_COMPILE_INFO, &mut info)?;
        Ok(info)
    }

    /// The kinds of guests that can run, NUL-padded.
    pub fn capabilities(text: &mut CapabilitiesInfo) -> Result<(), Errno> {
        Self::with(Hypercall::XenVersion, XENVER_CAPABILITIES, text).map(drop)
    }

    /// The first linear address of the hypervisor.
    pub fn hypervisor_start() -> Result<u64, Errno> {
        let mut parameters = PlatformParameters::new_zeroed();
        Self::with(
            Hypercall::XenVersion,
            XENVER_PLATFORM_PARAMETERS,
            &mut parameters,
        )?;
        Ok(parameters.virt_start)
    }

    /// The first 32 features, `XENFEAT_*` as bit numbers.
    pub fn features() -> Result<u32, Errno> {
        let mut info = FeatureInfo {
            submap_idx: 0,
            submap: 0,
        };
        Self::with(Hypercall::XenVersion, XENVER_GET_FEATURES, &mut info)?;
        Ok(info.submap)
    }

    /// The UUID of this domain.
    pub fn guest_handle() -> Result<DomainHandle, Errno> {
        let mut handle = DomainHandle::new_zeroed();
        Self::with(Hypercall::XenVersion, XENVER_GUEST_HANDLE, &mut handle)?;
        Ok(handle)
    }
}
