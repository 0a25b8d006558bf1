//! The server stack and the transports of Guanxi services.
