//! The logistics service: shipments, tracking, promises.
