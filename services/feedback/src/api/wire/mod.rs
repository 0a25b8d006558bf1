//! Values between the contracts and the domain.

pub mod case;
pub mod review;
pub mod score;
pub mod survey;

use guanxi_kernel::Refused;

/// A version as a request gives it; 0 means the latest.
pub fn version(number: i32) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}

/// A number that the contracts hold as `int32`.
pub fn int32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A number that the contracts hold as `int64`.
pub fn int64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An enum's variant that the contract's rules let pass; the rules refuse every other.
fn known<T>(variant: Option<T>, field: &str) -> Result<T, Refused> {
    variant.ok_or_else(|| Refused::invalid(field, "enum.defined_only", "value must be one of the enum's"))
}
