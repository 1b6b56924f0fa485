//! temporary
/// How exactly a network calculates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// a
    #[default]
    F32,
    /// b
    F32Fast,
    /// c
    Bf16,
}
