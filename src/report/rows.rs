//! Tables as rows of words.

/// A table.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Grid {
    pub header: Vec<String>,
    pub rows: Vec<Row>,
    /// Columns of words; the others are of numbers.
    pub words: Vec<usize>,
    /// What a reader must know to read it, in sentences.
    pub note: String,
}

/// A row of a table.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub cells: Vec<String>,
    /// The cell that stands out.
    pub strong: Option<usize>,
}
