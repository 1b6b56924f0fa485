//! Tests of whole charts.
