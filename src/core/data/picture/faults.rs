//! What every decoder says of a file that it cannot read.

/// Refuses a file of so many bytes that claims what no coding of its kind could hold, before anything is allocated for it: `most` plain bytes come of one.
///
/// # Errors
/// In words, the file not named.
pub(in crate::data) fn plausible(plain: u64, coded: u64, most: u64) -> Result<(), String> {
    match plain <= coded.saturating_mul(most) {
        true => Ok(()),
        false => Err("claims more pixels than its data can hold; restore it, or save it again".into()),
    }
}

/// What to say of a file that does not decode.
pub(in crate::data) fn broken(problem: impl std::fmt::Display) -> String {
    format!("cannot be decoded: {problem}; save it again as PNG, 8 or 16 bits, grey or RGB")
}
