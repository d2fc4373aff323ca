//! Images made of text, checked.
