//! Operations that carry a version: platform, domctl and sysctl.
