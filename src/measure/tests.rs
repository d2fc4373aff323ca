//! Measuring without an engine, and without time passing.
