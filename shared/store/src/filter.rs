//! Filters and orders of lists (AIP-160): a closed list of fields, each a column.
