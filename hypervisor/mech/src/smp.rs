//! stand-in
use xenolith_rules::types::CpuId;
pub fn here() -> CpuId { CpuId(0) }
pub fn stop_others() {}
