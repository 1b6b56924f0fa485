//! Comparison, charts and tables from what lies on disk.
